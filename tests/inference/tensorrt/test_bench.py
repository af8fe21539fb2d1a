"""The bench on the stand-in GPU: that it measures every part; what it measures there means nothing."""

from __future__ import annotations

from pathlib import Path

from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.tensorrt.bench import bench_stream, bench_tensorrt, open_for_bench
from tests.inference.tensorrt.standin_cuda import StandInCuda
from tests.inference.tensorrt.standin_trt import StandInTrt


def test_a_row_for_every_batch(trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path) -> None:
    options: dict[str, str | int] = {"store": str(store), "max_batch": 2}
    rows = bench_tensorrt(
        read_model(network),
        ("fp32",),
        batches=(1, 2, 4),
        frames=3,
        tiles=4,
        options=options,
        score=lambda detector: 0.5,
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
