"""The bench on the stand-in GPU: that it measures every part; what it measures there means nothing."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes import table
from aoi_app.inference.runtimes.tensorrt import bench
from aoi_app.inference.runtimes.tensorrt.bench import bench_stream, bench_tensorrt, open_for_bench
from tests.cli.test_inspect import aoi
from tests.inference.tensorrt.standin_cuda import StandInCuda
from tests.inference.tensorrt.standin_trt import StandInTrt


def test_a_row_for_every_batch(trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path) -> None:
    options: dict[str, str | int] = {"store": str(store), "max_batch": 2}
    rows = list(
        bench_tensorrt(
            read_model(network),
            ("fp32",),
            batches=(1, 2, 4),
            frames=3,
            tiles=4,
            options=options,
            score=lambda detector: 0.5,
        )
    )
    assert [(r.precision, r.batch) for r in rows] == [("fp32", 1), ("fp32", 2)], (
        "a batch the engine has not is left out"
    )
    for row in rows:
        assert 0 < row.p50_ms <= row.p95_ms <= row.p99_ms
        assert row.tiles_per_second > 0
        assert (row.floor_ms, row.preprocess_ms, row.postprocess_ms) == (1.0, 1.0, 0.0)
        assert row.ratio == row.p50_ms
        assert row.transfer_share > 0
        assert row.vram_mib > 0
        assert row.map50 == 0.5
    assert cuda.held == 0


def test_a_board_fed_line_by_line(trt: StandInTrt, network: Path, store: Path) -> None:
    detector = open_for_bench(
        read_model(network), "fp32", "tensorrt", {"store": str(store), "batch": 2}, lambda share, text: None
    )
    figures = bench_stream(detector, 200, 300, line_rate=5_000, block=64, boards=2)
    detector.close()
    assert len(figures.verdict_ms) == 2
    assert figures.tiles == 2 * 4 * 5
    assert figures.seconds >= 2 * 300 / 5_000


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Path) -> Path:
    """The command with few frames, in a folder of engines of its own; returns a folder of labelled images."""
    monkeypatch.setattr(bench, "bench_tensorrt", partial(bench_tensorrt, batches=(1, 2), frames=2, tiles=2))
    monkeypatch.setattr(table.RuntimeEntry, "available", property(lambda self: True))
    monkeypatch.setenv("AOI_ENGINES", str(tmp_path / "engines"))
    images = tmp_path / "images"
    images.mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (300, 300), np.uint8)
        cv2.imwrite(str(images / f"{number}.png"), cv2.GaussianBlur(pixels, (5, 5), 0))
        (images / f"{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    return images


def test_the_command_measures_every_precision(trt: StandInTrt, network: Path, quick: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    result = aoi("bench", "--tensorrt", "--model", network, "--images", quick, "--json", out)
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text())
    measured = [(row["precision"], row["batch"]) for row in found["tensorrt"]]
    assert measured[:4] == [("fp32", 1), ("fp32", 2), ("fp16", 1), ("fp16", 2)]
    # The stand-in's engines run INT8 files as they are: as FP32, which is refused.
    assert "int8" in found["left out"]
    assert all(row["map50"] is not None and row["ratio"] > 0 for row in found["tensorrt"])
    assert "fp16, batch 2: p50" in " ".join(result.stderr.split())
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


def test_what_was_measured_is_kept_when_the_rest_fails(
    trt: StandInTrt, network: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed has kept every row that it had measured."""
    out = tmp_path / "figures.json"
    real, rows = bench._measure, 0

    def dies(*given: Any) -> Any:
        nonlocal rows
        if rows == 3:
            raise KeyboardInterrupt
        rows += 1
        return real(*given)

    monkeypatch.setattr(bench, "_measure", dies)
    aoi("bench", "--tensorrt", "--model", network, "--json", out)
    measured = [(row["precision"], row["batch"]) for row in json.loads(out.read_text())["tensorrt"]]
    assert measured == [("fp32", 1), ("fp32", 2), ("fp16", 1)]


def test_a_precision_that_cannot_be_had_takes_no_other_along(
    trt: StandInTrt, network: Path, quick: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    trt.runs_single = True
    result = aoi("bench", "--tensorrt", "--model", network, "--json", out)
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text())
    assert [row["precision"] for row in found["tensorrt"]] == ["fp32", "fp32"]
    assert "it runs fp32" in found["left out"]["fp16"]


def test_the_reason_is_told_where_nothing_can_be_measured(trt: StandInTrt, network: Path, quick: Path) -> None:
    trt.refuse = True
    result = aoi("bench", "--tensorrt", "--model", network)
    assert "could not load the plan" in str(result.exception)
