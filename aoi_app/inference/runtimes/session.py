"""What the sessions of all libraries have in common."""

from __future__ import annotations

import os
from pathlib import Path

from aoi_app.core.errors import EngineError
from aoi_app.core.folders import plant_images_dir
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.base import Options, SessionInfo


class BasicSession:
    """What a session tells of itself."""

    _info: SessionInfo
    _batch: int

    @property
    def info(self) -> SessionInfo:
        """What really runs."""
        return self._info

    @property
    def batch(self) -> int:
        """Tiles in a run."""
        return self._batch


class FixedSession(BasicSession):
    """A session whose network was made for one number of tiles."""

    @property
    def fixed_batch(self) -> bool:
        """Whether every run must have exactly `batch` tiles."""
        return True


def freed() -> EngineError:
    """Return the error of a session that is used after it was closed."""
    return EngineError("This engine has been freed.", "Load it again.")


def threads_of(options: Options) -> int:
    """Return the threads of a run: the option `threads`, or where that is 0 all cores but one."""
    return int(options["threads"]) or max(1, (os.cpu_count() or 2) - 1)


def batch_of(model: Model, options: Options) -> int:
    """Return the tiles of a run: the network's own number, else the option `batch`."""
    return model.batch or max(1, int(options["batch"]))


def images_of(options: Options) -> list[Path]:
    """Return where the images for INT8 are: the option `calibration`, else the plant's own."""
    return [Path(str(options["calibration"] or plant_images_dir()))]


def on_cpu(threads: int, name: str = "CPU") -> str:
    """Return such as "CPU, 2 threads"."""
    return f"{name}, {threads} thread{'s' if threads > 1 else ''}"


def unless_asked(ran: str, precision: str) -> str:
    """Return a remark where what ran (in words) is not the precision that was asked for."""
    return "" if precision in ran.lower() else f"asked for {precision}"
