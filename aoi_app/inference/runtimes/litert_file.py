"""LiteRT files as they are: what a `.tflite` file says of itself. The home of the `ai_edge_litert` library."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import BackendMissing, ModelError
from aoi_app.core.install import install_line
from aoi_app.inference.metadata import MAX_METADATA_CHARS, literal
from aoi_app.inference.onnx_file import NetworkFile, TensorSpec, plain_hash

_METADATA_FILES = ("metadata.json", "temp_meta.txt")
"""Names under which exporters append class names and size to the file, as a zip archive."""


def interpreter(path: Path, threads: int) -> Any:
    """Return an interpreter that is ready to run.

    Raises
    ------
    ModelError
        The library refuses the file.
    BackendMissing
        The library is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise BackendMissing(
            f"{path.name} is a LiteRT file, and LiteRT is not installed: {error}.",
            f"Install it with: {install_line('litert')}",
        ) from error
    try:
        found = Interpreter(str(path), num_threads=threads)
        found.allocate_tensors()
        # A damaged name shows when it is read: here, and not in the middle of something else.
        for read in (found.get_input_details, found.get_output_details, found._get_ops_details):
            read()
    except Exception as error:
        raise ModelError(
            f"LiteRT refuses {path.name}: {str(error).splitlines()[0][:300]}.",
            "Copy or export it again; what the station made itself is made again once it is deleted.",
        ) from error
    return found


def describe_tflite(path: Path) -> NetworkFile:
    """Return what a LiteRT file says of itself. Raises ModelError, BackendMissing."""
    if not path.is_file():
        raise ModelError(f"{path} is not there.", "Give the path of a model.")
    found = interpreter(path, 1)
    return NetworkFile(
        path,
        plain_hash(path),
        tuple(_spec(d) for d in found.get_input_details()),
        tuple(_spec(d) for d in found.get_output_details()),
        _metadata(path),
    )


def run_tflite_once(path: Path, feeds: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Run a LiteRT file a single time and return its outputs by name. Raises ModelError, BackendMissing."""
    found = interpreter(path, 1)
    for tensor in found.get_input_details():
        found.set_tensor(tensor["index"], quantised(feeds[tensor["name"]], tensor))
    try:
        found.invoke()
    except Exception as error:
        raise ModelError(
            f"{path.name} fails on an empty image: {str(error).splitlines()[0][:300]}.", "Export it for a fixed size."
        ) from error
    return {str(d["name"]): plain(np.array(found.get_tensor(d["index"])), d) for d in found.get_output_details()}


def quantised(values: NDArray[Any], tensor: Mapping[str, Any]) -> NDArray[Any]:
    """Return values as a tensor takes them: integers of its scale and zero point where it is quantised."""
    scale, zero = tensor["quantization"]
    kind = np.dtype(tensor["dtype"])
    if kind.kind not in "iu" or not scale:
        return np.ascontiguousarray(values, kind)
    limits = np.iinfo(kind)
    steps = np.rint(values.astype(np.float32) / np.float32(scale)) + zero
    return np.ascontiguousarray(np.clip(steps, limits.min, limits.max).astype(kind))


def plain(values: NDArray[Any], tensor: Mapping[str, Any]) -> NDArray[Any]:
    """Return the real values of a tensor that may be quantised."""
    scale, zero = tensor["quantization"]
    if values.dtype.kind not in "iu" or not scale:
        return values
    return np.asarray((values.astype(np.float32) - np.float32(zero)) * np.float32(scale))


def _spec(tensor: Mapping[str, Any]) -> TensorSpec:
    kind = np.dtype(tensor["dtype"])
    if kind.kind in "iu" and tensor["quantization"][0]:
        kind = np.dtype(np.float32)  # what stands for real numbers is handed over as real numbers
    known = kind in (np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.uint8))
    shape = tuple(int(n) for n in tensor["shape"])
    return TensorSpec(str(tensor["name"]), shape, kind if known else None, kind.name)


_UNREADABLE = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    UnicodeDecodeError,
    RuntimeError,  # encrypted, or packed in a way that the library does not know
)


def _metadata(path: Path) -> dict[str, str]:
    """Return what an exporter appended to the file; nothing where there is none or it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((n for n in _METADATA_FILES if n in archive.namelist()), "")
            if not name or archive.getinfo(name).file_size > MAX_METADATA_CHARS:
                return {}
            value = literal(archive.read(name).decode("utf-8"))
    except _UNREADABLE:
        return {}
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}
