"""What is GenTL's own: producers that cannot be loaded, cameras that are gone without a word."""

from __future__ import annotations

import _ctypes
import os
import shutil
from pathlib import Path

import pytest

from aoi_app.camera import gentl
from aoi_app.camera.gentl import PRODUCERS_VARIABLE, GentlCamera, discover
from aoi_app.camera.node_map import NodeMap
from aoi_app.core.errors import CameraError, CameraLost, CameraNotFound

genicam = pytest.importorskip("genicam", reason="pip install genicam")
pytestmark = pytest.mark.skipif(gentl.missing() is not None, reason=str(gentl.missing()))
VIKY = Path(genicam.__file__).with_name("viky.cti")


class Nodes:
    """A node map whose camera answers with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_node(self, name: str) -> Nodes:
        return self

    def get_value(self, verify: bool, past_memory: bool) -> int:
        raise self.error


def test_a_camera_that_no_longer_answers_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    from genicam.genapi import AccessException, RuntimeException

    camera = GentlCamera("", {"cti": str(VIKY)})
    camera.open()
    camera.check()
    gone = NodeMap(Nodes(RuntimeException("gone")))
    monkeypatch.setattr(GentlCamera, "features", gone)
    with pytest.raises(CameraLost, match="no longer answers") as caught:
        camera.check()
    assert caught.value.hint
    camera.close()
    camera.check()
    assert NodeMap(Nodes(AccessException("not now"))).answers()


def test_a_producer_that_cannot_be_loaded_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "broken.cti"
    bad.write_bytes(b"no library")
    shutil.copy(_ctypes.__file__, tmp_path / "another.cti")
    monkeypatch.setenv(PRODUCERS_VARIABLE, os.pathsep.join((str(tmp_path), str(VIKY.parent))))
    assert len(discover(0.1)) == 3
    monkeypatch.setenv(PRODUCERS_VARIABLE, str(tmp_path))
    with pytest.raises(CameraError, match=r"another\.cti is no GenTL producer.*broken\.cti") as caught:
        discover(0.1)
    assert caught.value.hint
    with pytest.raises(CameraNotFound, match=r"broken\.cti"):
        GentlCamera("", {"cti": str(bad)}).open()
