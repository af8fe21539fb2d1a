"""The contract of all runtimes, kept by LiteRT on the files of this folder: no converter is needed for it."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import psutil
import pytest

from aoi_app.inference.box_units import in_pixels
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.base import Session
from aoi_app.inference.runtimes.litert import LiteRt
from tests.inference import test_contract as contract

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")

HERE = Path(__file__).parent
PRECISIONS = ("fp32", "fp16", "int8")


@pytest.fixture(scope="module")
def network() -> Model:
    return read_model(HERE / "small.onnx")


@pytest.fixture(autouse=True)
def load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tests of the contract load the files beside the network."""

    def from_here(name: str, model: Model, precision: str, images: Path, batch: int = 1) -> Session:
        return LiteRt().load(model, precision, {}, contract.ignore)

    monkeypatch.setattr(contract, "load", from_here)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_values_and_rows(precision: str, network: Model) -> None:
    contract.test_same_values_as_onnx_runtime_in_fp32("litert", precision, network, HERE)
    contract.test_identical_tiles_give_identical_rows("litert", precision, network, HERE)


def test_freed_and_wrong_shapes(network: Model) -> None:
    contract.test_a_freed_engine_says_so("litert", network, HERE)
    contract.test_a_wrong_shape_is_an_error_and_not_the_end("litert", network, HERE)
    contract.test_an_unknown_option_is_refused("litert", network)


def test_a_view_two_engines_and_fifty_that_leave_nothing(network: Model) -> None:
    first = LiteRt().load(network, "fp32", {}, contract.ignore)
    foreign = read_model(HERE / "foreign.tflite")
    second = LiteRt().load(foreign, "fp32", {}, contract.ignore)
    tiles = contract.tiles(network, 4)
    view = tiles[:, :, ::-1][2:3]
    assert not view.flags.c_contiguous
    wanted = np.array(first.run(np.ascontiguousarray(view))[0])
    np.testing.assert_array_equal(first.run(view)[0], wanted)
    same = np.moveaxis(view, 1, -1)
    np.testing.assert_allclose(in_pixels(second.run(same)[0], foreign.head, foreign.size), wanted, atol=1e-3)
    process = psutil.Process()
    before = 0
    for round_ in range(50):
        session = LiteRt().load(network, PRECISIONS[round_ % 3], {}, contract.ignore)
        session.run(tiles[:1])
        session.close()
        if round_ == 9:
            gc.collect()
            before = process.memory_info().rss
    gc.collect()
    assert process.memory_info().rss - before < 24 * 2**20
    np.testing.assert_array_equal(first.run(view)[0], wanted)
