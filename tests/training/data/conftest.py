from __future__ import annotations

from pathlib import Path

import pytest

from aoi_app.boards import BoardSpec, Look
from aoi_app.training.data.dataset import Dataset
from aoi_app.training.data.draw import DrawnSamples
from aoi_app.training.data.layouts.table import LAYOUTS
from aoi_app.training.data.split import split_by_board

SPEC = BoardSpec(width=200, lines=160, look=Look.BINARY, defects=(1, 4))


@pytest.fixture(scope="session")
def drawn() -> Dataset:
    """Twelve drawn windows, a board each."""
    boards = DrawnSamples(SPEC, 12, seed=5)
    return Dataset(boards.classes, tuple(boards.samples))


@pytest.fixture
def written(drawn: Dataset, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The drawn windows, split, in the layout that the test names."""
    root = tmp_path / "set"
    LAYOUTS[request.param].write(split_by_board(drawn, {"train": 0.7, "val": 0.3}), root, lambda: None)
    return root
