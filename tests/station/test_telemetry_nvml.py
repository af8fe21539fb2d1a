"""NVML itself needs a GPU (tests/gpu): its module is stood in for here, with the names and units of the real one."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from aoi_app.station.telemetry_nvml import MIB, NvmlMonitor, NvmlReader, open_monitor, throttle_words, visible_device


class StandInNvml:
    NVML_PCIE_UTIL_TX_BYTES = 0
    NVML_PCIE_UTIL_RX_BYTES = 1
    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    class NVMLError_NotSupported(NVMLError):
        pass

    class NVMLError_FunctionNotFound(NVMLError):
        pass

    class NVMLError_NoPermission(NVMLError):
        pass

    def __init__(self) -> None:
        self.used = 1000 * MIB
        self.lost = False
        self.secret = False
        self.open = 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self.asked_for: int | str = index
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        self.asked_for = uuid
        return 0

    def nvmlDeviceGetName(self, device: int) -> str:
        return "NVIDIA H200"

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:
        if self.lost:
            raise self.NVMLError("GPU is lost")
        return SimpleNamespace(used=self.used, total=4000 * MIB)

    def nvmlDeviceGetUtilizationRates(self, device: int) -> Any:
        return SimpleNamespace(gpu=97, memory=40)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, device: int) -> int:
        return 0x24

    def nvmlDeviceGetPcieThroughput(self, device: int, counter: int) -> int:
        if counter == self.NVML_PCIE_UTIL_TX_BYTES:
            raise self.NVMLError_NotSupported
        return 2048

    def nvmlDeviceGetPowerUsage(self, device: int) -> int:
        if self.secret:
            raise self.NVMLError_NoPermission
        return 350_500

    def nvmlDeviceGetTemperature(self, device: int, sensor: int) -> int:
        return 61


def test_reads_every_value_in_its_unit() -> None:
    sample = NvmlReader(StandInNvml()).read()
    assert (sample.label, sample.used_mib, sample.total_mib) == ("VRAM, NVIDIA H200", 1000, 4000)
    assert (sample.gpu_percent, sample.memory_percent, sample.power_w) == (97, 40, 350.5)
    assert (sample.pcie_rx_mib_s, sample.temperature_c) == (2, 61)
    assert sample.pcie_tx_mib_s is None, "a counter that the device does not have is None, not 0"
    assert sample.throttled == ("power cap", "temperature")


def test_a_counter_that_is_not_shown_hides_no_other() -> None:
    nvml = StandInNvml()
    nvml.secret = True
    sample = NvmlReader(nvml).read()
    assert sample.power_w is None and sample.used_mib == 1000


@pytest.mark.parametrize(("mask", "words"), [(0, ()), (1, ()), (2, ()), (8, ("hardware slowdown",))])
def test_idle_and_set_clocks_are_no_throttling(mask: int, words: tuple[str, ...]) -> None:
    assert throttle_words(mask) == words


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_thread_follows_and_a_lost_gpu_is_named() -> None:
    nvml = StandInNvml()
    monitor = NvmlMonitor(NvmlReader(nvml), period_s=0.01)
    try:
        nvml.used = 2000 * MIB
        wait_until(lambda: monitor.sample().used_mib == 2000)
        nvml.lost = True
        wait_until(lambda: monitor.sample().problem)
        assert monitor.sample().problem == "NVML: GPU is lost"
        assert monitor.sample().used_mib == 2000
        nvml.lost = False
        wait_until(lambda: not monitor.sample().problem)
    finally:
        monitor.close()
        monitor.close()
    assert nvml.open == 0


def test_open_monitor_says_what_it_measures() -> None:
    monitor = open_monitor(period_s=0.05)
    try:
        sample = monitor.sample()
        assert sample.label == "process memory" or sample.label.startswith("VRAM, ")
        assert 0 < sample.used_mib < sample.total_mib
    finally:
        monitor.close()


@pytest.mark.parametrize(
    ("visible", "index", "place"),
    [
        (None, 1, 1),
        ("", 0, 0),
        ("1", 0, 1),
        ("3, 1", 1, 1),
        ("3,1", 2, 2),
        ("GPU-8f2b", 0, "GPU-8f2b"),
        ("all", 0, 0),
    ],
)
def test_the_device_is_the_one_that_cuda_was_shown(
    visible: str | None, index: int, place: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory and watts of another GPU than the one that infers were shown where a process sees only some of them."""
    assert visible_device(index, visible) == place
    nvml = StandInNvml()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    NvmlReader(nvml, index)
    assert nvml.asked_for == place
