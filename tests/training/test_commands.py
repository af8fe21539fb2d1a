"""`aoi train` and `aoi evaluate`, as an engineer calls them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from aoi_app.boards import BARE_CODES
from aoi_app.cli import build_app
from aoi_app.core.errors import BackendMissing
from aoi_app.core.install import install_line
from aoi_app.inference.card import Channels
from aoi_app.inference.model import read_model
from aoi_app.training import needs
from aoi_app.training.corpus import DataError
from aoi_app.training.data.layouts.table import LAYOUTS, read_dataset
from aoi_app.training.plan import read_plan
from aoi_app.training.schedule import plan_for

TRAIN = ["--network", "tiny", "--size", "128", "--steps", "4", "--batch", "4"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)  # two that wait for each other on a busy machine take minutes a step


def aoi(*words: str) -> Any:
    return CliRunner().invoke(build_app(words), words, catch_exceptions=True)


def test_train_then_evaluate_then_compare(deeppcb: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    more = ("--paint", "2", "--drawn", str(deeppcb))
    done = aoi("train", str(deeppcb), "--run", str(run), "--hold-out", "board1", *more, *TRAIN)
    assert done.exit_code == 0, done.output + str(done.exception)
    model = str(run / "model.onnx")
    assert json.loads((run / "config.json").read_text())["data"]["drawn"]["windows"] == 2 * 4 + 8

    report = tmp_path / "report.html"
    done = aoi("evaluate", str(deeppcb), "--model", model, "--json", str(tmp_path / "f.json"), "--report", str(report),
               "--seen", "board0")  # fmt: skip
    assert done.exit_code == 0, done.output + str(done.exception)
    groups = json.loads((tmp_path / "f.json").read_text())["groups"]
    assert groups["unseen boards"]["pictures"] == 4 and groups["all pictures"]["pictures"] == 8
    assert report.stat().st_size > 1000

    done = aoi("evaluate", str(deeppcb), "--compare", model, model)
    assert done.exit_code == 0 and "B may replace A" in done.output


def test_resume_goes_on_with_a_finished_run(deeppcb: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", str(deeppcb), "--run", str(run), *TRAIN)
    assert aoi(*words).exit_code == 0
    again = aoi(*words)
    assert isinstance(again.exception, DataError) and "--resume" in str(again.exception)
    before = (run / "metrics.csv").read_text()
    assert aoi(*words, "--resume").exit_code == 0
    assert (run / "metrics.csv").read_text() == before


@pytest.mark.slow
def test_a_training_with_minutes_is_over_in_time_and_can_be_repeated_with_its_steps(
    deeppcb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aoi_app.training.pacing.KEPT_S", 8.0)
    run = tmp_path / "run"
    few = ("--network", "tiny", "--size", "64", "--batch", "2", "--schedule", "quick")
    done = aoi("train", str(deeppcb), "--run", str(run), "--minutes", "0.42", *few, "--hold-out", "board1")
    assert done.exit_code == 0, done.output + str(done.exception)
    steps = json.loads((run / "summary.json").read_text())["steps"]
    assert "There is time for" in done.output and f"{steps} steps, over " in " ".join(done.output.split())
    config = json.loads((run / "config.json").read_text())
    assert (config["minutes"], config["plan"]["steps"]) == (0.42, steps)
    assert read_model(run / "model.onnx").card.name == "run"
    done = aoi("train", str(deeppcb), "--run", str(run), "--resume", *few, "--hold-out", "board1")
    assert done.exit_code == 0 and "It goes on with the steps that were planned last" in " ".join(done.output.split())


def test_minutes_that_went_into_reading_are_said_before_there_is_a_folder(
    deeppcb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aoi_app.training.pacing.KEPT_S", 30.0 - 1e-6)
    done = aoi("train", str(deeppcb), "--run", str(tmp_path / "run"), "--minutes", "0.5", *TRAIN[:4])
    assert isinstance(done.exception, DataError) and "no time to train" in str(done.exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--size", "100"), "multiple of 32"),
        (("--schedule", "endless"), "no schedule"),
        (("--network", "huge"), "no network"),
        (("--precision", "fp8"), "no precision"),
        (("--resume",), "needs --run"),
        (("--minutes", "0.4"), "25 s of them are kept for the export"),
        (("--minutes", "9", "--steps", "4"), "--steps has no place beside --minutes"),
        (("--minutes", "9", "--tflite"), "convert afterwards"),
    ],
)
def test_wrong_options_are_said(deeppcb: Path, words: tuple[str, ...], said: str) -> None:
    done = aoi("train", str(deeppcb), *words)
    assert done.exit_code == 2 and said in done.output


def test_amp_is_measured_on_a_gpu_only(deeppcb: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = aoi("train", str(deeppcb), "--measure-amp", *TRAIN)
    assert isinstance(done.exception, DataError) and "GPU" in str(done.exception)


def test_without_pytorch_the_message_names_the_remedy(monkeypatch: pytest.MonkeyPatch, deeppcb: Path) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    done = aoi("train", str(deeppcb))
    assert isinstance(done.exception, BackendMissing) and install_line("train") in str(done.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--board", "nowhere"), "board0"),
        (("--seen", "nowhere"), "board0"),
        (("--split", "val"), "no split 'val'"),
    ],
)
def test_a_part_that_is_not_there(deeppcb: Path, words: tuple[str, ...], said: str) -> None:
    done = aoi("evaluate", str(deeppcb), *words)
    assert isinstance(done.exception, DataError) and said in str(done.exception)


def test_two_ways_to_evaluate_are_one_too_many(deeppcb: Path) -> None:
    done = aoi("evaluate", str(deeppcb), "--model", "a", "--compare", "b", "c")
    assert done.exit_code == 2 and "do not go together" in done.output


def test_a_plan_is_kept_but_for_what_is_said_beside_it(deeppcb: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    made = plan_for("quick", BARE_CODES, Channels.GREY_GOLDEN, margin=3.0)
    plan.write_text(json.dumps({"plan": replace(made, network="tiny", seed=7, batch=2, patience=9).to_json()}))
    words = ("train", str(deeppcb), "--plan", str(plan), "--size", "128", "--steps", "2")
    assert aoi(*words, "--run", str(tmp_path / "run"), "--seed", "5").exit_code == 0
    used = read_plan(tmp_path / "run" / "config.json")
    assert (used.network, used.seed, used.batch, used.patience) == ("tiny", 5, 2, 9) and used.augmentation.margin == 3.0
    done = aoi(*words, "--margin", "1")
    assert done.exit_code == 2 and "--margin has no place" in done.output
    done = aoi(*words, "--channels", "grey")
    assert isinstance(done.exception, DataError) and "with a golden image" in str(done.exception)


def test_the_order_of_classes_comes_from_the_weights_that_are_started_from(deeppcb: Path, tmp_path: Path) -> None:
    words = ("--size", "128", "--network", "tiny", "--steps", "1", "--batch", "2")
    first, second, third = (str(tmp_path / name) for name in ("first", "second", "third"))
    assert aoi("train", str(deeppcb), "--run", first, *words).exit_code == 0
    few = read_dataset(deeppcb)
    # a station's export knows only the classes that occur, by name
    samples = tuple(replace(s, labels=s.labels[:1]) for s in few.samples)
    LAYOUTS["history"].write(replace(few, samples=samples), tmp_path / "history", lambda: None)
    started = ("--start", first + "/last.pt")
    done = aoi("train", str(tmp_path / "history"), "--run", second, *words, *started)
    assert done.exit_code == 0, done.output + str(done.exception)
    assert read_model(Path(second, "model.onnx")).card.classes == BARE_CODES
    done = aoi("train", str(tmp_path / "history"), "--run", third, *words, "--drawn", str(deeppcb))
    assert done.exit_code == 0, done.output + str(done.exception)
    assert read_model(Path(third, "model.onnx")).card.classes == BARE_CODES


def test_a_trained_network_is_also_written_for_litert(deeppcb: Path, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch", reason='the converter is not installed; AOI_EXTRAS="litert-convert"')
    run = tmp_path / "run"
    small = ["64" if word == "128" else word for word in TRAIN]  # more tiles a picture: INT8 needs sixteen
    done = aoi("train", str(deeppcb), "--run", str(run), "--tflite", *small)
    assert done.exit_code == 0, done.output + str(done.exception)
    for precision in ("fp32", "fp16", "int8"):
        made = read_model(run / f"model.{precision}.tflite")
        assert made.card.made_from == read_model(run / "model.onnx").sha256
