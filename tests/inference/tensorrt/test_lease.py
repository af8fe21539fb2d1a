"""The run on a GPU machine: each step within its time, nothing lost, nothing done twice."""

from __future__ import annotations

import json
import os
import tarfile
import time
from pathlib import Path

import pytest

from aoi_app.inference.catalog import default_model
from tests.gpu import lease
from tests.gpu.figures import Figures
from tests.gpu.lease import Run, Step, go, steps


def a_run(folder: Path) -> Run:
    run = Run(folder / "run", folder / "out", folder / "engines" / "built")
    run.store.mkdir(parents=True, exist_ok=True)
    run.load(None)
    return run


def python(code: str, limit_s: float = 60.0, name: str = "one", figures: str = "") -> Step:
    return Step(name, ("-c", code), limit_s, 1.0, figures)


def known(folder: Path) -> dict[str, dict[str, object]]:
    told: dict[str, dict[str, object]] = json.loads((folder / "out" / lease.STATE).read_text())
    return told


def test_a_step_is_done_once_and_what_it_said_comes_back(tmp_path: Path) -> None:
    step = python("print('all is well')")
    assert go(a_run(tmp_path), [step], 60)
    assert "all is well" in str(known(tmp_path)["one"]["said"])
    assert go(a_run(tmp_path), [step], 60)
    assert known(tmp_path)["one"]["tries"] == 1


def test_a_step_that_fails_takes_no_other_along(tmp_path: Path) -> None:
    todo = [python("raise SystemExit(5)"), python("print('next')", name="two")]
    assert go(a_run(tmp_path), todo, 60)
    assert [told["rc"] for told in known(tmp_path).values()] == [5, 0]


def test_a_step_that_does_not_end_is_ended_with_all_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = (
        "import pathlib, subprocess, sys, time; "
        "one = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"pathlib.Path({str(child)!r}).write_text(str(one.pid)); time.sleep(600)"
    )
    assert not go(a_run(tmp_path), [python(code, limit_s=10.0)], 60)
    assert known(tmp_path)["one"]["rc"] is None
    deadline = time.monotonic() + 60
    while _runs(int(child.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(int(child.read_text()))
    # Later, and only so often.
    assert go(a_run(tmp_path), [python("print('now')")], 60)
    assert known(tmp_path)["one"]["tries"] == 2


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_figures_come_back_although_the_step_was_ended(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    file = run.folder / "figures.json"
    code = f"import pathlib, time; pathlib.Path({str(file)!r}).write_text('{{\"one\": 1.5}}'); time.sleep(600)"
    go(run, [python(code, limit_s=10.0, figures="figures.json")], 60)
    assert known(tmp_path)["one"]["figures"] == {"one": 1.5}
    # On another machine they are there before the step goes on.
    other = Run(tmp_path / "else", tmp_path / "out2", tmp_path / "engines2" / "built")
    other.load(tmp_path / "out")
    assert json.loads((other.folder / "figures.json").read_text()) == {"one": 1.5}


def test_a_step_may_be_ended_before_its_first_figure(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    (run.folder / "figures.json").write_text("")
    go(run, [python("print('begun')", figures="figures.json"), python("print(2)", name="two")], 60)
    assert "figures" not in known(tmp_path)["one"]
    assert known(tmp_path)["two"]["rc"] == 0


def test_nothing_begins_that_has_no_time(tmp_path: Path) -> None:
    assert not go(a_run(tmp_path), [Step("long", ("-c", "print(1)"), 60, least_s=30)], 5)
    assert not (tmp_path / "out" / lease.STATE).exists()


def test_plans_travel_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PIECE", 25_000)
    run = a_run(tmp_path)
    for number in range(5):
        (run.store / f"{number}.plan").write_bytes(os.urandom(10_000))
        (run.store / f"{number}.plan.json").write_text("{}")
    (run.store / "builder.lock").write_text("")
    go(run, [python("print(1)")], 60)
    assert len(list((tmp_path / "out").glob("plans-*.tar"))) == 3
    other = Run(tmp_path / "else", tmp_path / "out2", tmp_path / "engines2" / "built")
    other.load(tmp_path / "out")
    assert {p.name: p.read_bytes() for p in other.store.iterdir()} == {
        p.name: p.read_bytes() for p in run.store.iterdir() if p.suffix != ".lock"
    }
    assert other.done(python("print(1)"))
    for piece in (tmp_path / "out").glob("*.tar"):
        with tarfile.open(piece) as archive:
            assert all("/" not in name for name in archive.getnames())


def test_every_step_is_a_command_that_there_is(tmp_path: Path) -> None:
    every = steps(default_model(), tmp_path, tmp_path, tmp_path, quick=False)
    assert len({step.name for step in every}) == len(every)
    assert all(step.least_s <= step.limit_s for step in every)
    for step in every:
        module = step.command[1]
        assert step.command[0] == "-m"
        assert module in ("pytest", "aoi_app") or Path(*module.split(".")).with_suffix(".py").is_file()


def test_a_figure_is_measured_once_unless_it_failed(tmp_path: Path) -> None:
    def fails() -> float:
        raise ValueError("not today")

    Figures(tmp_path / "f.json").take("good", lambda: 1.0)
    Figures(tmp_path / "f.json").take("bad", fails)
    again = Figures(tmp_path / "f.json")
    again.take("good", lambda: 2.0)
    again.take("bad", lambda: 3.0)
    assert json.loads((tmp_path / "f.json").read_text()) == {"good": 1.0, "bad": 3.0}
