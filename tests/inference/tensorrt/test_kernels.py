"""The CUDA sources against the shared preprocessing and heads; compiled for every GPU generation, run on the CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.card import BoxUnit, Channels, Family, InputSpec, ModelCard
from aoi_app.inference.heads import SECOND_NAMES_BELOW, Decoder
from aoi_app.inference.layout import Form, HeadSpec, cells
from aoi_app.inference.model import Model
from aoi_app.inference.preprocess import TileCutter
from aoi_app.inference.runtimes.tensorrt.engine import Port
from aoi_app.inference.runtimes.tensorrt.gpu.kernels import SOURCES, compile_kernels
from aoi_app.inference.runtimes.tensorrt.kernelset import (
    decode_defines,
    preprocess_defines,
    select_defines,
    suppression,
)
from aoi_app.inference.runtimes.tensorrt.layout import BATCH, MAX_KEPT, RESULT
from aoi_app.inference.streaming import on_board
from aoi_app.inference.tiling import Tile
from tests.inference.tensorrt.cpu_kernels import COMPILER, run_kernel

SIZE = (64, 96)
STRIDES = (8, 16, 32)
BOARD = (300, 200)  # width, lines
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler to run the kernels on the CPU")


def a_model(
    form: Form = Form.CLASSES,
    channels: Channels = Channels.GREY,
    dtype: Any = np.float32,
    channels_first: bool = True,
    last: bool = False,
    classes: int = 3,
) -> Model:
    alone = form is Form.OBJECTNESS and classes == 1  # as the heads of YOLOv5 and v7 are read
    bins = 4 if form is Form.AOI else 0
    head = HeadSpec(Family.YOLOV8, form, ("out",), classes, channels_first, STRIDES, bins, objectness_alone=alone)
    if form is Form.COUNTED:
        head = HeadSpec(Family.YOLOV10, form, ("num", "boxes", "scores", "classes"), classes)
    scale = 1.0 if dtype is np.uint8 else 1 / 255
    names = tuple(f"class {number}" for number in range(classes))
    card = ModelCard(classes=names, input=InputSpec(channels=channels, scale=scale, pad=114))
    return Model(Path("net.onnx"), "", card, "images", None, SIZE, False, np.dtype(dtype), head, last)


@pytest.mark.parametrize("lines", [40, 150])
@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("channels", list(Channels))
@needs_compiler
def test_tiles_are_cut_as_on_the_cpu(channels: Channels, rgb: bool, lines: int) -> None:
    check_tiles(a_model(channels=channels), rgb, lines)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
@needs_compiler
def test_tiles_of_other_types_and_layouts(dtype: Any, last: bool) -> None:
    check_tiles(a_model(channels=Channels.RGB, dtype=dtype, last=last), True, 150)


def check_tiles(model: Model, rgb: bool, lines: int) -> None:
    """Cut tiles, one of them beyond every edge, out of a ring that has wrapped around."""
    random = np.random.default_rng(1)
    width, ring = 203, 128
    shape = (lines, width, 3) if rgb else (lines, width)
    board, golden = (random.integers(0, 256, shape, np.uint8) for _ in range(2))
    tiles = [Tile(0, max(0, lines - 64)), Tile(107, max(0, lines - 70)), Tile(130, max(0, lines - 30))]
    want = TileCutter(model, len(tiles)).cut(board, lines, tiles, golden)
    rings = [np.zeros((ring, *shape[1:]), np.uint8) for _ in range(2)]
    for line in range(lines):
        rings[0][line % ring], rings[1][line % ring] = board[line], golden[line]
    call, got, counters = np.zeros(1, BATCH), np.full_like(want, 77), np.ones(2 * len(tiles), np.uint32)
    for field, value in {
        "board": rings[0].ctypes.data,
        "golden": rings[1].ctypes.data,
        "width": width,
        "samples": 3 if rgb else 1,
        "golden_samples": 3 if rgb else 1,
        "golden_lines": lines,
        "ring": ring,
        "golden_ring": ring,
        "lines": lines,
        "tiles": len(tiles),
    }.items():
        call[0][field] = value
    call[0]["corners"][: len(tiles)] = [(t.x, t.y) for t in tiles]
    blocks = -(-SIZE[0] * SIZE[1] // 8 // 128)
    addresses = [call.ctypes.data, got.ctypes.data, counters.ctypes.data]
    defines = preprocess_defines(model, model.dtype)
    run_kernel("preprocess.cu", "preprocess", defines, (blocks, len(tiles)), 128, addresses)
    np.testing.assert_array_equal(got, want)
    assert not counters.any(), "the counters of the decoder are cleared"


def raw_outputs(model: Model, tiles: int, seed: int, crowded: bool) -> dict[str, NDArray[Any]]:
    """Return what a network could give: a few boxes, or very many that overlap, with equal scores among them."""
    random = np.random.default_rng(seed)
    head, count = model.head, cells(SIZE, STRIDES)
    anchors = 3 * count if head.form is Form.OBJECTNESS and not crowded else count
    scores = random.random((tiles, head.classes, anchors), np.float32) ** (2 if crowded else 40)
    scores = np.round(scores, 2)
    if head.form is Form.AOI:
        logits = np.log(np.clip(scores, 1e-5, 1 - 1e-5) / (1 - np.clip(scores, 1e-5, 1 - 1e-5)))
        bins = random.normal(0, 2, (tiles, 4 * head.reg_max, anchors))
        return {"out": np.concatenate([logits, bins], axis=1).astype(np.float32)}
    centres = random.random((tiles, 2, anchors)) * np.array(SIZE[::-1])[None, :, None]
    sides = random.random((tiles, 2, anchors)) * 30
    if head.form is Form.COUNTED:
        corners = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).transpose(0, 2, 1)
        kinds = random.integers(0, head.classes, (tiles, anchors)).astype(np.int32)
        numbers = random.integers(0, 40, (tiles, 1)).astype(np.int32)
        best = scores.max(axis=1)
        boxes = np.ascontiguousarray(corners, np.float32)
        return {"num": numbers, "boxes": boxes, "scores": best, "classes": kinds}
    if head.form is Form.ROWS:
        kinds = random.integers(0, head.classes, (tiles, 1, anchors)).astype(np.float32)
        best = scores.max(axis=1, keepdims=True)
        rows = np.concatenate([centres - sides / 2, centres + sides / 2, best, kinds], axis=1)
        return {"out": np.ascontiguousarray(rows.transpose(0, 2, 1), np.float32)}
    if head.form is Form.GRID:
        centres, sides = random.random((tiles, 2, anchors)), random.normal(0, 1, (tiles, 2, anchors))
        sides[0, 0, :3] = 50.0
    if head.form is Form.CORNERS:
        centres, sides = centres - sides / 2, centres + sides / 2
    values = [centres, sides, scores]
    if head.form in (Form.OBJECTNESS, Form.GRID):
        values.insert(2, np.round(random.random((tiles, 1, anchors)), 2))
    stacked = np.concatenate(values, axis=1).astype(np.float32)
    return {"out": stacked if head.channels_first else np.ascontiguousarray(stacked.transpose(0, 2, 1))}


def on_kernels(
    model: Model, outputs: dict[str, NDArray[Any]], threshold: float, place: tuple[int, int] = (0, 0)
) -> NDArray[Any]:
    """Return the results of decode.cu and select.cu for tiles at `place` of a board of 300 x 200 px."""
    tiles = len(next(iter(outputs.values())))
    ports = {n: Port(n, (-1, *v.shape[1:]), v.dtype, False) for n, v in outputs.items()}
    decode = decode_defines(model, ports, threshold)
    anchors, capacity = int(decode["ANCHORS"]), int(decode["CAPACITY"])
    call, results = np.zeros(1, BATCH), np.zeros(tiles, RESULT)
    call[0]["width"], call[0]["lines"], call[0]["corners"][:tiles] = *BOARD, place
    call[0]["tiles"], call[0]["threshold"] = tiles, threshold
    call[0]["iou"] = suppression(model.head.form, 0.5)
    scratch: list[NDArray[Any]] = [
        np.zeros((tiles, capacity), np.uint64),
        np.zeros((tiles, anchors, 4), np.float32),
        np.zeros((tiles, anchors), np.int32),
        np.zeros((tiles, 2), np.uint32),
    ]
    where = [a.ctypes.data for a in scratch]
    inputs = [outputs[name].ctypes.data for name in model.output_names]
    blocks = -(-anchors // 128)
    run_kernel("decode.cu", "decode", decode, (blocks, tiles), 128, [call.ctypes.data, *inputs, *where])
    addresses = [call.ctypes.data, *where, results.ctypes.data]
    run_kernel("select.cu", "select_boxes", select_defines(decode), (tiles, 1), 256, addresses)
    return results


FORMS = [
    (Form.CLASSES, True),
    (Form.CLASSES, False),
    (Form.CORNERS, True),
    (Form.OBJECTNESS, False),
    (Form.OBJECTNESS, True),
    (Form.GRID, False),
    (Form.ROWS, False),
    (Form.COUNTED, False),
    (Form.AOI, True),
]


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize(("form", "channels_first"), FORMS)
@needs_compiler
def test_detections_are_those_of_the_shared_heads(form: Form, channels_first: bool, crowded: bool) -> None:
    model = a_model(form, channels_first=channels_first)
    outputs = raw_outputs(model, 2, 5, crowded)
    threshold = 0.07 if crowded else 0.25
    want = Decoder(model.head, SIZE, threshold).decode([outputs[n] for n in model.output_names], 2)
    results = on_kernels(model, outputs, threshold)
    assert sum(map(len, want)) > 3
    for result, expected in zip(results, want, strict=True):
        assert_same(result, expected)


@pytest.mark.parametrize("classes", [1, 2, 33])
@pytest.mark.parametrize(("form", "channels_first"), FORMS)
@needs_compiler
def test_any_number_of_classes(form: Form, channels_first: bool, classes: int) -> None:
    model = a_model(form, channels_first=channels_first, classes=classes)
    outputs = raw_outputs(model, 2, 9, False)
    want = Decoder(model.head, SIZE, 0.205).decode([outputs[n] for n in model.output_names], 2)
    assert sum(map(len, want)) > 0
    for result, expected in zip(on_kernels(model, outputs, 0.205), want, strict=True):
        assert_same(result, expected)


@needs_compiler
def test_the_objectness_is_the_score_where_classes_were_not_trained() -> None:
    product = a_model(Form.OBJECTNESS)
    model = replace(product, head=replace(product.head, objectness_alone=True))
    outputs = raw_outputs(model, 2, 5, False)
    want = Decoder(model.head, SIZE, 0.9).decode([outputs["out"]], 2)
    assert len(want[0]) > 3 > len(Decoder(product.head, SIZE, 0.9).decode([outputs["out"]], 1)[0])
    for result, expected in zip(on_kernels(model, outputs, 0.9), want, strict=True):
        assert_same(result, expected)


@pytest.mark.parametrize(
    ("form", "channels_first"), [(Form.CLASSES, True), (Form.CORNERS, False), (Form.COUNTED, False)]
)
@needs_compiler
def test_shares_of_the_sides_become_pixels(form: Form, channels_first: bool) -> None:
    pixels = a_model(form, channels_first=channels_first)
    model = replace(pixels, head=replace(pixels.head, unit=BoxUnit.SHARES))
    outputs = raw_outputs(model, 2, 5, False)
    want = Decoder(pixels.head, SIZE, 0.25).decode([outputs[n] for n in model.output_names], 2)
    boxes = outputs["boxes"] if form is Form.COUNTED else outputs["out"]
    places = boxes[:, :4] if channels_first else boxes[..., :4]
    places /= np.array([SIZE[1], SIZE[0]] * 2, np.float32)[:, None] if channels_first else [SIZE[1], SIZE[0]] * 2
    assert sum(map(len, want)) > 3
    found = Decoder(model.head, SIZE, 0.25).decode([outputs[n] for n in model.output_names], 2)
    for result, expected, other in zip(on_kernels(model, outputs, 0.25), want, found, strict=True):
        assert_same(result, expected)
        np.testing.assert_allclose(other.boxes, expected.boxes, atol=1e-3)


def assert_same(result: Any, expected: Detections) -> None:
    count = int(result["count"])
    assert count == min(len(expected), MAX_KEPT)
    np.testing.assert_allclose(result["scores"][:count], expected.scores, atol=1e-6)
    np.testing.assert_allclose(result["boxes"][:count], expected.boxes, atol=1e-3)
    np.testing.assert_array_equal(result["classes"][:count], expected.classes)


@needs_compiler
def test_a_place_has_second_names_where_little_confidence_is_asked_for() -> None:
    model = a_model(Form.AOI)
    outputs = raw_outputs(model, 2, 5, False)
    for threshold in (0.01, 0.049):
        want = Decoder(model.head, SIZE, threshold).decode([outputs["out"]], 2)
        for result, expected in zip(on_kernels(model, outputs, threshold), want, strict=True):
            assert_same(result, expected)
    assert len(want[0]) > len(Decoder(model.head, SIZE, SECOND_NAMES_BELOW).decode([outputs["out"]], 1)[0])


@needs_compiler
@pytest.mark.parametrize("place", [(0, 0), (204, 136), (260, 150), (290, 10), (10, 195)])
def test_boxes_come_back_where_they_lie_on_the_board(place: tuple[int, int]) -> None:
    model = a_model(Form.CORNERS)
    outputs = raw_outputs(model, 2, 5, True)
    found = Decoder(model.head, SIZE, 0.3).decode([outputs["out"]], 2)
    for result, one in zip(on_kernels(model, outputs, 0.3, place), found, strict=True):
        assert_same(result, on_board(one, Tile(*place), *BOARD))


@needs_compiler
@pytest.mark.parametrize("anchors", [1, 2, 255, 257, 1400])
def test_any_number_of_candidates(anchors: int) -> None:
    """Few lie in shared memory, many in the device's; only so many are looked at, and so many come back."""
    random = np.random.default_rng(anchors)
    model = a_model(Form.CORNERS)
    corners = random.random((1, 2, anchors)) * np.array(SIZE[::-1])[None, :, None] * 0.9
    # No two scores alike: which of two equals comes first is tested elsewhere.
    scores = np.zeros((1, 3, anchors))
    scores[0, random.integers(0, 3, anchors), np.arange(anchors)] = random.permutation(anchors) / anchors * 0.6 + 0.3
    values = np.concatenate([corners, corners + random.random((1, 2, anchors)) * 9 + 1, scores], axis=1)
    outputs = {"out": values.astype(np.float32)}
    want = Decoder(model.head, SIZE, 0.25).decode([outputs["out"]], 1)
    (result,) = on_kernels(model, outputs, 0.25)
    assert result["candidates"] == anchors
    assert_same(result, want[0])


