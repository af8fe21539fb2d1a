"""The kernels around a network: which sources, compiled with which numbers, for which model and engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aoi_app.core.errors import ModelError
from aoi_app.inference.boxes import TIE_FROM, TIE_FULL, TIE_SCORE
from aoi_app.inference.card import BoxUnit, Channels
from aoi_app.inference.heads import SECOND_NAME_WEIGHT, SECOND_NAMES_BELOW
from aoi_app.inference.layout import Form
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.tensorrt.engine import Port
from aoi_app.inference.runtimes.tensorrt.gpu.kernels import Define, Module, compile_kernels, launch
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Stream
from aoi_app.inference.runtimes.tensorrt.layout import MAX_BATCH, MAX_COMPARED, MAX_KEPT, NO_SUPPRESSION

_CHANNELS = {Channels.GREY: 0, Channels.RGB: 1, Channels.BGR: 2, Channels.GREY_GOLDEN: 3}
_FORMS = {
    Form.CLASSES: "classes",
    Form.CORNERS: "corners",
    Form.OBJECTNESS: "objectness",
    Form.GRID: "grid",
    Form.ROWS: "rows",
    Form.COUNTED: "counted",
    Form.AOI: "aoi",
}
_ALREADY_SUPPRESSED = (Form.ROWS, Form.COUNTED)
_RUN = 8  # pixels a thread writes
_SELECT_THREADS = 256  # 512 and 128 took longer for a tile with a hundred candidates on an H200


def preprocess_defines(model: Model, dtype: np.dtype[Any]) -> dict[str, Define]:
    """Return the numbers of preprocess.cu for a model whose engine takes `dtype`. Raises ModelError."""
    height, width = model.size
    spec = model.card.input
    if width % _RUN:
        raise ModelError(
            f"{model.path.name} takes images {width} px wide; on the GPU the width must be a multiple of {_RUN}.",
            "Export it for a width that is a multiple of 32.",
        )
    return {
        "INPUT_BITS": dtype.itemsize * 8,
        "CHANNELS_LAST": int(model.channels_last),
        "CHANNELS": _CHANNELS[spec.channels],
        "TILE_WIDTH": width,
        "TILE_HEIGHT": height,
        "PAD": spec.pad,
        "GOLDEN_MISSING": spec.golden_missing,
        "SCALE": f"{float(np.float32(spec.scale))!r}f",
        "MAX_BATCH": MAX_BATCH,
    }


def check_head(model: Model) -> None:
    """Refuse, before minutes go into a build, a head that only the CPU decodes. Raises ModelError."""
    if model.head.form not in _FORMS:
        raise ModelError(
            f"{model.path.name} gives a list of boxes of any length ({model.head.form.value}), which no CUDA graph can "
            "hold.",
            "Export it without suppression inside, or use the runtime onnxruntime.",
        )


def decode_defines(model: Model, outputs: Mapping[str, Port], least: float = 1.0) -> dict[str, Define]:
    """Return the numbers of decode.cu for a model and its engine's outputs by name.

    Parameters
    ----------
    least
        Smallest threshold that a launch may ask for: below `SECOND_NAMES_BELOW` a place gets several names, as the
        shared heads give them.

    Raises
    ------
    ModelError
        A head that only the CPU decodes, or an output of another shape than the model's.
    """
    check_head(model)
    head = model.head
    first = outputs[head.outputs[1 if head.form is Form.COUNTED else 0]]
    shape = first.shape
    if len(shape) != 3 or min(shape[1:]) < 1:
        raise ModelError(f"The engine's output {first.name} has the shape {shape}, which is no list of boxes.")
    channels_first = head.channels_first and head.form is not Form.COUNTED
    row, anchors = shape[1:] if channels_first else shape[:0:-1]
    several = head.form is Form.AOI and least < SECOND_NAMES_BELOW
    defines: dict[str, Define] = {
        f"FORM_{_FORMS[head.form]}": 1,
        "HALF_OUTPUT": int(first.dtype == np.float16),
        "CHANNELS_FIRST": int(channels_first),
        "ROW": row,
        "ANCHORS": anchors,
        "CLASSES": head.classes,
        "OBJECTNESS_ALONE": int(head.objectness_alone),
        "CAPACITY": key_capacity(anchors * (1 + head.classes if several else 1)),
        "SHARES": int(head.unit is BoxUnit.SHARES),
        "SECOND_NAMES": int(several),
        "SECOND_WEIGHT": f"{SECOND_NAME_WEIGHT}f",
        "TILE_WIDTH": model.size[1],
        "TILE_HEIGHT": model.size[0],
        "MAX_BATCH": MAX_BATCH,
    }
    if head.strides:
        columns = [-(-model.size[1] // s) for s in head.strides]
        cells = [c * -(-model.size[0] // s) for c, s in zip(columns, head.strides, strict=True)]
        starts = [sum(cells[:i]) for i in range(len(cells))]
        defines |= {"LEVELS": len(cells), "STRIDES": _list(head.strides), "COLUMNS": _list(columns)}
        defines |= {"STARTS": _list(starts), "REG_MAX": max(head.reg_max, 1)}
    return defines


def select_defines(decode: Mapping[str, Define]) -> dict[str, Define]:
    """Return the numbers of select.cu that go with those of decode.cu."""
    return {
        "ANCHORS": decode["ANCHORS"],
        "CAPACITY": decode["CAPACITY"],
        "MOST": MAX_COMPARED,
        "KEPT": MAX_KEPT,
        "THREADS": _SELECT_THREADS,
        "TIE_SCORE": f"{TIE_SCORE}f",
        "TIE_FROM": f"{TIE_FROM}f",
        "TIE_FULL": f"{TIE_FULL}f",
        "MAX_BATCH": MAX_BATCH,
    }


def key_capacity(items: int) -> int:
    """Return the keys a tile needs for `items` candidates, rounded up to what can be sorted."""
    return max(2, 1 << (items - 1).bit_length())


def suppression(form: Form, iou: float) -> float:
    """Return the overlap that suppresses: none for a network that has done it."""
    return NO_SUPPRESSION if form in _ALREADY_SUPPRESSED else iou


def _list(values: Any) -> str:
    return "{" + ",".join(map(str, values)) + "}"


class KernelSet:
    """The three kernels, compiled and loaded for one model, engine and GPU.

    Parameters
    ----------
    source
        The engine's input.
    outputs
        Its outputs by name, with batch-free shapes.
    compute_capability
        Of the GPU in use.
    least
        Smallest threshold that a launch may ask for.

    Attributes
    ----------
    anchors, capacity
        Of a tile; how many candidates it can have.
    """

    def __init__(
        self,
        model: Model,
        source: Port,
        outputs: Mapping[str, Port],
        compute_capability: tuple[int, int],
        least: float = 1.0,
    ) -> None:
        decode = decode_defines(model, outputs, least)
        self.anchors, self.capacity = int(decode["ANCHORS"]), int(decode["CAPACITY"])
        self._output_names = model.head.outputs
        self._runs = model.size[0] * model.size[1] // _RUN
        self._modules: list[Module] = []
        try:
            self._preprocess = self._load(
                "preprocess", preprocess_defines(model, source.dtype), compute_capability, "preprocess"
            )
            self._decode = self._load("decode", decode, compute_capability, "decode")
            self._select = self._load("select", select_defines(decode), compute_capability, "select_boxes")
        except BaseException:
            self.close()
            raise

    def _load(self, name: str, defines: Mapping[str, Define], compute_capability: tuple[int, int], kernel: str) -> Any:
        module = Module(compile_kernels(f"{name}.cu", compute_capability, defines))
        self._modules.append(module)
        return module.kernel(kernel)

    def preprocess(self, stream: Stream, batch: int, call: int, source: int, counters: int) -> None:
        """Queue the cutting of `batch` tiles into the network's input."""
        launch(self._preprocess, (-(-self._runs // 128), batch, 1), 128, (call, source, counters), stream)

    def decode(
        self, stream: Stream, batch: int, call: int, outputs: Mapping[str, int], scratch: tuple[int, int, int, int]
    ) -> None:
        """Queue the decoding of the network's outputs into candidates."""
        addresses = [outputs[name] for name in self._output_names]
        launch(self._decode, (-(-self.anchors // 128), batch, 1), 128, (call, *addresses, *scratch), stream)

    def select(self, stream: Stream, batch: int, call: int, scratch: tuple[int, int, int, int], results: int) -> None:
        """Queue the sorting and suppression of candidates into `results`."""
        launch(self._select, (batch, 1, 1), _SELECT_THREADS, (call, *scratch, results), stream)

    def close(self) -> None:
        """Unload the kernels; may be called twice."""
        while self._modules:
            self._modules.pop().close()
