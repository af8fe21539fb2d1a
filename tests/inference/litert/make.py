"""Makes the files of this folder; needs the extra `litert-convert`:  python -m tests.inference.litert.make

One small network with weights of a fixed seed, as ONNX and as LiteRT in three precisions, so that machines without the
converter run LiteRT too.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
SIDE = 64
CLASSES = 3


def write_small(path: Path) -> Path:
    """Write a YOLOv8-shaped detector of one convolution a stride: grey tiles of 64 x 64 px, three classes."""
    random = np.random.default_rng(5)
    nodes, weights, levels = [], [], []
    for stride in (8, 16, 32):
        cells = SIDE // stride
        kernel = random.normal(0, 2.0 / stride, (4 + CLASSES, 1, stride, stride)).astype(np.float32)
        kernel[4:] *= 2.5
        y, x = np.mgrid[:cells, :cells].astype(np.float32).reshape(2, -1) + 0.5
        # A box a cell, two strides wide, moved a little by what the convolution sees; classes are rare.
        size = np.full_like(x, 2.0 * stride)
        rare = np.full((CLASSES, x.size), -1.0, np.float32)
        base = np.concatenate([np.stack([x * stride, y * stride, size, size]), rare])[None]
        shape = np.array([0, 4 + CLASSES, cells * cells], np.int64)
        weights += [
            numpy_helper.from_array(kernel, f"kernel{stride}"),
            numpy_helper.from_array(base.astype(np.float32), f"base{stride}"),
            numpy_helper.from_array(shape, f"shape{stride}"),
        ]
        nodes += [
            helper.make_node("Conv", ["images", f"kernel{stride}"], [f"map{stride}"], kernel_shape=[stride, stride],
                             strides=[stride, stride]),
            helper.make_node("Reshape", [f"map{stride}", f"shape{stride}"], [f"flat{stride}"]),
            helper.make_node("Add", [f"flat{stride}", f"base{stride}"], [f"level{stride}"]),
        ]  # fmt: skip
        levels.append(f"level{stride}")
    weights.append(numpy_helper.from_array(np.array([4, CLASSES], np.int64), "parts"))
    nodes += [
        helper.make_node("Concat", levels, ["all"], axis=2),
        helper.make_node("Split", ["all", "parts"], ["boxes", "logits"], axis=1),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    anchors = sum((SIDE // s) ** 2 for s in (8, 16, 32))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 4 + CLASSES, anchors])],
        weights,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    names = {i: f"class{i}" for i in range(CLASSES)}
    helper.set_model_props(proto, {"names": repr(names), "task": "detect", "imgsz": repr([SIDE, SIDE]), "stride": "32"})
    onnx.save(proto, str(path))
    return path


def write_foreign(source: Path, target: Path) -> None:
    """Write the same network as another exporter does: channels last, boxes as shares of the sides, names appended."""
    import litert_torch
    import torch

    from aoi_app.inference.model import read_model
    from aoi_app.inference.runtimes.onnx_to_torch import OnnxModule
    from aoi_app.inference.runtimes.ort_library import simplified

    class Foreign(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = OnnxModule(simplified(read_model(source), 1), ("output0",))
            self.sides = torch.tensor([float(SIDE)] * 4 + [1.0] * CLASSES)[None, :, None]

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            # of shape (1, 64, 64, 1): with one channel the memory is the same either way
            outputs: tuple[torch.Tensor, ...] = self.inner(image.reshape(1, 1, SIDE, SIDE))
            return outputs[0] / self.sides

    litert_torch.convert(Foreign().eval(), (torch.zeros(1, SIDE, SIDE, 1),)).export(str(target))
    with zipfile.ZipFile(target, "a") as archive:
        names = {i: f"class{i}" for i in range(CLASSES)}
        archive.writestr("temp_meta.txt", repr({"task": "detect", "imgsz": [SIDE, SIDE], "names": names}))


def main() -> None:
    """Make all files anew."""
    from aoi_app.inference.model import read_model
    from aoi_app.inference.precision import CACHE_VARIABLE
    from aoi_app.inference.runtimes.litert_convert import export_tflite

    model = read_model(write_small(HERE / "small.onnx"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        noise = np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8)
        cv2.imwrite(f"{folder}/board.png", cv2.resize(noise, (320, 320)))
        for precision in ("fp32", "fp16", "int8"):
            export_tflite(model, precision, HERE, (Path(folder),), lambda share, text: None)
    write_foreign(model.path, HERE / "foreign.tflite")


if __name__ == "__main__":
    main()
