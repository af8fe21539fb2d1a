"""What cannot be used is refused with what was found and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto

from aoi_app.core.errors import ModelError
from aoi_app.inference.layout import Form
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.table import open_detector

from .conftest import MakeOnnx
from .exported import V5, V8, zeros

REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "segmentation by task": (
        [("output0", zeros(116, 8400), (1, 116, 8400)), ("output1", zeros(32, 160, 160), (1, 32, 160, 160))],
        {"metadata": {**V8, "task": "segment"}},
        "task 'segment'",
    ),
    "segmentation by shape": (
        [("output0", zeros(116, 8400), (1, 116, 8400)), ("output1", zeros(32, 160, 160), (1, 32, 160, 160))],
        {"metadata": V5},
        "segmentation network",
    ),
    "pose": (
        [("output0", zeros(56, 8400), (1, 56, 8400))],
        {"metadata": {"names": "{0: 'person'}"}},
        "pose network: output0 (1, 56, 8400)",
    ),
    "rotated boxes": ([("output0", zeros(85, 8400), (1, 85, 8400))], {"metadata": V5}, "rotated boxes"),
    "classification": ([("output0", zeros(80), (1, 80))], {"metadata": V5}, "classifies whole images"),
    "a classifier of six classes": (
        [("output0", zeros(6), (1, 6))],
        {"metadata": {"names": "[a, b, c, d, e, f]"}},
        "classifies whole images",
    ),
    "rows without their image": ([("output0", zeros(5, 6), None)], {"metadata": V5, "bare": True}, "list of boxes"),
    "as many rows as there are, six classes": (
        [("output0", zeros(9, 6), ("n", 6))],
        {"metadata": {"names": "[a, b, c, d, e, f]"}, "bare": True},
        "list of boxes that does not tell which image",
    ),
    "one row without its image": (
        [("output0", zeros(6), (1, 6))],
        {"metadata": {"names": "[open, short]"}},
        "list of boxes that does not tell which image",
    ),
    "no names": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": {"stride": "32"}},
        "does not say what its classes are called",
    ),
    "unreadable names": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": {"names": "{0: 'a', 2: "}},
        "names = \"{0: 'a', 2:",
    ),
    "names with a hole": (
        [("output0", zeros(6, 8400), (1, 6, 8400))],
        {"metadata": {"names": "{0: 'a', 2: 'c'}"}},
        "cannot be read",
    ),
    "wrong number of names": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": {"names": "['a', 'b']"}},
        "do not fit a detector with 2 classes: output0 (1, 84, 8400)",
    ),
    "five channels": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (1, 5, 640, 640)},
        "images (1, 5, 640, 640) float; expected an image",
    ),
    "rank three": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (3, 640, 640)},
        "images (3, 640, 640)",
    ),
    "double": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_type": TensorProto.DOUBLE},
        "expected float32, float16 or uint8",
    ),
    "two inputs": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "extra_inputs": ["orig_target_sizes"]},
        "2 inputs",
    ),
    "two channels without a card": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (1, 2, 640, 640)},
        "2 channels and no card",
    ),
    "feature maps only": (
        [(f"p{s}", zeros(3, s, s, 85), (1, 3, s, s, 85)) for s in (80, 40, 20)],
        {"metadata": V5},
        "YOLOv7's export.py makes it with --grid",
    ),
    "a transformer of three classes": (
        [("output0", zeros(300, 7), (1, 300, 7))],
        {"metadata": {**V8, "names": "['a', 'b', 'c']"}},
        "may be a transformer",
    ),
    "more pixels than any memory": (
        [("output0", zeros(84, 8400), (256, 84, 8400))],
        {"metadata": V8, "input_shape": (256, 3, 4096, 4096)},
        "at most 256 images",
    ),
    "no batch of images": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (1, 3, 99999, 99999)},
        "sides of 32 to 4096 px",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_detector_is_refused_by_name(case: str, make_onnx: MakeOnnx) -> None:
    outputs, how, message = REFUSED[case]
    path = make_onnx(outputs, **how)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert message in str(caught.value)
    assert caught.value.hint


def test_broken_files_are_refused(tmp_path: Path, make_onnx: MakeOnnx) -> None:
    good = make_onnx([("output0", zeros(84, 8400), (1, 84, 8400))], metadata=V8).read_bytes()
    for name, data in {
        "empty": b"",
        "text": b"this is no network\n" * 50,
        "cut short": good[: len(good) // 2],
        "altered": good[:40] + bytes(200) + good[240:],
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    }.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            read_model(path)
        assert path.name in str(caught.value)
    (tmp_path / "small.onnx").write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(100))
    with pytest.raises(ModelError, match="is a LiteRT file"):
        read_model(tmp_path / "small.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(tmp_path / "missing.onnx")


@pytest.mark.parametrize("what", ["IR version", "opset"])
def test_a_file_of_a_newer_onnx_is_refused_by_its_version(what: str, make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", zeros(84, 8400), (1, 84, 8400))], metadata=V8)
    proto = onnx.load(str(path))
    if what == "opset":
        proto.opset_import[0].version = 999
    else:
        proto.ir_version = 999
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match=f"written for {what} 999 of ONNX") as caught:
        read_model(path)
    assert "older opset" in caught.value.hint


def test_an_operator_of_one_runtime_only_is_named(make_onnx: MakeOnnx) -> None:
    # YOLOv7 exported for TensorRT with its suppression inside.
    path = make_onnx([("raw", zeros(84, 8400), (1, 84, 8400))], metadata=V5)
    proto = onnx.load(str(path))
    shapes = {"num_dets": (1, 1), "det_boxes": (1, 100, 4), "det_scores": (1, 100), "det_classes": (1, 100)}
    proto.graph.node.append(onnx.helper.make_node("EfficientNMS_TRT", ["raw"], list(shapes), domain="TRT"))
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items())
    proto.opset_import.append(onnx.helper.make_opsetid("TRT", 1))
    path.write_bytes(proto.SerializeToString())
    assert read_model(path).head.form is Form.COUNTED
    with pytest.raises(ModelError, match="EfficientNMS_TRT") as caught:
        open_detector(path)
    assert "Load model from" not in caught.value.what and "standard operators" in caught.value.hint
