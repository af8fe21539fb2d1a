"""What every driver must do, the same for all, run on the real libraries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.camera import aravis_library, gentl, pylon
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.bounded_camera import BoundedCamera, SdkCamera
from aoi_app.camera.folder import ImageSource, folder_camera
from aoi_app.camera.gentl import GentlCamera
from aoi_app.camera.introspection import describe
from aoi_app.camera.opencv import OpencvCamera
from aoi_app.camera.pylon import PylonCamera
from aoi_app.camera.simulated import SimulatedCamera
from aoi_app.camera.stages import Option
from aoi_app.core.errors import BackendMissing, CameraError, FeatureError
from aoi_app.core.protocols import AcquisitionConfig, LineScanCamera
from aoi_app.core.scan import LineBlock
from tests.camera.boards import device, fake_camera, loopback, pictures, source_of


@dataclass
class Case:
    camera: LineScanCamera
    config: AcquisitionConfig
    sets_width: bool = True


def need(missing: Callable[[], BackendMissing | None]) -> None:
    reason = missing()
    if reason is not None:
        pytest.skip(str(reason))


def bounded(make: Callable[[], SdkCamera]) -> BoundedCamera:
    return BoundedCamera(make, "of the contract")


@contextmanager
def simulated(tmp_path: Path) -> Iterator[Case]:
    camera = SimulatedCamera(source_of(pictures(2), repeat=True), gap_lines=20)
    yield Case(camera, AcquisitionConfig(height=32, acquisition_line_rate=20_000.0))


@contextmanager
def folder(tmp_path: Path) -> Iterator[Case]:
    for n, picture in enumerate(pictures(3)):
        cv2.imwrite(str(tmp_path / f"{n}.png"), picture)
    camera = folder_camera(ImageSource([tmp_path], repeat=True))
    yield Case(camera, AcquisitionConfig(height=32, acquisition_line_rate=None))


@contextmanager
def gige(tmp_path: Path) -> Iterator[Case]:
    need(aravis_library.missing)
    with device(pictures(2), loopback(11), repeat=True):
        yield Case(
            bounded(lambda: AravisCamera(loopback(11))), AcquisitionConfig(height=32, acquisition_line_rate=20_000.0)
        )


@contextmanager
def aravis_fake(tmp_path: Path) -> Iterator[Case]:
    """Aravis' own fake camera: an area-scan one, whose frame ids begin at 65401."""
    need(aravis_library.missing)
    with fake_camera() as address:
        yield Case(
            bounded(lambda: AravisCamera(address, {"board_lines": 192})), AcquisitionConfig(width=256, height=64)
        )


@contextmanager
def pylon_emulator(tmp_path: Path) -> Iterator[Case]:
    need(pylon.missing)
    options = {"board_lines": 128, "ExposureTimeAbs": 100.0}
    config = AcquisitionConfig(width=512, height=32, acquisition_line_rate=3_200.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYLON_CAMEMU", "1")
        yield Case(bounded(lambda: PylonCamera("0815-0000", options)), config)


@contextmanager
def gentl_viky(tmp_path: Path) -> Iterator[Case]:
    need(gentl.missing)
    import genicam

    cti = str(Path(genicam.__file__).with_name("viky.cti"))
    options: dict[str, Option] = {"cti": cti, "board_lines": 400, "buffers": 20}
    camera = bounded(lambda: GentlCamera("", options, busy_s=0.2))
    yield Case(camera, AcquisitionConfig(width=400, height=200, acquisition_line_rate=10_000.0))


@contextmanager
def opencv_file(tmp_path: Path) -> Iterator[Case]:
    for n in range(40):
        cv2.imwrite(str(tmp_path / f"{n:03d}.png"), np.full((40, 64), n, np.uint8))
    camera = OpencvCamera(str(tmp_path / "%03d.png"), {"board_lines": 80})
    yield Case(camera, AcquisitionConfig(), sets_width=False)


CASES = [simulated, folder, gige, aravis_fake, pylon_emulator, gentl_viky, opencv_file]


@pytest.fixture(params=CASES, ids=lambda case: case.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    with request.param(tmp_path) as made:
        yield made
        made.camera.close()


def blocks(camera: LineScanCamera, count: int, timeout_s: float = 60.0) -> list[LineBlock]:
    got: list[LineBlock] = []
    deadline = time.monotonic() + timeout_s
    while len(got) < count and time.monotonic() < deadline:
        block = camera.fetch(0.2)
        if block is not None:
            got.append(block)
    assert len(got) == count
    return got


@pytest.mark.link
class TestContract:
    def test_blocks_come_in_order_and_own_their_pixels(self, case: Case) -> None:
        case.camera.open()
        applied = case.camera.configure(case.config)
        assert applied.width and applied.height >= 1
        case.camera.start_acquisition()
        got = [(block, block.pixels.tobytes()) for _ in range(12) for block in blocks(case.camera, 1)]
        ids = [block.frame_id for block, _ in got]
        assert ids[0] == 0 and all(a < b for a, b in pairwise(ids))
        for block, then in got:
            assert block.pixels.dtype == np.uint8 and 1 <= block.lines <= applied.height
            assert block.pixels.shape[1] == applied.width
            assert block.pixels.tobytes() == then
        assert any(block.starts_board for block, _ in got) and any(block.ends_board for block, _ in got)

    def test_a_new_start_counts_anew(self, case: Case) -> None:
        case.camera.open()
        case.camera.configure(case.config)
        for _ in range(3):
            case.camera.start_acquisition()
            assert blocks(case.camera, 2)[0].frame_id == 0
            case.camera.stop_acquisition()
            case.camera.stop_acquisition()

    def test_stop_wakes_fetch(self, case: Case) -> None:
        case.camera.open()
        case.camera.configure(case.config)
        case.camera.start_acquisition()
        done = threading.Event()

        def consume() -> None:
            while not stop.is_set():
                case.camera.fetch(200.0)
            done.set()

        stop = threading.Event()
        thread = threading.Thread(target=consume)
        thread.start()
        time.sleep(0.1)
        stop.set()
        case.camera.stop_acquisition()
        assert done.wait(100.0)
        thread.join()

    def test_it_is_free_after_close_and_can_be_opened_again(self, case: Case) -> None:
        for _ in range(2):
            case.camera.open()
            case.camera.open()
            case.camera.configure(case.config)
            case.camera.start_acquisition()
            blocks(case.camera, 1)
            case.camera.close()
            case.camera.close()
        assert case.camera.info.driver

    def test_it_says_when_it_is_not_open(self, case: Case) -> None:
        with pytest.raises(CameraError) as caught:
            case.camera.configure(case.config)
        assert caught.value.hint

    def test_a_width_that_cannot_be_is_refused(self, case: Case) -> None:
        if not case.sets_width:
            pytest.skip("the width of this source cannot be set")
        case.camera.open()
        with pytest.raises(FeatureError) as caught:
            case.camera.configure(replace(case.config, width=10_000_000))
        assert "idth" in caught.value.what

    def test_its_features_are_told_with_limits(self, case: Case) -> None:
        case.camera.open()
        case.camera.configure(case.config)
        told = {feature.name: feature for feature in describe(case.camera)}
        if not told:
            assert case.camera.info.driver in ("simulated", "folder", "opencv", "test")
            return
        assert " to " in told["Width"].limits and told["Width"].writable
        assert told["PixelFormat"].value in told["PixelFormat"].limits.split(", ")
        assert any(not feature.writable for feature in told.values())
