"""The arithmetic of how many lines a server carries, and the table in the documents that it made."""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from aoi_app.inference.capacity import LINKS, Line, carried, output_bytes, ways
from aoi_app.inference.capacity_command import H200_TILES
from aoi_app.inference.catalog import find_model
from aoi_app.inference.commands import app
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.onnxruntime import OnnxRuntime

DOCUMENT = Path(__file__).parents[2] / "docs" / "triton.md"


@pytest.fixture(scope="module")
def model() -> Model:
    return read_model(find_model("pcb-bare"))


def test_a_tile_is_as_large_as_what_really_passes(model: Model) -> None:
    import numpy as np

    session = OnnxRuntime().load(model, "fp32", {}, lambda share, text: None)
    tile = np.zeros(model.input_shape(1), model.dtype)
    today = ways(model, Line(), 128)[0]
    assert today.there and today.up == tile.nbytes == 2 * 640 * 640 * 4
    assert today.down == sum(o.nbytes for o in session.run(tile)) == output_bytes(model)
    session.close()


def test_the_board_of_the_documents(model: Model) -> None:
    line = Line()
    assert line.width * line.lines == 268_435_456
    assert line.tiles_per_board(model, 128) == 1_024
    assert line.boards_per_second * 1_024 == pytest.approx(625)
    assert line.bytes_per_second == pytest.approx(163.84e6)


@given(
    gpus=st.integers(1, 16),
    rate=st.floats(100, 100_000),
    speed=st.floats(10, 50_000),
    load=st.floats(0.1, 1),
    gap=st.floats(0, 0.9),
)
def test_nothing_carries_more_than_it_can(
    model: Model, gpus: int, rate: float, speed: float, load: float, gap: float
) -> None:
    line = Line(4_096, 4_096, rate, gap)
    tiles = line.tiles_per_board(model, 128) * line.boards_per_second
    for c in carried(model, line, overlap=128, tiles_per_second=speed, gpus=gpus, load=load):
        assert c.lines * tiles <= gpus * speed * load * (1 + 1e-9)
        room = LINKS[c.link] * (gpus if c.link == "PCIe" else 1)
        assert c.lines * tiles * max(c.way.up, c.way.down) <= room * load * (1 + 1e-9)
        # one line more would be too many for what is named as the limit
        one_more = (c.lines + 1) * tiles
        if c.limit == "GPU":
            assert one_more > gpus * speed * load * (1 - 1e-9)
        elif c.link != "PCIe":
            assert one_more * max(c.way.up, c.way.down) > room * load * (1 - 1e-9)


def rows(model: Model, rate: float, gpus: int) -> list[str]:
    """Return the table of the document, a line each."""
    found = carried(model, Line(line_rate=rate), overlap=128, tiles_per_second=H200_TILES, gpus=gpus, load=0.7)
    lines = []
    for way, group in groupby(found, key=lambda c: c.way):
        cells = [f"{c.lines}{' (GPU)' if c.limit == 'GPU' else ''}" for c in group]
        lines.append(f"| {way.name} | {way.up / 1e6:.2f} + {way.down / 1e6:.2f} | {' | '.join(cells)} |")
    return lines


@pytest.mark.parametrize("rate", [10_000.0, 30_000.0])
@pytest.mark.parametrize("gpus", [1, 8])
def test_the_tables_of_the_document_are_these(model: Model, rate: float, gpus: int) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    title = f"**{gpus} GPU{'s' if gpus > 1 else ''}, {rate:,.0f} lines/s**"
    assert title in text
    table = re.split(r"\n\n", text.partition(title)[2].strip(), maxsplit=1)[0].splitlines()
    assert table[2:] == rows(model, rate, gpus)


def test_the_command_says_what_limits(model: Model) -> None:
    result = CliRunner().invoke(app, ["capacity", "--model", "pcb-bare", "--gpus", "8", "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output)
    assert answer["tiles_per_board"] == 1_024 and len(answer["rows"]) == 5 * len(LINKS)
    shown = CliRunner().invoke(app, ["capacity", "--model", "pcb-bare", "--line-rate", "30000"])
    assert "1,875 tiles/s" in shown.output and "492 MB/s" in shown.output