@needs_compiler
def test_fp16_outputs_are_read() -> None:
    model = a_model(Form.AOI)
    outputs = {"out": raw_outputs(model, 2, 5, False)["out"].astype(np.float16)}
    want = Decoder(model.head, SIZE, 0.25).decode([outputs["out"]], 2)
    assert sum(map(len, want)) > 3
    for result, expected in zip(on_kernels(model, outputs, 0.25), want, strict=True):
        assert_same(result, expected)


@needs_compiler
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_reported(bad: float) -> None:
    model = a_model()
    outputs = raw_outputs(model, 2, 6, False)
    outputs["out"][1, 6, 17] = bad
    results = on_kernels(model, outputs, 0.25)
    assert list(results["spoiled"]) == [0, 1]
    with pytest.raises(EngineError):
        Decoder(model.head, SIZE, 0.25).decode([outputs["out"]], 2)


@needs_compiler
@pytest.mark.parametrize("number", [3.0, -1.0, 0.93, 1e20])
@pytest.mark.parametrize("form", [Form.ROWS, Form.COUNTED])
def test_a_class_without_a_name_is_reported(form: Form, number: float) -> None:
    if form is Form.COUNTED and number not in (3.0, -1.0):
        pytest.skip("its classes are whole numbers")
    model = a_model(form, channels_first=False)
    outputs = raw_outputs(model, 2, 6, False)
    kinds = outputs["classes"] if form is Form.COUNTED else outputs["out"][:, :, 5]
    kinds[1, 0] = number
    if form is Form.COUNTED:
        outputs["num"][:] = 5
        kinds[0, 7] = number  # beyond the number of detections
    results = on_kernels(model, outputs, 0.25)
    assert list(results["spoiled"]) == [0, 1]
    with pytest.raises(EngineError, match="the model names 3 classes"):
        Decoder(model.head, SIZE, 0.25).decode([outputs[n] for n in model.output_names], 2)


