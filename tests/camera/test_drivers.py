from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.camera.assembler import BoardAssembler
from aoi_app.camera.drivers import acquisition_config, create_camera, discover, drivers, open_camera
from aoi_app.camera.folder import ImageSource, folder_camera
from aoi_app.camera.ring import BufferRing
from aoi_app.camera.simulated import SimulatedCamera
from aoi_app.core.errors import AoiError, CameraError, CameraNotFound, FeatureError
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import PixelFormat, ScanEnd
from aoi_app.core.settings import CameraSettings


def write(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    pixels = np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)
    cv2.imwrite(str(file), pixels if len(shape) == 2 else pixels[..., ::-1])
    return pixels


def inspect(camera: SimulatedCamera, height: int = 16) -> list[ScanEnd]:
    camera.open()
    camera.configure(AcquisitionConfig(height=height, acquisition_line_rate=None))
    assembler = BoardAssembler(BufferRing(8, 40_000), height)
    camera.start_acquisition()
    ends = []
    while not camera.exhausted:
        block = camera.fetch(60.0)
        events = assembler.tick() if block is None else assembler.feed(block)
        ends += [event for event in events if isinstance(event, ScanEnd)]
    camera.close()
    return ends


def test_each_image_is_one_board_and_a_broken_one_is_an_error(tmp_path: Path) -> None:
    grey, colour = write(tmp_path / "1.png", (50, 40)), write(tmp_path / "3.png", (33, 64, 3))
    (tmp_path / "2.png").write_bytes(b"broken")
    source = ImageSource([tmp_path, tmp_path / "missing.png", tmp_path / "1.png"])
    ends = inspect(folder_camera(source))
    assert [end.scan.serial for end in ends] == ["1", "2", "3", "missing", "1"]
    assert [end.completeness.ok for end in ends] == [True, False, True, False, True]
    assert np.array_equal(ends[0].image, grey) and np.array_equal(ends[2].image, colour)
    assert [end.scan.pixel_format for end in ends[:3:2]] == [PixelFormat.MONO8, PixelFormat.RGB8]
    assert "is not an image" in ends[1].completeness.reasons[0]
    assert "No such file" in ends[3].completeness.reasons[0]
    assert ends[0].input_hash == ends[4].input_hash


def test_a_folder_without_images_is_no_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraNotFound, match="no image"):
        ImageSource([tmp_path])


def test_a_path_is_a_source(tmp_path: Path) -> None:
    write(tmp_path / "1.png", (50, 40))
    camera = open_camera(str(tmp_path))
    assert camera.info.driver == "folder"
    assert camera.configure(acquisition_config(CameraSettings())).width == 40
    camera.close()


def test_a_folder_may_run_on_the_simulated_line_for_ever(tmp_path: Path) -> None:
    write(tmp_path / "1.png", (20, 40))
    camera = open_camera(f"simulated:{tmp_path}", {"gap_lines": 5, "faults": "drop_block@1:0"})
    camera.configure(AcquisitionConfig(height=8, acquisition_line_rate=None))
    camera.start_acquisition()
    blocks = [camera.fetch(60.0) for _ in range(9)]
    camera.close()
    assert [b.frame_id for b in blocks if b] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("source", ["simulated", "simulated:bare"])
def test_drawn_boards_run_on_the_simulated_line(source: str) -> None:
    camera = open_camera(source, {"width": 320, "lines": 300, "seed": 7})
    assert camera.configure(AcquisitionConfig(height=200, acquisition_line_rate=None)).width == 320
    camera.start_acquisition()
    first, last = camera.fetch(60.0), camera.fetch(60.0)
    camera.close()
    assert first is not None and last is not None
    assert (first.pixels.shape, last.lines, last.ends_board) == ((200, 320), 100, True)
    assert first.serial is not None and re.fullmatch(r"bare-\d{12}-000000", first.serial) and first.pixels.std() > 10


def test_the_same_seed_draws_the_same_boards() -> None:
    def board(seed: int) -> bytes:
        camera = open_camera("simulated", {"width": 320, "lines": 320, "seed": seed})
        camera.configure(AcquisitionConfig(height=320, acquisition_line_rate=None))
        camera.start_acquisition()
        block = camera.fetch(60.0)
        camera.close()
        assert block is not None
        return block.pixels.tobytes()

    assert board(1) == board(1) != board(2)


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("nowhere", {}, "neither a file, nor a folder, nor a camera"),
        ("simulated:teapots", {}, "teapots"),
        ("simulated", {"width": 3}, "too small"),
        ("simulated", {"faults": "boom"}, "is not a fault"),
    ],
)
def test_a_source_that_is_none_is_refused(source: str, options: dict[str, int | str], says: str) -> None:
    with pytest.raises(CameraError, match=says) as caught:
        create_camera(source, options)
    assert caught.value.hint


def test_every_driver_answers_the_question_what_is_there() -> None:
    found = discover(0.2)
    assert set(found) == set(drivers())
    assert all(isinstance(answer, (list, AoiError)) for answer in found.values())
    assert isinstance(found["simulated"], list) and found["simulated"]


def test_a_misspelt_option_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(FeatureError) as caught:
        create_camera("simulated:bare", {"flat_feild": "x.npz"})
    assert "flat_feild" in caught.value.what and caught.value.hint == "Did you mean flat_field?"
    with pytest.raises(FeatureError, match="gap_policy"):
        create_camera("simulated:bare", {"zzz": 1})


def test_options_left_from_another_source_and_features_of_the_camera_are_let_be() -> None:
    create_camera("simulated:bare", {"packet_size": 1_500, "ExposureTime": 20.0, "colour": True})


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"buffers": "many"}, "whole number from 0 to 4096"),
        ({"buffers": 2.5}, "whole number"),
        ({"packet_size": -1}, "whole number from 0 to 65535"),
        ({"sensor_bit": 64}, "from 0 to 63"),
        ({"silence_s": True}, "a number from 0 to 86400"),
        ({"board_quiet_s": 0}, r"a number from 0\.01"),
        ({"packet_resend": "no"}, "true or false"),
    ],
)
def test_an_option_that_cannot_have_its_value_is_refused_before_the_camera_is_looked_for(
    options: dict[str, int | float | str | bool], hint: str
) -> None:
    with pytest.raises(FeatureError, match=next(iter(options))) as caught:
        create_camera("simulated:bare", options)
    assert re.search(hint, caught.value.hint)
