"""How busy the GPU was, and how much of its memory was used."""

from __future__ import annotations

import threading
from types import TracebackType

import torch

_PERIOD_S = 0.25


class Utilisation:
    """Measures an epoch: mean utilisation from NVML, peak memory from PyTorch. On a CPU it says nothing."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._samples: list[int] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._peak = 0

    def __enter__(self) -> Utilisation:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._thread = threading.Thread(target=self._sample, name="gpu-utilisation", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._peak = torch.cuda.max_memory_allocated(self._device)

    def _sample(self) -> None:
        import pynvml

        try:
            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(self._device).uuid}")
            while not self._stop.wait(_PERIOD_S):
                self._samples.append(int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu))
        except pynvml.NVMLError:
            return  # no figure is better than a wrong one: `figures` then has none

    def figures(self) -> dict[str, float]:
        """Return `gpu_percent` and `gpu_mib`, as far as they were measured."""
        values: dict[str, float] = {}
        if self._samples:
            values["gpu_percent"] = sum(self._samples) / len(self._samples)
        if self._peak:
            values["gpu_mib"] = self._peak / 2**20
        return values
