"""What `aoi inspect --json` wrote is scored against the labels of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from aoi_app.boards import BARE_CODES
from aoi_app.cli import build_app
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Dataset, Sample
from aoi_app.training.scoring.report import grouped
from aoi_app.training.scoring.results import read_results
from tests.inference.conftest import write_network

BOXES = {"a_test": (10.0, 10.0, 40.0, 30.0), "b_test": (50.0, 20.0, 90.0, 60.0)}
DATASET = Dataset(
    ("open", "short"),
    tuple(Sample(name[0], Path(f"{name}.png"), (Annotation("short", box),), "one") for name, box in BOXES.items()),
)


def line(name: str, *defects: dict[str, Any], **more: Any) -> str:
    engine = {"model": "m.onnx", "runtime": "onnxruntime", "precision": "fp32"}
    values = {"board": name, "verdict": "FAILED", "defects": defects, "latency_ms": {"inference": 12.5}}
    return json.dumps({**values, "engine": engine, **more})


def defect(name: str, code: str = "short", confidence: float = 0.9) -> dict[str, Any]:
    return {"class": code, "confidence": confidence, "box": BOXES[name]}


def write(folder: Path, *lines: str) -> Path:
    file = folder / "results.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_boards_are_found_by_the_stem_of_their_files(tmp_path: Path) -> None:
    file = write(tmp_path, line("b_test", defect("b_test")), "", line("a_test", defect("a_test")), line("other"))
    inspected = read_results(file, DATASET)
    assert inspected.engine == "m.onnx, onnxruntime fp32" and inspected.milliseconds == 12.5
    whole = grouped(inspected)["all pictures"]
    assert whole.map33 == 1.0 and whole.missed == 0 and whole.false_calls == 0


def test_a_board_that_could_not_be_inspected_found_nothing(tmp_path: Path) -> None:
    failed: dict[str, Any] = {"verdict": "ERROR", "reason": "no image", "latency_ms": {}, "engine": None}
    file = write(tmp_path, line("a_test", defect("a_test")), line("b_test", **failed))
    whole = grouped(read_results(file, DATASET))["all pictures"]
    assert whole.map33 == pytest.approx(0.5, abs=0.01) and whole.missed == 1


def test_a_class_that_the_labels_do_not_know_is_a_false_call(tmp_path: Path) -> None:
    file = write(tmp_path, line("a_test", defect("a_test", "scratch")), line("b_test", defect("b_test")))
    inspected = read_results(file, DATASET)
    assert inspected.dataset.classes == ("open", "short", "scratch")
    assert np.concatenate([found.classes for found in inspected.found]).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((line("a_test"),), "does not hold the board 'b_test'"),
        ((line("a_test"), line("a_test"), line("b_test")), "holds the board 'a_test' twice"),
        (("{broken",), "line 1, is no inspected board"),
        ((line("a_test"), '{"board": "b_test"}'), "line 2, is no inspected board"),
        ((line("a_test"), line("b_test", {"class": "open", "confidence": 1, "box": None})), "line 2"),
        (("[1, 2]",), "line 1"),
    ],
)
def test_what_cannot_be_scored_is_said(lines: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_results(write(tmp_path, *lines), DATASET)
    assert said in str(caught.value) and caught.value.hint


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_results(tmp_path / "none.jsonl", DATASET)


def aoi(*words: str | Path) -> int:
    arguments = [str(word) for word in words]
    return CliRunner().invoke(build_app(arguments), arguments).exit_code


def test_the_whole_path_of_a_board_is_scored_as_its_model_is(tmp_path: Path) -> None:
    head = np.zeros((4 + 6, 8_400), np.float32)
    head[:4, 7], head[4 + 1, 7] = (120, 230, 40, 60), 0.8
    model = write_network(
        tmp_path / "any.onnx", [("output0", head, (1, 10, 8_400))], metadata={"names": str(list(BARE_CODES))}
    )
    boards, results, figures = tmp_path / "boards", tmp_path / "results.jsonl", tmp_path / "figures.json"
    for name, label in (("1", "100,200,140,260,short"), ("2", "105,200,140,260,short\n300,300,340,340,short")):
        folder = boards / f"group{name}"
        folder.mkdir(parents=True)
        for suffix in ("test", "temp"):
            cv2.imwrite(str(folder / f"{name}_{suffix}.png"), np.full((640, 640), 90, np.uint8))
        (folder / f"{name}.txt").write_text(label + "\n")
    scans = sorted(boards.rglob("*_test.png"))
    assert aoi("inspect", *scans, "--model", model, "--min-confidence", "0.001", "--json", results) == 1
    found = []
    for words in (("--inspected", results), ("--model", model)):
        assert aoi("evaluate", boards, "--json", figures, *words) == 0
        found.append(json.loads(figures.read_text())["groups"])
    assert found[0] == found[1]
    assert found[0]["all pictures"]["missed"] == 1 and 0.6 < found[0]["all pictures"]["map33"] < 0.7
