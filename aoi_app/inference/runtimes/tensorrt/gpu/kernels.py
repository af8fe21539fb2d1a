"""CUDA sources of the package, compiled by NVRTC for the very GPU they run on."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from aoi_app.core.errors import BackendMissing, EngineError
from aoi_app.inference.runtimes.tensorrt.gpu.driver import INSTALL, check, driver
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Stream

SOURCES = ("preprocess.cu", "decode.cu", "select.cu")
Define = int | float | str


def source(name: str) -> str:
    """Return the text of a CUDA source of the package."""
    return (resources.files("aoi_app.inference.runtimes.tensorrt") / "kernels" / name).read_text(encoding="utf-8")


def compile_kernels(name: str, compute_capability: tuple[int, int], defines: Mapping[str, Define]) -> bytes:
    """Compile a source to machine code (CUBIN). Needs no GPU.

    Parameters
    ----------
    name
        One of `SOURCES`.
    compute_capability
        Of the GPU it is for, e.g. (8, 6).
    defines
        Preprocessor macros.

    Raises
    ------
    BackendMissing
        NVRTC is not installed.
    EngineError
        With the compiler's log.
    """
    return compile_text(source(name), name, compute_capability, tuple(sorted((k, str(v)) for k, v in defines.items())))


@functools.cache
def compile_text(
    text: str, name: str, compute_capability: tuple[int, int], defines: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """Compile CUDA code that is at hand; `name` is for the compiler's messages. See `compile_kernels`."""
    try:
        import cuda.bindings.nvrtc as nvrtc

        nvrtc.nvrtcVersion()
    except Exception as error:  # ImportError, or the loader's own types when the library is not there
        raise BackendMissing(f"NVRTC cannot be loaded: {str(error).splitlines()[0]}.", INSTALL) from error
    status, program = nvrtc.nvrtcCreateProgram(text.encode(), name.encode(), 0, [], [])
    if status:
        raise EngineError(f"NVRTC refused {name}: {status.name}.")
    options = [
        f"--gpu-architecture=sm_{compute_capability[0]}{compute_capability[1]}".encode(),
        b"--std=c++17",
        b"--fmad=false",  # the same rounding as the reference on the CPU
        *(f"-D{key}={value}".encode() for key, value in defines),
    ]
    try:
        (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        if status:
            raise EngineError(f"{name} does not compile for {options[0].decode()}: {_log(nvrtc, program)}")
        size = nvrtc.nvrtcGetCUBINSize(program)[1]
        code: bytes = b" " * size
        (status,) = nvrtc.nvrtcGetCUBIN(program, code)
        if status:
            raise EngineError(f"NVRTC gave no code for {name}: {status.name}.")
        return code
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def _log(nvrtc: Any, program: Any) -> str:
    size = nvrtc.nvrtcGetProgramLogSize(program)[1]
    text: bytes = b" " * size
    nvrtc.nvrtcGetProgramLog(program, text)
    return text.decode(errors="replace").strip("\0 \n")


class Module:
    """Machine code loaded on the device."""

    def __init__(self, code: bytes) -> None:
        self._handle = check(driver().cuModuleLoadData(code), "load kernels")

    def kernel(self, name: str) -> Any:
        """Return a kernel of the module by its C name."""
        return check(driver().cuModuleGetFunction(self._handle, name.encode()), f"find the kernel {name}")

    def close(self) -> None:
        """Unload; may be called twice."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            check(driver().cuModuleUnload(handle), "unload kernels")


def launch(
    kernel: Any, grid: tuple[int, int, int], block: int, arguments: Sequence[int | float], stream: Stream
) -> None:
    """Queue a kernel.

    Parameters
    ----------
    arguments
        Device addresses and sizes as `int` (passed as 64 bits), factors as `float` (passed as 32 bits).
    """
    types = tuple(ctypes.c_uint64 if isinstance(a, int) else ctypes.c_float for a in arguments)
    check(
        driver().cuLaunchKernel(kernel, *grid, block, 1, 1, 0, stream.handle, (tuple(arguments), types), 0),
        "launch a kernel",
    )
