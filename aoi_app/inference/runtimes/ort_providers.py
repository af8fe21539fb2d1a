"""Execution providers of ONNX Runtime: what else than the CPU it can compute on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aoi_app.core.errors import BackendMissing, EngineError

CPU_PROVIDER = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class Provider:
    """One way to compute.

    Attributes
    ----------
    name
        As ONNX Runtime calls it.
    install
        The command that brings an ONNX Runtime with it; it replaces the plain one.
    options
        Given to it at the start.
    """

    name: str
    title: str
    install: str
    options: Mapping[str, str] = field(default_factory=dict)


PROVIDERS: Mapping[str, Provider] = {
    "cpu": Provider(CPU_PROVIDER, "CPU", "pip install onnxruntime"),
    "cuda": Provider("CUDAExecutionProvider", "CUDA", "pip install onnxruntime-gpu"),
    "tensorrt": Provider(
        "TensorrtExecutionProvider", "TensorRT", "pip install onnxruntime-gpu, and TensorRT 10 beside it"
    ),
    "tensorrt_rtx": Provider("NvTensorRTRTXExecutionProvider", "TensorRT for RTX", "pip install onnxruntime-trt-rtx"),
    "openvino": Provider(
        "OpenVINOExecutionProvider", "OpenVINO", "pip install onnxruntime-openvino", {"device_type": "CPU"}
    ),
    "directml": Provider("DmlExecutionProvider", "DirectML", "pip install onnxruntime-directml"),
}


def find_provider(name: str) -> Provider:
    """Return a provider that this ONNX Runtime was built with.

    Raises
    ------
    EngineError
        There is none of that name.
    BackendMissing
        This build does not have it; the hint is the command that installs one that does.
    """
    import onnxruntime as ort

    provider = PROVIDERS.get(name)
    if provider is None:
        raise EngineError(f"There is no execution provider called {name!r}.", f"Choose one of {', '.join(PROVIDERS)}.")
    if provider.name not in ort.get_available_providers():
        raise BackendMissing(
            f"The ONNX Runtime that is installed has no {provider.title}.", f"Install one: {provider.install}"
        )
    return provider


def missing_providers() -> dict[str, str]:
    """Return the providers that this ONNX Runtime was built without, each with what installs one that has it."""
    import onnxruntime as ort

    there = ort.get_available_providers()
    return {name: f"not installed: {one.install}" for name, one in PROVIDERS.items() if one.name not in there}


def read_back(session: Any, wanted: Provider) -> tuple[str, str]:
    """Return the title of what a session really computes on, and what is to be said about it.

    ONNX Runtime falls back to the CPU without a word when a provider cannot start; the words are found here.
    """
    if wanted.name == CPU_PROVIDER:
        return "CPU", ""
    if wanted.name not in session.get_providers():
        return "CPU", f"{wanted.title} could not start, so the CPU computes"
    nodes = _nodes_by_provider(session)
    total, taken = sum(nodes.values()), nodes.get(wanted.name, 0)
    if total and not taken:
        return "CPU", f"{wanted.title} took none of the {total} nodes, so the CPU computes"
    return wanted.title, f"{wanted.title} computes {taken} of {total} nodes" if taken < total else ""


def _nodes_by_provider(session: Any) -> Counter[str]:
    counts: Counter[str] = Counter()
    # Told by ONNX Runtime 1.24 and later.
    if hasattr(session, "get_provider_graph_assignment_info"):
        for part in session.get_provider_graph_assignment_info():
            counts[part.ep_name] += len(part.get_nodes())
    return counts
