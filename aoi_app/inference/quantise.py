"""INT8 networks from FP32 ones: Q/DQ nodes, calibrated by entropy on the plant's own images."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.half import last_heavy_nodes, tail_nodes
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import load_proto
from aoi_app.inference.rectifiers import join_rectifiers

if TYPE_CHECKING:
    import onnx

MIN_TILES = 16
"""Fewer than this calibrate nothing; 500 to 1,000 are usual."""
STRIDE = 4
"""Tiles whose activations are held at once: all of them of a thousand tiles would fill the memory."""

Progress = Callable[[float, str], None]
"""Hears of the share done (0 to 1) and what is being done; raises to cancel."""
Tiles = Callable[[int], NDArray[Any]]
"""Returns one tile as the network takes it, (1, channels, height, width), by its number."""


def quantise(model: Model, target: Path, tiles: Tiles, count: int, progress: Progress) -> None:
    """Write an INT8 copy of an FP32 model: symmetric, weights per channel, last layers and decoding in FP32.

    Raises
    ------
    EngineError
        There are too few tiles.
    ModelError
        The network cannot be quantised.
    """
    if count < MIN_TILES:
        raise EngineError(
            f"INT8 needs images to calibrate on: {count} tiles were found, at least {MIN_TILES} are needed.",
            "Collect 500 to 1,000 tiles of the plant's own boards.",
        )
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="aoi-int8-") as folder, _quiet():
        prepared = Path(folder) / "prepared.onnx"
        reader = _Reader(model, tiles, count, progress)
        try:
            quant_pre_process(str(model.path), str(prepared), skip_symbolic_shape=True)
            proto = load_proto(prepared)
            _name_nodes(proto)
            # The last convolutions give the sides of the boxes: 256 steps are too few for a pixel's accuracy.
            kept = tail_nodes(proto.graph) | last_heavy_nodes(proto.graph)
            names = [proto.graph.node[i].name for i in kept]
            onnx.save(proto, str(prepared))
            quantization.quantize_static(
                str(prepared),
                str(target),
                reader,
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "MaxPool", "Concat", "Resize"],
                per_channel=True,
                activation_type=quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_exclude=names,
                calibrate_method=quantization.CalibrationMethod.Entropy,
                extra_options={
                    "ActivationSymmetric": True,
                    "WeightSymmetric": True,
                    "QuantizeBias": False,  # TensorRT takes no INT32 through DequantizeLinear
                    "CalibStridedMinMax": STRIDE,
                },
            )
            made = load_proto(target)
            join_rectifiers(made)
            onnx.save(made, str(target))
        except ModelError:
            raise
        except Exception as error:
            if error is reader.stopped:
                raise
            raise ModelError(
                f"{model.path.name} cannot be quantised to INT8: {error}.", "Use fp16 or fp32 with this model."
            ) from error


def unsigned_activations(proto: onnx.ModelProto) -> None:
    """Shift the integers between the layers from -128..127 to 0..255, their zero point with them: equal values.

    TensorRT takes signed integers only; processors multiply unsigned by signed ones in one step, and ONNX Runtime
    takes ten times as long for the others (measured on AVX-VNNI: 62.6 and 6.1 ms for one network).
    """
    from onnx import numpy_helper

    weights = {t.name: t for t in proto.graph.initializer}
    made = {n.output[0] for n in proto.graph.node if n.op_type == "QuantizeLinear"}
    shifted: set[str] = set()
    for node in proto.graph.node:
        if node.op_type != "QuantizeLinear" and not (node.op_type == "DequantizeLinear" and node.input[0] in made):
            continue
        zero = node.input[2] if len(node.input) > 2 else ""
        if zero not in weights:
            continue
        values = numpy_helper.to_array(weights[zero])
        if values.dtype != np.int8:
            continue
        node.input[2] = f"{zero}_unsigned"
        if node.input[2] not in shifted:
            shifted.add(node.input[2])
            unsigned = (values.astype(np.int16) + 128).astype(np.uint8)
            proto.graph.initializer.append(numpy_helper.from_array(unsigned, node.input[2]))
    kept = [v for v in proto.graph.value_info if v.name not in made]
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(kept)


class _Reader:
    """Hands the tiles to the calibrator in strides, as it asks for them.

    Attributes
    ----------
    stopped
        What a tile or the progress raised; not the library's fault.
    """

    def __init__(self, model: Model, tiles: Tiles, count: int, progress: Progress) -> None:
        self._input = model.input_name
        self._batch = model.batch or 1
        self._tiles = tiles
        # The calibrator takes whole strides only.
        self._runs = max(count // self._batch // STRIDE, 1) * STRIDE
        self._count = count
        self._progress = progress
        self._todo: Iterator[int] = iter(())
        self.stopped: Exception | None = None

    def __len__(self) -> int:
        return self._runs

    def set_range(self, start_index: int, end_index: int) -> None:
        self._todo = iter(range(start_index, end_index))

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        run = next(self._todo, None)
        if run is None:
            return None
        try:
            self._progress(run / self._runs, f"calibrating, tile {run * self._batch} of {self._runs * self._batch}")
            numbers = [(run * self._batch + i) % self._count for i in range(self._batch)]
            return {self._input: np.concatenate([self._tiles(n) for n in numbers])}
        except Exception as error:
            self.stopped = error
            raise


def _name_nodes(proto: Any) -> None:
    """Give every node a name: nodes are left out of quantisation by name."""
    for index, node in enumerate(proto.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's advice, which speaks of its own command line, off the station's; other threads are heard."""
    here, root = threading.get_ident(), logging.getLogger()

    def matters(record: logging.LogRecord) -> bool:
        return record.thread != here or record.levelno >= logging.ERROR

    root.addFilter(matters)
    with warnings.catch_warnings(), contextlib.redirect_stdout(_Others(sys.stdout)):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            root.removeFilter(matters)


class _Others(io.TextIOBase):
    """Hands on what other threads write than the one that made it."""

    def __init__(self, out: TextIO | None) -> None:
        self._out, self._here = out, threading.get_ident()

    def write(self, text: str) -> int:
        if self._out is not None and threading.get_ident() != self._here:
            self._out.write(text)
        return len(text)

    def flush(self) -> None:
        if self._out is not None:
            self._out.flush()
