"""Boards for the tests: small, different, with defects at known places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xxhash

from aoi_app.core.inspection import Defect, EngineInfo, Inspection, Verdict
from aoi_app.core.scan import BoardScan, Completeness, PixelFormat, ScanEnd, read_only

HOUR_US = 3_600_000_000
START_US = 1_800_000_000_000_000

ENGINE = EngineInfo("onnxruntime", "fp32", "own.onnx", "ab" * 32, "cpu", ("open", "short"), "2 threads")


def defects(n: int, code: str = "short") -> tuple[Defect, ...]:
    """Return n defects in a row."""
    return tuple(
        Defect(code, 0.9 - 0.001 * i, (10.0 + 20 * i, 30.0, 22.5 + 20 * i, 41.25), 12.5, "", "", 2) for i in range(n)
    )


def board(
    number: int = 1, *found: Defect, pixel_format: PixelFormat = PixelFormat.MONO8, lines: int = 160, width: int = 240
) -> tuple[Inspection, ScanEnd]:
    """Return an inspected board; FAILED when it has defects that count."""
    rng = np.random.default_rng(number)
    shape = (lines, width) if pixel_format is PixelFormat.MONO8 else (lines, width, 3)
    pixels = rng.integers(0, 256, shape, np.uint8)
    completeness = Completeness(lines)
    scan = BoardScan(f"board-{number:06d}", f"SN{number:05d}", read_only(pixels), pixel_format, 0, _ns(number) - 10**9)
    end = ScanEnd(scan, completeness, xxhash.xxh3_128_hexdigest(pixels.tobytes()), 0)
    fails = any(d.counts for d in found)
    inspection = Inspection(
        board_id=scan.board_id,
        serial=scan.serial,
        verdict=Verdict.FAILED if fails else Verdict.PASSED,
        reason="1 x short" if fails else "",
        defects=found,
        recipe="default",
        recipe_revision=3,
        engine=ENGINE,
        completeness=completeness,
        input_hash=end.input_hash,
        started_ns=scan.started_ns,
        ended_ns=_ns(number),
        width=width,
        latency_ms={"inference": 12.25, "verdict": 20.5},
    )
    return inspection, end


def changed(one: tuple[Inspection, ScanEnd], **changes: object) -> tuple[Inspection, ScanEnd]:
    """Return a board with some facts of its inspection changed."""
    return replace(one[0], **changes), one[1]  # type: ignore[arg-type]


def _ns(number: int) -> int:
    return (START_US + number * 60_000_000) * 1000
