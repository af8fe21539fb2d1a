"""A `.tflite` file as the model itself: our own exports, and one as other exporters write it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.core.scan import Pixels
from aoi_app.inference.admission import open_admitted
from aoi_app.inference.card import ModelCard, card_path
from aoi_app.inference.frozen import FrozenBoard, detect
from aoi_app.inference.gate import GateLimits, lost_boxes
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.litert import LiteRt
from aoi_app.inference.runtimes.table import open_detector

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")

FILES = Path(__file__).parent / "litert"
LIMITS = {"small.fp32": 0.01, "small.fp16": 0.1, "small.int8": 1.0, "foreign": 0.01}
"""Pixels that a side of a box may be away from the ONNX file's."""


@pytest.fixture(scope="module")
def board() -> Pixels:
    noise = np.random.default_rng(3).integers(0, 255, (30, 30)).astype(np.uint8)
    return np.asarray(cv2.resize(noise, (200, 170)), np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for path in FILES.glob("small.*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def ignore(share: float, text: str) -> None:
    """Progress that nobody looks at."""


@pytest.mark.parametrize("name", LIMITS)
def test_it_finds_what_the_onnx_file_finds(name: str, board: Pixels) -> None:
    found = []
    for path, runtime in ((FILES / "small.onnx", "onnxruntime"), (FILES / f"{name}.tflite", "litert")):
        detector = open_detector(path, runtime, "fp32", min_confidence=0.5, overlap=16)
        found.append(detect(detector, board))
        info = detector.info
        detector.close()
    assert info.runtime == "LiteRT" and info.class_names == ("class0", "class1", "class2")
    assert info.precision == ("int8" if "int8" in name else "fp32"), "what computes, whatever the weights are kept in"
    limits = GateLimits(threshold=0.5, margin=0.15, box_px=LIMITS[name])
    expected, lost, shift = lost_boxes(found[0], found[1], limits)
    # where two classes are nearly equal, INT8 may name the other one
    allowed = 0.1 * expected if name == "small.int8" else 0
    assert expected > 5 and lost <= allowed, f"{lost} of {expected} lost, {shift} px"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_files_beside_the_onnx_file_are_used(precision: str) -> None:
    model = read_model(FILES / "small.onnx")
    tile = np.random.default_rng(1).random(model.input_shape(1), np.float32)
    session = LiteRt().load(model, precision, {}, ignore)
    assert session.info.sha256 == read_model(FILES / f"small.{precision}.tflite").sha256
    assert session.run(tile)[0].shape == (1, 7, 84)
    session.close()
    with pytest.raises(EngineError, match="freed"):
        session.run(tile)


def test_a_file_of_another_network_beside_the_model_is_refused(files: Path) -> None:
    card = card_path(files / "small.fp32.tflite")
    read = ModelCard.model_validate_json(card.read_text())
    card.write_text(read.model_copy(update={"made_from": "0" * 64}).model_dump_json())
    with pytest.raises(ModelError, match="converted from another network"):
        LiteRt().load(read_model(files / "small.onnx"), "fp32", {}, ignore)


def test_other_runtimes_refuse_it_by_name() -> None:
    with pytest.raises(EngineError, match="is a LiteRT file; ONNX Runtime cannot run it") as caught:
        open_detector(FILES / "small.fp32.tflite")
    assert "runtime litert" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"\x1c\x00\x00\x00TFL3" + bytes(200), b"no model at all" * 20])
def test_a_broken_file_is_refused_by_name(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "small.tflite").write_bytes(data)
    with pytest.raises(ModelError, match=r"LiteRT refuses small\.tflite"):
        read_model(tmp_path / "small.tflite")


def test_a_damaged_name_inside_is_refused_too(tmp_path: Path) -> None:
    data = (FILES / "small.fp32.tflite").read_bytes()
    assert b"serving_default_args_0" in data
    (tmp_path / "small.tflite").write_bytes(data.replace(b"serving_default_args_0", b"serving_default_args_\xf3"))
    with pytest.raises(ModelError, match=r"LiteRT refuses small\.tflite"):
        read_model(tmp_path / "small.tflite")


def test_missing_and_without_classes(files: Path) -> None:
    with pytest.raises(ModelError, match="is not there"):
        read_model(files / "nobody.tflite")
    card_path(files / "small.fp32.tflite").unlink()
    with pytest.raises(ModelError, match="does not say what its classes are called"):
        read_model(files / "small.fp32.tflite")


def test_the_gate_compares_it_with_its_original(files: Path, board: Pixels, caplog: pytest.LogCaptureFixture) -> None:
    cv2.imwrite(str(files / "a.png"), board)
    boards = [FrozenBoard(files / "a.png")]
    limits = GateLimits(threshold=0.5, margin=0.15)

    def admit() -> str:
        detector, certificate = open_admitted(
            files / "small.fp32.tflite", "litert", "fp32", lambda: boards, limits, min_confidence=0.5, overlap=16
        )
        detector.close()
        return str(certificate or "")

    assert "0 of" in admit()
    (files / "small.onnx").unlink()
    with caplog.at_level(logging.WARNING):
        assert admit() == ""
    assert "has no ONNX original beside it" in caplog.text
