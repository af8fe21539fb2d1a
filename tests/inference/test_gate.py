"""The gate admits what finds the same and refuses, with the reason, what does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError, ImageError
from aoi_app.inference.card import Channels, Family, InputSpec, ModelCard
from aoi_app.inference.frozen import FrozenBoard, frozen_boards
from aoi_app.inference.gate import Certificate, GateLimits, run_gate
from aoi_app.inference.layout import Form, HeadSpec
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.base import SessionInfo
from aoi_app.inference.streaming import StreamingDetector

SIDE = 64
MODEL = Model(
    Path("spots.onnx"),
    "1" * 64,
    ModelCard(classes=("spot", "other"), input=InputSpec(channels=Channels.GREY, scale=1.0, pad=0)),
    "images",
    None,
    (SIDE, SIDE),
    False,
    np.dtype(np.float32),
    HeadSpec(Family.YOLOV10, Form.ROWS, ("rows",), 2),
)
Rows = NDArray[np.float32]


class Spots:
    """Finds the bright spots; `spoil` is what a bad engine makes of that."""

    batch = 4
    fixed_batch = False
    info = SessionInfo("spots", "fp16", "nowhere", sha256="2" * 64)

    def __init__(self, spoil: Callable[[Rows], None] = lambda rows: None) -> None:
        self._spoil = spoil

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        rows = np.zeros((len(batch), 9, 6), np.float32)
        for tile, found in zip(batch, rows, strict=True):
            _, _, stats, _ = cv2.connectedComponentsWithStats((tile[0] > 200).astype(np.uint8))
            for row, (x, y, w, h, _) in zip(found, stats[1:], strict=False):
                row[:] = (x, y, x + w, y + h, 0.9, 0)
        self._spoil(rows)
        return [rows]

    def close(self) -> None:
        pass


@pytest.fixture
def boards(tmp_path: Path) -> tuple[FrozenBoard, ...]:
    for number in range(3):
        board = np.zeros((100, 150), np.uint8)
        board[20:30, 20 + number : 32] = 250
        board[60:66, 100:120] = 250
        cv2.imwrite(str(tmp_path / f"{number}.png"), board)
    return frozen_boards([tmp_path])


def gate(boards: Sequence[FrozenBoard], spoil: Callable[[Rows], None], **limits: Any) -> Certificate:
    reference = StreamingDetector(MODEL, Spots(), min_confidence=0.25, overlap=16)
    session = Spots(spoil)
    candidate = StreamingDetector(MODEL, session, min_confidence=0.25, overlap=16)
    tile = np.zeros((1, 1, SIDE, SIDE), np.float32)
    tile[0, 0, 5:9, 5:9] = 250
    return run_gate(reference, candidate, session, tile, boards, GateLimits(**limits), memory_mib=lambda: 100.0)


def test_an_engine_that_finds_the_same_is_admitted(boards: Sequence[FrozenBoard]) -> None:
    certificate = gate(boards, lambda rows: None, memory_mib=200)
    assert certificate.admitted, certificate
    assert (certificate.reference_boxes, certificate.lost_boxes, certificate.shift_px) == (6, 0, 0)
    assert certificate.map50 == certificate.map50_reference == 100
    assert certificate.sha256 == "2" * 64 and certificate.precision == "fp16" and certificate.identical_rows
    assert certificate.as_dict()["admitted"] is True


def lose_one(rows: Rows) -> None:
    rows[:, 0, 4] = 0


def shift(rows: Rows) -> None:
    rows[..., :4] += 1.5


def no_numbers(rows: Rows) -> None:
    rows[0, 0, 0] = np.nan


def other_class(rows: Rows) -> None:
    rows[..., 5] = 1


def uneven(rows: Rows) -> None:
    rows[-1, -1, 0] += len(rows) > 1


def extra(rows: Rows) -> None:
    rows[:, 7:9] = (1, 1, 6, 6, 0.95, 0)


@pytest.mark.parametrize(
    ("spoil", "limits", "reason"),
    [
        (lose_one, {}, "boxes of the reference are lost"),
        (shift, {}, "6 of 6 boxes of the reference are lost"),
        (other_class, {}, "6 of 6 boxes of the reference are lost"),
        (no_numbers, {}, "no numbers"),
        (uneven, {}, "4 identical tiles in a batch do not give identical rows"),
        (extra, {}, "mAP50 is"),
        (lambda rows: None, {"p99_ms": 1e-6}, "the recipe allows 0.0 ms"),
        (lambda rows: None, {"memory_mib": 50}, "it takes 100 MiB, the recipe allows 50 MiB"),
        (lambda rows: None, {"threshold": 0.9}, "nothing was compared"),
    ],
)
def test_a_bad_engine_is_refused_with_the_reason(
    spoil: Callable[[Rows], None], limits: dict[str, Any], reason: str, boards: Sequence[FrozenBoard]
) -> None:
    certificate = gate(boards, spoil, **limits)
    assert not certificate.admitted
    assert reason in str(certificate)


def test_what_the_reference_finds_faintly_is_no_truth(boards: Sequence[FrozenBoard]) -> None:
    """What lies under every threshold of the recipe is nothing that an engine could lose."""

    def faint(rows: Rows) -> None:
        rows[:, 8] = (1, 1, 6, 6, 0.1, 0)

    reference = StreamingDetector(MODEL, Spots(faint), min_confidence=0.05, overlap=16)
    candidate = StreamingDetector(MODEL, Spots(), min_confidence=0.05, overlap=16)
    tile = np.zeros((1, 1, SIDE, SIDE), np.float32)
    certificate = run_gate(reference, candidate, Spots(), tile, boards, GateLimits())
    assert certificate.admitted and certificate.reference_boxes == 6
    assert certificate.map50 == certificate.map50_reference == 100


def test_half_a_pixel_is_within_the_limit(boards: Sequence[FrozenBoard]) -> None:
    def half(rows: Rows) -> None:
        rows[..., :4] += 0.5 * (rows[..., 4:5] > 0)

    certificate = gate(boards, half)
    assert certificate.admitted and certificate.shift_px == pytest.approx(0.5)


def test_labels_are_the_truth_where_every_image_has_them(boards: Sequence[FrozenBoard]) -> None:
    for board in boards:
        board.path.with_suffix(".txt").write_text("0 0.5 0.5 0.1 0.1\n")
    certificate = gate(frozen_boards([boards[0].path.parent]), lambda rows: None)
    assert certificate.labelled and certificate.map50_reference == 0
    boards[0].path.with_suffix(".txt").write_text("spot at the left\n")
    with pytest.raises(ImageError, match="holds no labels"):
        gate(frozen_boards([boards[0].path.parent]), lambda rows: None)


def test_without_images_there_is_no_admission(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no images"):
        gate(frozen_boards([tmp_path]), lambda rows: None)


def test_a_limit_takes_an_even_choice_and_golden_boards_are_not_boards(tmp_path: Path) -> None:
    for name in ("a", "a.golden", "b", "c", "d"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((10, 10), len(name), np.uint8))
    boards = frozen_boards([tmp_path], limit=2)
    assert [b.name for b in boards] == ["a", "c"]
    golden = boards[0].golden
    assert golden is not None and golden[0, 0] == len("a.golden") and boards[1].golden is None
