"""Pixels that never change, told from views of buffers that others fill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aoi_app.core.scan import freeze, is_frozen, read_only


def test_what_is_frozen_cannot_be_written_through_anything() -> None:
    owner = np.zeros((4, 6), np.uint8)
    part = owner[1:, ::2]
    assert not is_frozen(part)
    assert freeze(part) is part
    assert is_frozen(part)
    for view in (part, owner):
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 1
    assert is_frozen(read_only(part)[:2])


def test_a_view_of_a_buffer_that_others_fill_is_not_frozen() -> None:
    buffer = np.zeros((4, 6), np.uint8)
    assert not is_frozen(read_only(buffer))
    assert not is_frozen(read_only(read_only(buffer)))
    assert not is_frozen(read_only(np.frombuffer(bytearray(24), np.uint8)))
    assert is_frozen(np.frombuffer(bytes(24), np.uint8))


def test_a_file_that_is_mapped_may_change(tmp_path: Path) -> None:
    np.zeros(24, np.uint8).tofile(tmp_path / "pixels")
    assert not is_frozen(np.memmap(tmp_path / "pixels", np.uint8, "r"))
