"""Memory and load of the GPU through NVML; of this process where there is no NVIDIA GPU, labelled as such."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil

from aoi_app.core.protocols import GpuMonitor, MemorySample

MIB = 1024 * 1024
PERIOD_S = 0.5
STOP_S = 5.0

# NVML's bits for clocks held down by a limit; idle clocks and an engineer's own setting are no throttling.
THROTTLE_REASONS = {
    0x0000_0004: "power cap",
    0x0000_0008: "hardware slowdown",
    0x0000_0020: "temperature",
    0x0000_0040: "temperature (hardware)",
    0x0000_0080: "power brake",
}


_NO_ANSWER = ("NotSupported", "FunctionNotFound", "NoPermission")  # the last in containers, and on parts of a GPU


def throttle_words(mask: int) -> tuple[str, ...]:
    """Return why the clocks are held down, from NVML's bit mask."""
    return tuple(word for bit, word in THROTTLE_REASONS.items() if mask & bit)


def visible_device(index: int, visible: str | None) -> int | str:
    """Return the number or UUID under which NVML knows the device that CUDA counts as `index`.

    NVML counts all of a machine's devices, CUDA only those that `CUDA_VISIBLE_DEVICES` names, in its order. A list that
    names no such device leaves the number as it is.
    """
    names = [name.strip() for name in (visible or "").split(",")]
    name = names[index] if index < len(names) else ""
    if name.isdigit():
        return int(name)
    return name if name.startswith(("GPU-", "MIG-")) else index


class NvmlReader:
    """Reads one NVIDIA device.

    Parameters
    ----------
    nvml
        The `pynvml` module, initialised by this reader.
    index
        Of the device as this process counts them: see `visible_device`.
    """

    def __init__(self, nvml: Any, index: int = 0) -> None:
        self._nvml = nvml
        nvml.nvmlInit()
        place = visible_device(index, os.environ.get("CUDA_VISIBLE_DEVICES"))
        by_name = isinstance(place, str)
        self._device = nvml.nvmlDeviceGetHandleByUUID(place) if by_name else nvml.nvmlDeviceGetHandleByIndex(place)
        name = nvml.nvmlDeviceGetName(self._device)
        self._label = f"VRAM, {name.decode() if isinstance(name, bytes) else name}"

    def read(self) -> MemorySample:
        """Return the values of now; what this device does not tell is None. PCIe counters take some 40 ms."""
        nvml, device = self._nvml, self._device
        memory = nvml.nvmlDeviceGetMemoryInfo(device)
        load = self._ask(lambda: nvml.nvmlDeviceGetUtilizationRates(device))
        mask = self._ask(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(device))
        receive = self._ask(lambda: nvml.nvmlDeviceGetPcieThroughput(device, nvml.NVML_PCIE_UTIL_RX_BYTES))
        transmit = self._ask(lambda: nvml.nvmlDeviceGetPcieThroughput(device, nvml.NVML_PCIE_UTIL_TX_BYTES))
        power = self._ask(lambda: nvml.nvmlDeviceGetPowerUsage(device))
        return MemorySample(
            self._label,
            memory.used / MIB,
            memory.total / MIB,
            gpu_percent=None if load is None else float(load.gpu),
            memory_percent=None if load is None else float(load.memory),
            pcie_rx_mib_s=None if receive is None else receive / 1024,
            pcie_tx_mib_s=None if transmit is None else transmit / 1024,
            temperature_c=self._ask(
                lambda: float(nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU)),
            ),
            power_w=None if power is None else power / 1000,
            throttled=() if mask is None else throttle_words(int(mask)),
        )

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Return the answer, or None where the device or its driver has no such counter, or does not show it here."""
        try:
            return question()
        except tuple(getattr(self._nvml, f"NVMLError_{name}") for name in _NO_ANSWER):
            return None

    def close(self) -> None:
        """Let go of NVML."""
        self._nvml.nvmlShutdown()


class NvmlMonitor:
    """Reads a device in a thread of its own; `sample` returns the newest reading at once.

    Parameters
    ----------
    reader
        Used from the monitor's thread only, once the first reading is there.
    period_s
        Seconds between readings.
    """

    def __init__(self, reader: NvmlReader, period_s: float = PERIOD_S) -> None:
        self._reader = reader
        self._newest = reader.read()
        self._period_s = period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nvml", daemon=True)
        self._thread.start()

    def sample(self) -> MemorySample:
        """Return the newest reading; `problem` tells why it is old, if it is."""
        return self._newest

    def close(self) -> None:
        """Stop reading; may be called twice."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(STOP_S)
        if not self._thread.is_alive():
            self._reader.close()

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            self._newest = self._read()

    def _read(self) -> MemorySample:
        try:
            return self._reader.read()
        except Exception as error:  # a lost GPU must show on the screen, not end the readings
            return replace(self._newest, problem=f"NVML: {error}")


class ProcessMonitor:
    """Memory of this process, where no NVIDIA GPU answers."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def sample(self) -> MemorySample:
        """Return the resident memory of this process and the machine's total."""
        return MemorySample(
            "process memory", self._process.memory_info().rss / MIB, psutil.virtual_memory().total / MIB
        )

    def close(self) -> None:
        """Nothing is held."""


def open_monitor(index: int = 0, period_s: float = PERIOD_S) -> GpuMonitor:
    """Return a monitor of the NVIDIA device, or of this process where NVML finds none.

    Parameters
    ----------
    index
        Of the device as this process counts them.
    period_s
        Seconds between two readings of the device.
    """
    try:
        import pynvml
    except ImportError:
        return ProcessMonitor()
    try:
        return NvmlMonitor(NvmlReader(pynvml, index), period_s)
    except pynvml.NVMLError:
        return ProcessMonitor()