@pytest.mark.parametrize("form", [Form.ROWS, Form.COUNTED])
def test_ends_of_all_kinds_compile(form: Form) -> None:
    pytest.importorskip("cuda.bindings.nvrtc")
    model = a_model(form, channels_first=False)
    outputs = raw_outputs(model, 1, 6, False)
    ports = {n: Port(n, (-1, *v.shape[1:]), v.dtype, False) for n, v in outputs.items()}
    assert compile_kernels("decode.cu", (8, 9), decode_defines(model, ports, 0.25)).startswith(b"\x7fELF")


def test_a_head_of_any_length_is_refused_with_a_way_out() -> None:
    model = a_model(Form.BATCH_ROWS)
    with pytest.raises(ModelError, match="use the runtime onnxruntime"):
        decode_defines(model, {"out": Port("out", (-1, 7), np.dtype(np.float32), False)})


@pytest.mark.parametrize("compute_capability", [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (12, 0)])
def test_every_source_compiles_for_every_gpu(compute_capability: tuple[int, int]) -> None:
    pytest.importorskip("cuda.bindings.nvrtc")
    outputs = {"out": Port("out", (-1, 7, cells(SIZE, STRIDES)), np.dtype(np.float16), False)}
    model = a_model()
    defines = {
        "preprocess.cu": preprocess_defines(model, np.dtype(np.float16)),
        "decode.cu": decode_defines(model, outputs),
        "select.cu": select_defines(decode_defines(model, outputs)),
    }
    for name in SOURCES:
        assert compile_kernels(name, compute_capability, defines[name]).startswith(b"\x7fELF")
