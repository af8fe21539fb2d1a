"""Raw outputs of an engine, and the gate that rests on them, on the stand-in GPU."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.core.errors import EngineError
from aoi_app.core.settings import Settings
from aoi_app.detectors import admitted_detector
from aoi_app.inference.admission import GateRefused, open_admitted
from aoi_app.inference.commands import keep_certificate
from aoi_app.inference.frozen import frozen_boards
from aoi_app.inference.gate import GateLimits, rows_are_identical
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes import table
from aoi_app.inference.runtimes.ort_library import run_once
from aoi_app.inference.runtimes.tensorrt.loader import TensorRt
from aoi_app.inference.runtimes.tensorrt.manifest import Manifest, PlanMissing
from aoi_app.inference.runtimes.tensorrt.store import EngineStore
from aoi_app.station.engines import EngineSpec
from tests.inference.tensorrt.conftest import SIZE
from tests.inference.tensorrt.standin_cuda import StandInCuda
from tests.inference.tensorrt.standin_trt import StandInTrt


def quiet(share: float, text: str) -> None:
    pass


def test_a_session_gives_what_the_network_gives(trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path) -> None:
    model = read_model(network)
    session = TensorRt().load(model, "fp32", {"store": str(store), "max_batch": 4}, quiet)
    for count in (1, 3, 4):
        batch = np.random.default_rng(count).random((count, 1, SIZE, SIZE), np.float32)
        (found,) = session.run(batch)
        np.testing.assert_allclose(found, run_once(network, {"images": batch})["output0"], atol=1e-3)
    assert rows_are_identical(session, batch[:1], 4)
    assert session.info.precision == "fp32"
    session.close()
    session.close()
    assert (cuda.held, cuda.streams) == (0, {})
    with pytest.raises(EngineError, match="has been freed"):
        session.run(batch)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_gate_admits_and_its_certificate_is_kept(
    trt: StandInTrt,
    cuda: StandInCuda,
    network: Path,
    store: Path,
    tmp_path: Path,
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table.RuntimeEntry, "available", property(lambda self: True))
    plant = tmp_path / "plant"
    plant.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (200, 230), np.uint8)
        cv2.imwrite(str(plant / f"{number}.png"), pixels)
    # The yardstick's scores are steep: what FP16 moves is looked at from far enough above the threshold.
    limits = GateLimits(threshold=0.25, margin=0.1, map_points=5.0)
    detector, certificate = open_admitted(
        network,
        "tensorrt",
        precision,
        lambda: frozen_boards((plant,)),
        limits,
        min_confidence=0.25,
        overlap=16,
        options={"store": str(store), "max_batch": 4},
    )
    detector.close()
    assert certificate is not None
    assert certificate.admitted
    assert certificate.reference_boxes > 5
    assert certificate.memory_mib is not None
    assert certificate.memory_mib > 0
    keep_certificate(EngineStore(store), certificate)
    kept = [p.manifest.certificate for p in EngineStore(store).plans() if p.manifest is not None]
    assert [c["precision"] for c in kept if c is not None] == [precision]
    assert cuda.held == 0


def test_the_gate_refuses_an_engine_that_loses_boxes(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.RuntimeEntry, "available", property(lambda self: True))
    monkeypatch.setattr(trt, "spoils", True)
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 256, (200, 230), np.uint8))
    with pytest.raises(EngineError, match=r"The gate refused tensorrt fp32: .* boxes of the reference are lost"):
        open_admitted(
            network,
            "tensorrt",
            "fp32",
            lambda: frozen_boards((tmp_path / "a.png",)),
            GateLimits(threshold=0.25),
            min_confidence=0.25,
            overlap=16,
            options={"store": str(store), "max_batch": 4},
        )
    assert cuda.held == 0


def test_what_the_gate_says_is_kept_with_the_plan_whatever_it_says(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.RuntimeEntry, "available", property(lambda self: True))
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 256, (200, 230), np.uint8))
    monkeypatch.setenv("AOI_PLANT_IMAGES", str(tmp_path))
    options = (("max_batch", 4), ("store", str(store)))
    spec = EngineSpec(str(network), "tensorrt", "fp32", 0.25, options)
    settings = Settings(tile_overlap=16)
    with pytest.raises(PlanMissing):
        admitted_detector(settings, replace(spec, at_once=True), lambda text: None)
    assert trt.builds == 0, "a board waits"

    for spoils in (False, True):
        monkeypatch.setattr(trt, "spoils", spoils)
        with pytest.raises(GateRefused) if spoils else nullcontext():
            admitted_detector(settings, spec, lambda text: None)[0].close()
        (kept,) = [p.manifest.certificate for p in EngineStore(store).plans() if p.manifest is not None]
        assert kept is not None and kept["admitted"] is not spoils
        with pytest.raises(EngineError, match="has not passed the gate") if spoils else nullcontext():
            detector, said = admitted_detector(settings, replace(spec, at_once=True), lambda text: None)
            assert "was admitted before" in said, "a board waits: the gate is not asked again"
            detector.close()
    assert cuda.held == 0


def test_an_engine_whose_certificate_cannot_be_kept_holds_nothing(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.RuntimeEntry, "available", property(lambda self: True))
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 256, (200, 230), np.uint8))
    monkeypatch.setenv("AOI_PLANT_IMAGES", str(tmp_path))

    def full(store: EngineStore, path: Path, manifest: Manifest) -> None:
        if manifest.certificate is not None:
            raise EngineError("The disk is full.")

    monkeypatch.setattr(EngineStore, "note", full)
    spec = EngineSpec(str(network), "tensorrt", "fp32", 0.25, (("max_batch", 4), ("store", str(store))))
    with pytest.raises(EngineError):
        admitted_detector(Settings(tile_overlap=16), spec, lambda text: None)
    assert cuda.held == 0


def test_the_gate_refuses_an_engine_that_takes_more_memory_than_the_recipe_allows(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.RuntimeEntry, "available", property(lambda self: True))
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 256, (200, 230), np.uint8))
    with pytest.raises(EngineError, match=r"it takes \d+ MiB, the recipe allows 0 MiB"):
        open_admitted(
            network,
            "tensorrt",
            "fp32",
            lambda: frozen_boards((tmp_path / "a.png",)),
            GateLimits(threshold=0.25, memory_mib=0.01),
            min_confidence=0.25,
            overlap=16,
            options={"store": str(store), "max_batch": 4},
        )
    assert cuda.held == 0
