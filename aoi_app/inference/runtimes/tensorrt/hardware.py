"""What the GPU can do, and what that means for the precision that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from aoi_app.core.errors import EngineError
from aoi_app.inference.runtimes.tensorrt.gpu.driver import check, driver, enter
from aoi_app.inference.runtimes.tensorrt.gpu.memory import memory_info

_MAJOR, _MINOR, _MULTIPROCESSORS = 75, 76, 16  # CU_DEVICE_ATTRIBUTE_...


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """One NVIDIA device.

    Attributes
    ----------
    driver
        Newest CUDA version that the driver runs, e.g. "13.0".
    total_bytes, free_bytes
        Device memory, with this process's context already in place.
    """

    index: int
    name: str
    compute_capability: tuple[int, int]
    driver: str
    multiprocessors: int
    total_bytes: int
    free_bytes: int

    @property
    def fast_fp16(self) -> bool:
        """Whether FP16 arithmetic is faster than FP32: from 7.0 on, and on 5.3, 6.0 and 6.2."""
        return self.compute_capability >= (7, 0) or self.compute_capability in ((5, 3), (6, 0), (6, 2))

    @property
    def fast_int8(self) -> bool:
        """Whether there are INT8 dot products: 6.1, and from 7.0 on."""
        return self.compute_capability >= (7, 0) or self.compute_capability == (6, 1)

    @property
    def tensor_cores(self) -> bool:
        """Whether there are matrix units: from 7.0 on, but for the GTX 16 series."""
        return self.compute_capability >= (7, 0) and "GTX 16" not in self.name

    @property
    def compute_capability_text(self) -> str:
        """E.g. "9.0"."""
        return f"{self.compute_capability[0]}.{self.compute_capability[1]}"


@dataclass(frozen=True, slots=True)
class PrecisionChoice:
    """The precision that is used, and why it is not the one asked for; `message` is empty when it is."""

    precision: str
    message: str = ""


def query_gpu(index: int = 0) -> GpuFacts:
    """Ask the driver about a device.

    Raises
    ------
    BackendMissing, EngineError
        There is no cuda-python, no driver or no such device.
    """
    cuda = driver()
    count = int(check(cuda.cuDeviceGetCount(), "count the GPUs"))
    if index >= count:
        raise EngineError(
            f"There is no GPU {index}; the driver sees {count}.", "Choose another device in the settings."
        )
    device = check(cuda.cuDeviceGet(index), f"open GPU {index}")
    name = check(cuda.cuDeviceGetName(256, device), "ask for the GPU's name").split(b"\0")[0].decode()
    attributes = [
        int(check(cuda.cuDeviceGetAttribute(cuda.CUdevice_attribute(a), device), "ask what the GPU can do"))
        for a in (_MAJOR, _MINOR, _MULTIPROCESSORS)
    ]
    version = int(check(cuda.cuDriverGetVersion(), "ask for the driver's version"))
    enter(index)
    free, total = memory_info()
    return GpuFacts(
        index,
        name,
        (attributes[0], attributes[1]),
        f"{version // 1000}.{version % 1000 // 10}",
        attributes[2],
        total,
        free,
    )


def choose_precision(wanted: str, gpu: GpuFacts, degrade: bool = True) -> PrecisionChoice:
    """Return the precision to use on `gpu`.

    Parameters
    ----------
    degrade
        Whether a precision that the GPU cannot use well becomes the next higher one, with a message.

    Raises
    ------
    EngineError
        The GPU cannot use it, and `degrade` is off.
    """
    able = {"fp32": True, "fp16": gpu.fast_fp16, "int8": gpu.fast_int8}
    if wanted not in able:
        raise EngineError(f"There is no precision {wanted!r}.", f"Choose one of {', '.join(able)}.")
    if able[wanted]:
        return PrecisionChoice(wanted)
    what = f"{gpu.name} (compute capability {gpu.compute_capability_text}) has no fast {wanted.upper()} arithmetic"
    if not degrade:
        raise EngineError(f"{what}.", "Choose fp32, or allow the station to choose a higher precision.")
    higher = next(p for p in ("fp16", "fp32") if p != wanted and able[p])
    return PrecisionChoice(higher, f"{what}: {higher} is used instead of {wanted}.")
