"""The folder driver: each image is one board, and goes through the very path that a camera's lines take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aoi_app.camera.conveyor import SourceBoard
from aoi_app.camera.fault_plan import FaultPlan
from aoi_app.camera.images import Window, list_images, read_board
from aoi_app.camera.simulated import SimulatedCamera, always_ready
from aoi_app.core.errors import CameraNotFound, ImageError
from aoi_app.core.protocols import CameraInfo


class ImageSource:
    """Boards from image files.

    Parameters
    ----------
    paths
        Image files and folders of them.
    window
        Black and white level of 16-bit images; see `read_board`.
    max_bytes
        Larger boards are refused.
    repeat
        Begin anew after the last one.

    Raises
    ------
    CameraNotFound
        There is no image in one of them.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        window: Window | None = None,
        max_bytes: int | None = None,
        repeat: bool = False,
    ) -> None:
        found = {path: list_images(path) for path in paths}
        self.files = [file for path in paths for file in found[path]]
        empty = ", ".join(str(path) for path, files in found.items() if not files)
        if empty or not self.files:
            hint = "Give image files, or folders that hold some; folders inside of them are not searched."
            raise CameraNotFound(f"There is no image in {empty or 'no path'}.", hint)
        self._window = window
        self._max_bytes = max_bytes
        self._repeat = repeat

    def __call__(self, number: int) -> SourceBoard | None:
        """Return board `number`; a file that cannot be read is a board with a problem."""
        if number >= len(self.files) and not self._repeat:
            return None
        path = self.files[number % len(self.files)]
        try:
            return SourceBoard(read_board(path, self._window, self._max_bytes), _printable(path.stem))
        except ImageError as error:
            return SourceBoard(None, _printable(path.stem), _printable(error.what.rstrip(".")))


def _printable(name: str) -> str:
    """Return a name with bytes that are no UTF-8 written as \\xff: neither a database nor JSON takes them raw."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def folder_camera(
    source: ImageSource,
    *,
    gap_lines: int = 0,
    faults: FaultPlan | None = None,
    ready: Callable[[], bool] = always_ready,
) -> SimulatedCamera:
    """Return a camera that delivers each image as one board, in its own width and pixel format."""
    first = source.files[0]
    info = CameraInfo("folder", str(first.parent), model=f"{len(source.files)} images")
    return SimulatedCamera(source, gap_lines=gap_lines, faults=faults, ready=ready, as_is=True, info=info)
