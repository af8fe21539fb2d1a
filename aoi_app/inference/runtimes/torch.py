"""PyTorch: the baseline that many come from. The home of the `torch` library outside training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import AoiError, EngineError
from aoi_app.inference.model import Model
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Options, SessionInfo, chosen_options, layers_in_words
from aoi_app.inference.runtimes.session import FixedSession, batch_of, freed, on_cpu, threads_of

_DEFAULTS: Options = {"device": "", "threads": 0, "batch": 1, "half": "", "graph": True}
_KINDS = {"torch.float32": "fp32", "torch.float16": "fp16", "torch.bfloat16": "bf16"}


class Torch:
    """Runs ONNX models in PyTorch.

    Options: `device` (cuda, cuda:1, cpu; empty for the first GPU or else the CPU), `threads` (0 leaves one core to the
    rest of the station; PyTorch keeps one number for the whole program), `batch`, `half` (float16 or bfloat16; empty
    for float16 on a GPU and bfloat16 on a CPU), `graph`: capture the network as one CUDA graph.
    """

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> TorchSession:
        """Return a session for `model`. Raises EngineError, ModelError."""
        chosen = chosen_options("PyTorch", options, _DEFAULTS)
        if precision not in ("fp32", "fp16"):
            raise EngineError(
                f"PyTorch runs fp32 and fp16 here, not {precision}.", "Use another runtime for this precision."
            )
        return TorchSession(model, precision, chosen)


class TorchSession(FixedSession):
    """One model in PyTorch."""

    def __init__(self, model: Model, precision: str, chosen: Options) -> None:
        import torch

        from aoi_app.inference.runtimes.onnx_to_torch import OnnxModule
        from aoi_app.inference.runtimes.ort_library import simplified

        self._torch: Any = torch
        self._model = model
        self._batch = batch_of(model, chosen)
        self._device = _device(torch, str(chosen["device"]))
        threads = threads_of(chosen)
        if self._device.type == "cpu":
            torch.set_num_threads(threads)
        default = "bfloat16" if self._device.type == "cpu" else "float16"
        self._half: Any = getattr(torch, str(chosen["half"]) or default) if precision == "fp16" else None
        module = OnnxModule(simplified(model, self._batch), model.output_names)
        self._module: Any = module.eval().to(self._device)
        self._input: Any = torch.zeros(model.input_shape(self._batch), dtype=_dtype(torch, model), device=self._device)
        self._graph: Any = None
        self._outputs = self._forward()
        if self._device.type == "cuda" and chosen["graph"]:
            self._capture()
        layers: dict[str, int] = {}
        for kind, count in module.computed_in.items():
            layers[_KINDS.get(kind, kind)] = layers.get(_KINDS.get(kind, kind), 0) + count
        self._info = SessionInfo(
            "PyTorch",
            layers_in_words(layers),
            on_cpu(threads) if self._device.type == "cpu" else torch.cuda.get_device_name(self._device),
            "CUDA graph" if self._graph is not None else "",
        )

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the model's outputs. Raises EngineError."""
        if self._module is None:
            raise freed()
        if batch.shape != tuple(self._input.shape):
            raise EngineError(f"A run takes {tuple(self._input.shape)}, {batch.shape} was given.")
        try:
            self._input.copy_(self._torch.from_numpy(np.ascontiguousarray(batch)))
            if self._graph is not None:
                self._graph.replay()
            else:
                self._outputs = self._forward()
            return [output.float().cpu().numpy() for output in self._outputs]
        except AoiError:
            raise
        except Exception as error:
            raise EngineError(
                f"PyTorch failed on {self._model.path.name}: {str(error).splitlines()[0]}.", "Try ONNX Runtime."
            ) from error

    def close(self) -> None:
        """Free the model. May be called twice."""
        self._graph = self._module = self._input = None
        self._outputs = ()

    def _forward(self) -> tuple[Any, ...]:
        torch = self._torch
        image = self._input.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(self._device.type, self._half, enabled=self._half is not None):
            outputs: tuple[Any, ...] = self._module(image)
            return outputs

    def _capture(self) -> None:
        """Record the network once; a replay costs one launch instead of hundreds."""
        torch = self._torch
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._forward()
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._outputs = self._forward()
        self._graph = graph


def _device(torch: Any, wanted: str) -> Any:
    if not wanted:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.zeros(1, device=device)
    except Exception as error:
        raise EngineError(
            f"PyTorch cannot use the device {wanted!r}: {str(error).splitlines()[0].rstrip('.')}.",
            "Use cpu, or another build.",
        ) from error
    return device


def _dtype(torch: Any, model: Model) -> Any:
    return {"float32": torch.float32, "float16": torch.float16, "uint8": torch.uint8}[model.dtype.name]
