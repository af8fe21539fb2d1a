"""Execution providers of ONNX Runtime: what else than the CPU it can compute on."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aoi_app.core.errors import BackendMissing, EngineError
from aoi_app.inference.runtimes.ort_library import first_line

CPU_PROVIDER = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class Provider:
    """One way to compute.

    Attributes
    ----------
    name
        As ONNX Runtime calls it.
    install
        The command that brings an ONNX Runtime with it, which replaces the plain one, or the plug-in.
    options
        Given to it at the start.
    plugin
        Module that brings it as a library of its own, for the plain ONNX Runtime; empty where it is built in.
    on_processor
        It computes where the CPU does: INT8 networks are given to it as that takes them.
    cuda
        It needs CUDA's libraries, which may have come as Python packages.
    """

    name: str
    title: str
    install: str
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    plugin: str = ""
    on_processor: bool = False
    cuda: bool = False


PROVIDERS: Mapping[str, Provider] = {
    "cpu": Provider(CPU_PROVIDER, "CPU", "pip install onnxruntime", on_processor=True),
    "cuda": Provider("CUDAExecutionProvider", "CUDA", "pip install onnxruntime-gpu[cuda,cudnn]", cuda=True),
    "tensorrt": Provider(
        "TensorrtExecutionProvider",
        "TensorRT",
        "pip install onnxruntime-gpu[cuda,cudnn], and TensorRT 10 beside it",
        cuda=True,
    ),
    "tensorrt_rtx": Provider(
        "NvTensorRTRTXExecutionProvider",
        "TensorRT for RTX",
        "pip install onnxruntime-ep-nv-tensorrt-rtx",
        plugin="onnxruntime_ep_nv_tensorrt_rtx",
    ),
    "openvino": Provider(
        "OpenVINOExecutionProvider",
        "OpenVINO",
        "pip install onnxruntime-openvino",
        {"device_type": "CPU"},
        on_processor=True,
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
    provider = PROVIDERS.get(name)
    if provider is None:
        raise EngineError(f"There is no execution provider called {name!r}.", f"Choose one of {', '.join(PROVIDERS)}.")
    if not _there(provider):
        raise BackendMissing(
            f"The ONNX Runtime that is installed has no {provider.title}.", f"Install one: {provider.install}"
        )
    if provider.cuda:
        _load_cuda()
    return provider


def further_providers() -> tuple[str, ...]:
    """Return the keys of what this ONNX Runtime can compute on beside the CPU."""
    return tuple(key for key, one in PROVIDERS.items() if one.name != CPU_PROVIDER and _there(one))


def missing_providers() -> dict[str, str]:
    """Return the providers that this ONNX Runtime does not have, each with what installs it."""
    return {name: f"not installed: {one.install}" for name, one in PROVIDERS.items() if not _there(one)}


def devices_of(provider: Provider) -> tuple[Any, ...]:
    """Return the devices of a plug-in, loaded where it is not yet; none for a provider that is built in.

    Raises
    ------
    EngineError
        The plug-in cannot be loaded, or finds nothing to compute on.
    """
    if not provider.plugin:
        return ()
    import onnxruntime as ort

    _register(provider)
    found = tuple(device for device in ort.get_ep_devices() if device.ep_name == provider.name)
    if not found:
        raise EngineError(
            f"{provider.title} finds no device on this machine.", "Choose another execution provider, such as cpu."
        )
    return found


@cache
def _load_cuda() -> None:
    """Load CUDA's libraries from the Python packages that brought them: the system's loader does not look there."""
    import onnxruntime as ort

    if hasattr(ort, "preload_dlls"):  # since 1.21
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what is not there; a session says that, too
            ort.preload_dlls()


@cache
def _register(provider: Provider) -> None:
    import onnxruntime as ort

    try:
        library = importlib.import_module(provider.plugin).get_library_path()
        ort.register_execution_provider_library(provider.name, str(library))
    except Exception as error:
        raise EngineError(
            f"{provider.title} cannot be loaded into ONNX Runtime {ort.__version__}: {first_line(error)}.",
            f"See that its own libraries are installed: {provider.install}",
        ) from error


def _there(provider: Provider) -> bool:
    if provider.plugin:
        return importlib.util.find_spec(provider.plugin) is not None
    import onnxruntime as ort

    return provider.name in ort.get_available_providers()


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
