"""A training that is to end in time does, whatever the machine's speed; and it can be repeated with its steps."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from aoi_app.inference.card import Channels  # noqa: E402
from aoi_app.inference.model import read_model  # noqa: E402
from aoi_app.training import pacing, parallel  # noqa: E402
from aoi_app.training.augment import Augmentation  # noqa: E402
from aoi_app.training.checkpoint import read_checkpoint  # noqa: E402
from aoi_app.training.corpus import DataError  # noqa: E402
from aoi_app.training.folder import RunFolder  # noqa: E402
from aoi_app.training.pacing import Limit, Pace, Pacer  # noqa: E402
from aoi_app.training.parallel import train_on  # noqa: E402
from aoi_app.training.plan import Plan, Precision, rate_at  # noqa: E402
from aoi_app.training.session import About, train_session  # noqa: E402
from aoi_app.training.trainer import Data, Epoch, Trainer  # noqa: E402

CPU = torch.device("cpu")
PLAN = Plan(
    network="tiny", steps=12_000, epoch_steps=1000, batch=2, precision=Precision.FP32,
    augmentation=Augmentation(warp=0, mosaic=0, jpeg=0, golden=True),
)  # fmt: skip
ABOUT = About("trial", Channels.GREY_GOLDEN)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the processes that are started


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    step_s=st.floats(0.001, 10),
    epoch_s=st.floats(0, 100),
    seconds=st.floats(0, 10_000),
    epoch_steps=st.integers(1, 2000),
)
def test_the_steps_there_is_time_for_fit_and_few_more_would(
    step_s: float, epoch_s: float, seconds: float, epoch_steps: int
) -> None:
    def takes(steps: int) -> float:
        return steps * step_s + -(-steps // epoch_steps) * epoch_s

    steps = Pace(step_s, epoch_s).steps_within(seconds, epoch_steps)
    assert steps >= 0 and (steps == 0 or takes(steps) <= seconds * (1 + 1e-9) + 1e-6)
    assert takes(steps + 2 + int(0.05 * epoch_steps)) > seconds * (1 - 1e-9) - 1e-6


class Simulated(Trainer):
    """The real loop of a training whose steps and looks at watched windows only take time, as long as they are told."""

    def __init__(self, plan: Plan, clock: Clock, step_s: Callable[[float], float], watch_s: float) -> None:
        self.plan, self.device, self.folder, self.world, self.rank = plan, CPU, None, 1, 0
        self.model = torch.nn.Identity()
        self.optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0)
        self.epoch, self.best, self.stale, self.history = 0, -1.0, 0, []
        self.clock, self.step_s, self.watch_s, self.trial = clock, step_s, watch_s, True
        self.rates: list[float] = []
        self.calm: list[bool] = []
        self.replanned: list[int] = []  # steps done when the number of steps rose

    def _state(self) -> dict[str, Any]:
        return {}

    def _restore(self, state: dict[str, Any]) -> None:
        self.trial = False

    def _windows(self, calm: bool) -> Any:
        self.now_calm = calm

        class Nothing:
            def draw(self) -> tuple[int]:
                return (0,)

        return Nothing(), lambda nothing: (nothing, nothing, nothing)

    def _step(self, *windows: Any) -> Any:
        self.clock.now += self.step_s(self.clock.now - 1000)
        if not self.trial:
            self.rates.append(self.optimiser.param_groups[0]["lr"])
            self.calm.append(self.now_calm)
        return torch.zeros(()), {}

    def _watch(self) -> dict[str, float]:
        self.clock.now += self.watch_s
        return {}

    def _replan(self, pacer: Pacer) -> None:
        before = self.plan.steps
        super()._replan(pacer)
        if self.plan.steps > before:
            self.replanned.append(self._done)


def speed(levels: Sequence[float], noise: Sequence[float], spell_s: float) -> Callable[[float], float]:
    """Return seconds a step by the time: a level for each spell, times noise."""

    def step_s(now: float) -> float:
        return levels[int(now / spell_s) % len(levels)] * noise[int(now * 997) % len(noise)]

    return step_s


@given(
    seconds=st.floats(60, 400),
    levels=st.lists(st.floats(0.2, 1.6), min_size=1, max_size=4),
    noise=st.lists(st.floats(0.7, 1.4), min_size=1, max_size=5),
    spell_s=st.floats(20, 200),
    watch_s=st.floats(0, 3),
)
def test_a_training_ends_in_time_and_its_schedule_at_its_end_however_the_speed_varies(
    seconds: float, levels: list[float], noise: list[float], spell_s: float, watch_s: float
) -> None:
    clock = Clock()
    trainer = Simulated(PLAN, clock, speed(levels, noise, spell_s), watch_s)
    pacer = Pacer(clock() + seconds, clock)
    told: list[tuple[int, int]] = []
    trainer.run(progress=lambda done, steps: told.append((done, steps)), pacer=pacer)
    slowest = max(levels) * max(noise)
    # late by no more than what could not be foreseen: a step that was begun
    assert clock() - 1000 <= seconds + slowest + 1e-6
    done = trainer.history[-1].steps
    assert done == trainer.plan.steps == len(trainer.rates) == told[-1][0] == told[-1][1]
    # the rate rises, then falls; it jumps up only where a new plan has more steps, and then onto the new plan's curve
    rise = max(1, round(PLAN.warm_up * max(steps for _, steps in told)))
    for step in range(rise + 1, done):
        assert trainer.rates[step] <= trainer.rates[step - 1] + 1e-12 or step in trainer.replanned, step
    assert max(trainer.rates) <= PLAN.rate * (1 + 1e-9)
    assert trainer.rates[-1] < 0.15 * PLAN.rate  # 0.01 in the limit: a step of a short run is a part of the cosine
    assert trainer.calm[-1] and not trainer.calm[0]


@given(step_s=st.floats(0.05, 2), seconds=st.floats(200, 1000), watch_s=st.floats(0, 5))
def test_at_an_even_speed_the_time_is_used_and_nothing_is_planned_anew(
    step_s: float, seconds: float, watch_s: float
) -> None:
    clock = Clock()
    trainer = Simulated(PLAN, clock, lambda now: step_s, watch_s)
    trainer.run(pacer=Pacer(clock() + seconds, clock))
    steps = trainer.plan.steps
    epoch_s = trainer.plan.epoch_steps * step_s
    assert (
        seconds - (clock() - 1000) + 1e-6 >= 0 and seconds - (clock() - 1000) <= 0.06 * epoch_s + watch_s + 2 * step_s
    )
    # but for a step of rounding, the very curve that --steps would follow
    assert trainer.rates == pytest.approx([rate_at(s, trainer.plan) for s in range(steps)], abs=0.03 * PLAN.rate)


def test_where_a_step_is_too_long_it_is_said_before_the_training() -> None:
    clock = Clock()
    trainer = Simulated(PLAN, clock, lambda now: 40.0, 0.0)
    with pytest.raises(DataError, match=r"no time to train: 20 s are left .* a step takes 40 s"):
        trainer.run(pacer=Pacer(clock() + 100, clock))
    assert trainer.history == []


def test_a_time_that_is_over_is_said_with_what_it_went_into(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic() - 50
    assert Limit(2, began).until(export_s=1) == began + 120 - pacing.KEPT_S
    assert Limit(10, began).until(export_s=60) == began + 600 - 180
    with pytest.raises(DataError, match=r"of the 1 minutes 50 s have gone into reading"):
        Limit(1, began).until()


def test_the_calm_part_is_a_fifth_of_any_run() -> None:
    for steps in (4, 40, 1500, 12_000, 23_852, 40_000):
        plan = PLAN.of_steps(steps)
        epochs = [(f, min(f + plan.epoch_steps, steps)) for f in range(0, steps, plan.epoch_steps)]
        calm = [last - first for first, last in epochs if plan.is_calm(first, last)]
        assert plan.is_calm(*epochs[-1]) and abs(sum(calm) - 0.2 * steps) <= plan.epoch_steps / 2 + 1


class SteadyClock(Clock):
    """A second for each step: a real training at an even speed, on a machine of any speed."""

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        step = Trainer._step

        def slow(trainer: Trainer, *windows: Any) -> Any:
            self.now += 1
            return step(trainer, *windows)

        monkeypatch.setattr(Trainer, "_step", slow)


def test_a_training_in_time_is_repeated_with_its_steps_to_the_very_same_weights(
    monkeypatch: pytest.MonkeyPatch, corpus: Any, tmp_path: Path
) -> None:
    data = Data(corpus(4, size=64), watch=corpus(2, seed=2, size=64))
    clock = SteadyClock()
    clock.watch(monkeypatch)
    timed = Trainer(PLAN, data, CPU, tmp_path)
    timed.run(pacer=Pacer(clock() + 20, clock))
    assert clock() - 1000 <= 20 and timed.plan.steps == timed.history[-1].steps >= 16
    again = Trainer(PLAN.of_steps(timed.plan.steps), data, CPU)
    again.run()
    assert all(torch.equal(a, b) for a, b in zip(timed.network.state_dict().values(),
                                                 again.network.state_dict().values(), strict=True))  # fmt: skip
    # the run says how it went, and last.pt that it is over
    assert timed.history[-1].values["planned_steps"] == timed.plan.steps
    assert timed.history[0].values["minutes_left"] > timed.history[1].values["minutes_left"]
    assert Plan.from_json(read_checkpoint(tmp_path / "last.pt")["plan"]) == again.plan


class Killed(Exception):
    pass


def killed(*_: Any) -> None:
    raise Killed


@pytest.mark.slow
def test_a_run_in_time_that_was_killed_goes_on_with_its_steps_or_with_new_minutes(
    monkeypatch: pytest.MonkeyPatch, corpus: Any, tmp_path: Path
) -> None:
    data = Data(corpus(4, size=64))
    folder = RunFolder.create(tmp_path / "run")
    clock = SteadyClock()
    clock.watch(monkeypatch)
    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setattr(parallel, "Pacer", partial(Pacer, clock=clock))
    limit = Limit(1, clock())
    with pytest.raises(Killed):
        train_session(PLAN, data, folder, ABOUT, {}, limit=limit, listen=killed)
    planned = Plan.from_json(folder.read_config()["plan"])
    assert planned.steps > planned.epoch_steps and folder.read_config()["minutes"] == 1
    stopped = folder.last.read_bytes()
    # a kill between the checkpoint and config.json: what stands in the checkpoint is gone on with
    folder.write_plan(PLAN, 1)
    _, summary = train_session(PLAN, data, folder, ABOUT, {}, resume=True)
    assert summary["steps"] == planned.steps and summary["minutes"] == 1
    assert Plan.from_json(folder.read_config()["plan"]) == planned
    # a new time
    folder.last.write_bytes(stopped)
    limit = Limit(2, clock())
    _, summary = train_session(PLAN, data, folder, ABOUT, {}, resume=True, limit=limit)
    assert summary["steps"] > planned.steps and summary["minutes"] == 2
    assert clock() <= limit.ends - pacing.KEPT_S
    assert Plan.from_json(folder.read_config()["plan"]).steps == summary["steps"]
    assert (tmp_path / "run" / "curves.svg").read_text().count("Minutes left") == 1
    with pytest.raises(DataError, match="come to its end"):
        train_session(PLAN, data, folder, ABOUT, {}, resume=True, limit=Limit(2, clock()))


@pytest.mark.slow
def test_two_processes_stop_at_the_same_step(corpus: Any, tmp_path: Path) -> None:
    # on a busy machine the processes themselves may not be there in the shortest time
    for seconds in (15, 45, 120):
        try:
            run_two(corpus, tmp_path, seconds)
            return
        except DataError as error:
            assert "no time" in str(error)
    pytest.fail("two processes need more than two minutes to start here")


def run_two(corpus: Any, tmp_path: Path, seconds: float) -> None:
    told: list[Sequence[Epoch]] = []
    steps: list[tuple[int, int]] = []
    began = time.monotonic()
    train_on(
        [CPU, CPU], dataclasses.replace(PLAN, batch=4), Data(corpus(4, size=64), watch=corpus(1, seed=2, size=64)),
        tmp_path, until=began + seconds, listen=told.append, progress=lambda *news: steps.append(news),
    )  # fmt: skip
    state = read_checkpoint(tmp_path / "last.pt")  # a process that took one step more would have waited for the other
    assert state["plan"]["steps"] == state["history"][-1][1] == told[-1][-1].steps == steps[-1][0] == steps[-1][1]
    assert time.monotonic() < began + seconds + 60  # until the processes are gone


def test_the_export_is_tried_before_the_training(corpus: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise DataError("no exporter")

    monkeypatch.setattr("aoi_app.training.session.export", broken)
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(DataError, match="no exporter"):
        train_session(PLAN, Data(corpus(2, size=64)), folder, ABOUT, {}, limit=Limit(9, time.monotonic()))
    assert not folder.last.exists()


@pytest.mark.slow
def test_a_session_in_real_time(corpus: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "KEPT_S", 8.0)
    folder = RunFolder.create(tmp_path / "run")
    limit = Limit(0.3, time.monotonic())
    exported, summary = train_session(
        PLAN, Data(corpus(4, size=64), watch=corpus(2, seed=2, size=64)), folder, ABOUT, {}, limit=limit
    )
    assert time.monotonic() < limit.ends + 20  # of a busy machine
    assert read_model(exported.model).card.name == "trial"
    config, history = folder.read_config(), read_checkpoint(folder.last)["history"]
    assert config["plan"]["steps"] == summary["steps"] == history[-1][1] > 0
    assert config["minutes"] == json.loads((tmp_path / "run" / "summary.json").read_text())["minutes"] == 0.3
