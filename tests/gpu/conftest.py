"""Run-time tests need an NVIDIA GPU, its driver and a TensorRT that runs on it: asked for, never assumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aoi_app.core.errors import AoiError
from aoi_app.inference.catalog import default_model
from aoi_app.inference.runtimes.tensorrt.hardware import GpuFacts, query_gpu
from aoi_app.inference.runtimes.tensorrt.library import Library, open_library
from tests.gpu import rehearsal

if rehearsal.asked():
    rehearsal.install()

# A quick build is good enough to test what it does; figures are taken with the default level.
QUICK = {"optimisation_level": 1, "max_batch": 8, "workspace_mib": 256}


def _missing() -> str:
    try:
        query_gpu()
        open_library("tensorrt")
    except AoiError as error:
        return str(error)
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(__file__).parent in Path(item.path).parents]
    missing = _missing() if here else ""
    for item in here:
        item.add_marker(pytest.mark.gpu)
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def gpu() -> GpuFacts:
    return query_gpu()


@pytest.fixture(scope="session")
def library() -> Library:
    return open_library("tensorrt")


@pytest.fixture(scope="session")
def network() -> Path:
    """The model that the station starts with: random weights would part on every rounding."""
    return default_model()


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int | str]:
    return {**QUICK, "store": str(tmp_path_factory.mktemp("built"))}
