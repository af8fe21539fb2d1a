"""The contract of all runtimes, kept by a server: the same tests, the network served by the real Triton."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.base import Options, Session
from aoi_app.inference.runtimes.triton import Triton
from aoi_app.inference.yardstick import write_yardstick
from tests.inference import test_contract as contract

from .server import Server, environment

pytest.importorskip("tritonclient.grpc", reason="not installed")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("net")
    return read_model(write_yardstick(folder / "tiny.onnx", "tiny", size=contract.SIDE, classes=3))


@pytest.fixture(scope="module")
def server(network: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(environment(), tmp_path_factory.mktemp("server"), network)
    made.start()
    yield made
    made.kill()


@pytest.fixture(autouse=True)
def load(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tests of the contract load from this server, and only from there."""

    def from_server(name: str, model: Model, precision: str, images: Path, batch: int = 1) -> Session:
        options: Options = {"url": server.url, "local": "", "batch": batch}
        return Triton().load(model, precision, options, contract.ignore)

    monkeypatch.setattr(contract, "load", from_server)


@pytest.mark.parametrize(
    "rule",
    [
        contract.test_same_values_as_onnx_runtime_in_fp32,
        contract.test_identical_tiles_give_identical_rows,
    ],
)
def test_in_fp32(rule: Any, network: Model, tmp_path: Path) -> None:
    rule("triton", "fp32", network, tmp_path)


@pytest.mark.parametrize(
    "rule",
    [
        contract.test_a_view_is_as_good_as_an_array,
        contract.test_a_freed_engine_says_so,
        contract.test_a_wrong_shape_is_an_error_and_not_the_end,
    ],
)
def test_whatever_the_precision(rule: Any, network: Model, tmp_path: Path) -> None:
    rule("triton", network, tmp_path)


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_any_number_of_tiles(batch: int, network: Model, tmp_path: Path) -> None:
    session = contract.load("triton", network, "fp32", tmp_path, batch=5)
    assert session.run(contract.tiles(network, batch))[0].shape == (batch, 7, 84)
    session.close()


def test_two_clients_in_one_program_and_fifty_that_leave_nothing(network: Model, tmp_path: Path) -> None:
    import gc

    import psutil

    tile = contract.tiles(network, 1)
    stays = contract.load("triton", network, "fp32", tmp_path)
    wanted = stays.run(tile)[0].copy()
    process = psutil.Process()
    before = files = 0
    for round_ in range(50):
        session = contract.load("triton", network, "fp32", tmp_path)
        assert (session.run(tile)[0] == wanted).all()
        session.close()
        session.close()
        if round_ == 9:
            gc.collect()
            before, files = process.memory_info().rss, process.num_fds()
    gc.collect()
    assert process.memory_info().rss - before < 24 * 2**20
    assert process.num_fds() <= files + 2
    assert (stays.run(tile)[0] == wanted).all()
    stays.close()
