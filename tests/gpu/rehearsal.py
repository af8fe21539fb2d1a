"""Stand-ins in place of the GPU, so that what is to run there has run before: time on such a machine is short.

    AOI_REHEARSAL=1 python -m pytest tests/gpu
    python -m tests.gpu.rehearsal -m aoi_app bench --tensorrt

Kernels run on the CPU and engines in ONNX Runtime (tests/inference/tensorrt): slow, and its figures mean nothing.
"""

from __future__ import annotations

import importlib.machinery
import os
import runpy
import sys
from typing import Any

VARIABLE = "AOI_REHEARSAL"


def asked() -> bool:
    """Whether stand-ins are to take the GPU's place."""
    return bool(os.environ.get(VARIABLE))


def python() -> list[str]:
    """Return the command that runs modules of this program, with the stand-ins where they are asked for."""
    return [sys.executable, *(["-m", "tests.gpu.rehearsal"] if asked() else [])]


def install() -> None:
    """Put the stand-ins where the libraries are looked for; before the first of them is asked for."""
    import cuda.bindings

    from aoi_app.inference.runtimes.tensorrt import kernelset
    from tests.inference.tensorrt.standin_cuda import StandInCuda, standin_code
    from tests.inference.tensorrt.standin_trt import StandInTrt
    from tests.station.test_telemetry_nvml import StandInNvml

    device = StandInCuda()
    modules: dict[str, Any] = {
        "cuda.bindings.driver": device,
        "tensorrt": StandInTrt(device, os.environ[VARIABLE] if "." in os.environ.get(VARIABLE, "") else "8.6.0"),
        "pynvml": StandInNvml(),
    }
    for name, module in modules.items():
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
    vars(cuda.bindings)["driver"] = device
    vars(kernelset)["compile_kernels"] = standin_code


def main() -> None:
    """Run a module as `python -m` does, on the stand-ins."""
    if sys.argv[1:2] != ["-m"] or len(sys.argv) < 3:
        raise SystemExit("Usage: python -m tests.gpu.rehearsal -m MODULE [ARGUMENTS]")
    os.environ.setdefault(VARIABLE, "1")
    sys.argv = sys.argv[2:]
    install()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
