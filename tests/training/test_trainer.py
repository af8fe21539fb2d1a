"""Training learns, resumes exactly, and is shared by several processes."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from aoi_app.core.errors import AoiError  # noqa: E402
from aoi_app.inference.card import Channels, ModelCard  # noqa: E402
from aoi_app.inference.model import read_model  # noqa: E402
from aoi_app.training.augment import Augmentation  # noqa: E402
from aoi_app.training.checkpoint import read_checkpoint  # noqa: E402
from aoi_app.training.corpus import DataError, joined  # noqa: E402
from aoi_app.training.folder import RunFolder  # noqa: E402
from aoi_app.training.network import Network  # noqa: E402
from aoi_app.training.paint import Paint, painted  # noqa: E402
from aoi_app.training.parallel import train_on  # noqa: E402
from aoi_app.training.plan import Plan, Precision, rate_at  # noqa: E402
from aoi_app.training.predict import predict  # noqa: E402
from aoi_app.training.schedule import plan_for  # noqa: E402
from aoi_app.training.session import About, train_session  # noqa: E402
from aoi_app.training.sharing import empty  # noqa: E402
from aoi_app.training.trainer import Data, Trainer, resolve  # noqa: E402

CPU = torch.device("cpu")
PLAN = Plan(
    network="tiny", steps=4, epoch_steps=2, batch=4, precision=Precision.FP32,
    augmentation=Augmentation(golden=True, golden_missing=0.3),
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the processes that are started


def weights(trainer: Any) -> Any:
    return torch.cat([v.float().flatten() for v in trainer.network.state_dict().values()])


def test_the_loss_falls(corpus: Any) -> None:
    plan = dataclasses.replace(
        PLAN,
        steps=80,
        epoch_steps=40,
        rate=5e-3,
        calm=0.0,
        augmentation=Augmentation(warp=0, mosaic=0, jpeg=0, golden=True),
    )
    trainer = Trainer(plan, Data(corpus(8)), CPU)
    trainer.run()
    assert trainer.history[1].values["loss"] < 0.85 * trainer.history[0].values["loss"]


def test_a_resumed_run_ends_with_the_very_same_weights(tmp_path: Any, corpus: Any) -> None:
    data = Data(corpus(6), corpus(4, seed=1), corpus(2, seed=2))
    whole = Trainer(PLAN, data, CPU)
    whole.run()
    first = Trainer(PLAN, data, CPU, tmp_path)

    class Stopped(Exception):
        pass

    def stop(epoch: Any) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        first.run(stop)
    second = Trainer(PLAN, data, CPU, tmp_path)
    second.load(tmp_path / "last.pt")
    second.run()
    assert torch.equal(weights(second), weights(whole))
    assert [e.values["loss"] for e in second.history] == [e.values["loss"] for e in whole.history]


def test_other_settings_or_a_broken_checkpoint_are_refused(tmp_path: Any, corpus: Any) -> None:
    trainer = Trainer(PLAN, Data(corpus(4)), CPU, tmp_path)
    trainer.save(tmp_path / "last.pt")
    other = Trainer(dataclasses.replace(PLAN, seed=1), Data(corpus(4)), CPU)
    with pytest.raises(DataError, match="other settings"):
        other.load(tmp_path / "last.pt")
    (tmp_path / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match="no checkpoint"):
        read_checkpoint(tmp_path / "last.pt")


def test_early_stopping(corpus: Any) -> None:
    plan = dataclasses.replace(PLAN, steps=8, epoch_steps=1, patience=2, rate=0.0)
    trainer = Trainer(plan, Data(corpus(4), watch=corpus(2, seed=1)), CPU)
    trainer.run()
    assert trainer.epoch == 3


def test_the_rate_rises_and_falls() -> None:
    plan = dataclasses.replace(PLAN, steps=100, warm_up=0.1, rate=1.0)
    rates = [rate_at(step, plan) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == 1.0 and rates[-1] < 0.02
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_a_plan_survives_its_json() -> None:
    plan = plan_for("standard", ("open", "short", "mousebite", "spur", "copper", "pin-hole"), Channels.GREY_GOLDEN)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan.augmentation.swaps == (1, 0, 3, 2, 5, 4)
    with pytest.raises(DataError, match="cannot be read"):
        Plan.from_json({**plan.to_json(), "unknown": 1})


def test_the_cpu_trains_in_fp32() -> None:
    assert resolve(Precision.AUTO, CPU) is Precision.FP32


def test_two_processes_train_one_network_and_tell_how_far_they_are(tmp_path: Any, corpus: Any) -> None:
    # Nothing is learnt, so that the first process, which alone watches, stops early: the other must stop with it.
    plan = dataclasses.replace(PLAN, steps=8, epoch_steps=2, patience=1, rate=0.0)
    told: list[Any] = []
    steps: list[int] = []
    train_on(
        [CPU, CPU], plan, Data(corpus(6), watch=corpus(2, seed=1)), tmp_path,
        listen=lambda epochs: told.append(epochs[-1].values), progress=lambda done, _: steps.append(done),
    )  # fmt: skip
    state = read_checkpoint(tmp_path / "last.pt")
    assert state["epoch"] == 2 and "mAP@0.33" in state["history"][0][2]
    assert told == [values for _, _, values in state["history"]] and steps[-1] == 4


def in_shared_memory(corpus: Any) -> Any:
    images = empty(corpus.images.shape)
    images[...] = corpus.images
    return dataclasses.replace(corpus, images=images)


def test_several_processes_learn_the_same_from_images_in_shared_memory_as_from_copies(
    tmp_path: Any, corpus: Any
) -> None:
    plan = dataclasses.replace(PLAN, steps=2, epoch_steps=2, drawn_share=0.5)
    parts = (corpus(6), corpus(4, seed=1), corpus(2, seed=2))
    networks, figures = [], []
    for name in ("copied", "shared"):
        (tmp_path / name).mkdir()
        data = Data(*parts) if name == "copied" else Data(*map(in_shared_memory, parts))
        train_on([CPU, CPU], plan, data, tmp_path / name)
        state = read_checkpoint(tmp_path / name / "last.pt")
        networks.append(state["network"])
        figures.append(state["history"][0][2]["mAP@0.33"])
    assert all(torch.equal(networks[0][key], networks[1][key]) for key in networks[0])
    assert figures[0] == figures[1]


def test_what_a_process_gives_up_over_is_said_here(tmp_path: Any, corpus: Any) -> None:
    plan = dataclasses.replace(PLAN, steps=2, epoch_steps=2, batch=3)
    with pytest.raises(DataError, match="batch of 3 cannot be shared evenly by 2"):
        train_on([CPU, CPU], plan, Data(corpus(6)), tmp_path)


def test_a_full_disk_is_said_and_leaves_the_old_checkpoint(
    tmp_path: Any, corpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(PLAN, Data(corpus(4)), CPU, tmp_path)
    trainer.save(tmp_path / "last.pt")
    before = (tmp_path / "last.pt").read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left"):
        trainer.save(tmp_path / "last.pt")
    assert (tmp_path / "last.pt").read_bytes() == before and [p.name for p in Path(tmp_path).iterdir()] == ["last.pt"]


def test_a_run_that_comes_apart_is_said(corpus: Any) -> None:
    trainer = Trainer(dataclasses.replace(PLAN, rate=1e30), Data(corpus(4)), CPU)
    with pytest.raises(AoiError, match="come apart"):
        trainer.run()


def test_a_run_is_not_gone_on_with_on_other_windows(tmp_path: Any, corpus: Any) -> None:
    folder = RunFolder.create(tmp_path / "run")
    about = About("trial", Channels.GREY_GOLDEN)
    train_session(PLAN, Data(corpus(6), watch=corpus(2, seed=1)), folder, about, {})
    with pytest.raises(DataError, match=r"other windows \(watch\)"):
        train_session(PLAN, Data(corpus(6)), folder, about, {}, resume=True)
    with pytest.raises(DataError, match=r"other windows \(real\): 6 windows"):
        train_session(PLAN, Data(corpus(6, seed=9), watch=corpus(2, seed=1)), folder, about, {}, resume=True)


def test_painting_adds_defects_where_none_was_and_heals_others(corpus: Any) -> None:
    base = corpus(6, size=320)
    more = painted(base, [3], paint=Paint(defects=(3, 5), heal=0.0))
    assert (more.labels >= 0).sum() > (base.labels >= 0).sum()
    assert np.array_equal(more.images[:, 1], base.images[:, 1])
    for index in range(6):
        kept = base.boxes[index][base.labels[index] >= 0]
        assert np.array_equal(more.boxes[index][: len(kept)], kept)
        changed = more.images[index, 0] != base.images[index, 0]
        for box in more.boxes[index][len(kept) : (more.labels[index] >= 0).sum()].astype(int):
            changed[box[1] : box[3] + 1, box[0] : box[2] + 1] = False
        assert not changed.any()
    healed = painted(base, [3], paint=Paint(defects=(0, 0), heal=1.0))
    assert (healed.labels < 0).all()
    with pytest.raises(DataError, match="bare copper"):
        painted(dataclasses.replace(base, classes=("a",)), [0])


def test_corpora_join_and_split_by_board(corpus: Any) -> None:
    both = joined([corpus(3), corpus(2, seed=1)])
    assert len(both) == 5 and both.labels.shape[1] == both.boxes.shape[1]
    assert len(both.of_boards(["board0"])) == 2 and len(both.of_boards(["board0"], other=True)) == 3
    with pytest.raises(DataError, match="No board"):
        both.of_boards(["nowhere"])


def test_a_session_leaves_everything_that_is_needed(tmp_path: Any, corpus: Any) -> None:
    folder = RunFolder.create(tmp_path / "run")
    data = Data(corpus(6), watch=corpus(2, seed=1))
    about = About("trial", Channels.GREY_GOLDEN, px_per_mm=48, licence="none")
    exported, summary = train_session(PLAN, data, folder, about, {"data": "drawn"})
    assert exported.difference < 1e-3 and summary["steps"] == 4
    model = read_model(exported.model)
    assert model.batch is None and model.size == (128, 128) and model.card.name == "trial"
    beside = ModelCard.model_validate_json((tmp_path / "run" / "model.card.json").read_text())
    assert beside.sha256 == model.sha256 and "mAP@0.33 (watched boards)" in beside.figures
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(rows) == 3 and rows[0].startswith("epoch,steps,loss")
    assert "<polyline" in (tmp_path / "run" / "curves.svg").read_text()
    config = folder.read_config()
    assert Plan.from_json(config["plan"]) == PLAN and config["data"]["real"]["windows"] == 6
    with pytest.raises(DataError, match="not empty"):
        RunFolder.create(tmp_path / "run")


def test_a_network_that_came_apart_is_said(corpus: Any) -> None:
    windows = corpus(2)
    network = Network(windows.planes, len(windows.classes), "tiny")
    torch.nn.init.constant_(network.heads[0].locate[-1].bias, math.nan)
    with pytest.raises(AoiError, match="come apart"):
        predict(network, windows, CPU)
