"""A new run goes on from another's checkpoint or from a finished model: the same network, then trained further."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from aoi_app.boards import BARE_CODES  # noqa: E402
from aoi_app.inference.card import Channels, InputSpec, ModelCard  # noqa: E402
from aoi_app.inference.catalog import find_model  # noqa: E402
from aoi_app.inference.yardstick import write_yardstick  # noqa: E402
from aoi_app.training.augment import Augmentation  # noqa: E402
from aoi_app.training.corpus import DataError  # noqa: E402
from aoi_app.training.export import export  # noqa: E402
from aoi_app.training.network import Network  # noqa: E402
from aoi_app.training.plan import Plan, Precision  # noqa: E402
from aoi_app.training.starting import read_start  # noqa: E402
from aoi_app.training.trainer import Data, Trainer  # noqa: E402

CPU = torch.device("cpu")
PLAN = Plan(
    network="tiny", steps=40, epoch_steps=40, batch=4, precision=Precision.FP32, augmentation=Augmentation(golden=True)
)
CARD = ModelCard(name="m", classes=BARE_CODES, input=InputSpec(channels=Channels.GREY_GOLDEN, scale=1 / 255))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("size", ["tiny", "small"])  # small has convolutions of other kinds
def test_a_model_started_from_computes_the_same_in_training_and_out_of_it(
    size: str, corpus: Any, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = Network(2, 6, size)
    for value in network.parameters():
        if value.ndim == 1:  # scales and offsets as different as those of a trained network
            value.data += 0.2 * torch.randn_like(value)
    images = torch.rand(4, 2, 128, 128)
    network.train()
    for _ in range(3):
        network(images)
    wanted = network.eval()(images)
    model = export(network, CARD, tmp_path / "m.onnx", (128, 128)).model
    other = Network(2, 6, size)
    read_start(model).fill(other, images)
    assert other.training
    torch.testing.assert_close(other.eval()(images), wanted, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(other.train()(images), wanted, rtol=1e-3, atol=1e-3)


def test_a_run_goes_on_from_a_model_as_from_its_checkpoint(corpus: Any, tmp_path: Path) -> None:
    first = Trainer(PLAN, Data(corpus(8)), CPU, tmp_path)
    first.run()
    model = export(first.average.network, CARD, tmp_path / "m.onnx", (128, 128)).model
    losses = []
    for start in (None, tmp_path / "last.pt", model):
        run = Trainer(dataclasses.replace(PLAN, steps=1, epoch_steps=1, warm_up=1.0, rate=1e-9), Data(corpus(8)), CPU)
        if start is not None:
            run.start_from(start)
        run.run()
        losses.append(run.history[0].values["loss"])
    assert losses[2] == pytest.approx(losses[1], rel=0.05) and losses[2] < 0.9 * losses[0]


def test_the_model_that_ships_can_be_started_from() -> None:
    start = read_start(find_model("pcb-bare"))
    images = torch.rand(2, 2, 64, 64)
    network = Network(start.planes, len(start.classes), "nano")
    start.fill(network, images)
    assert torch.isfinite(network(images)).all()


def test_another_size_another_making_and_other_files_are_refused(tmp_path: Path) -> None:
    start = read_start(find_model("pcb-bare"))
    with pytest.raises(DataError, match=r"pcb-bare\.onnx are not those of this network"):
        start.fill(Network(2, 6, "small"), torch.rand(1, 2, 64, 64))
    with pytest.raises(DataError, match="another making"):
        read_start(write_yardstick(tmp_path / "yolov8n.onnx", "yolov8n"))
    (tmp_path / "odd.onnx").write_bytes(b"no model")
    with pytest.raises(DataError, match="cannot be started from"):
        read_start(tmp_path / "odd.onnx")
    (tmp_path / "odd.pt").write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match="no checkpoint"):
        read_start(tmp_path / "odd.pt")


def test_other_classes_are_refused(corpus: Any) -> None:
    few = corpus(4)
    run = Trainer(PLAN, Data(dataclasses.replace(few, classes=BARE_CODES[::-1])), CPU)
    with pytest.raises(DataError, match="knows the classes"):
        run.start_from(find_model("pcb-bare"))
