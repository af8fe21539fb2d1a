"""The table of camera drivers, and from a source's name to a camera."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aoi_app.camera import aravis, aravis_library, gentl, opencv, pylon
from aoi_app.camera.bounded import Overdue, bounded
from aoi_app.camera.bounded_camera import BoundedCamera, SdkCamera
from aoi_app.camera.drawn_source import DRAWN_OPTIONS, DrawnSource
from aoi_app.camera.fault_plan import FaultKind, FaultPlan
from aoi_app.camera.folder import ImageSource, folder_camera
from aoi_app.camera.option_values import check_values
from aoi_app.camera.simulated import SimulatedCamera, always_ready
from aoi_app.core.errors import AoiError, BackendMissing, CameraError, CameraNotFound, FeatureError
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo, LineScanCamera
from aoi_app.core.settings import CameraSettings

Ready = Callable[[], bool]
"""Whether the station takes another board; asked by lines that can wait."""

Option = int | float | str | bool
DEFAULT_GAP_LINES = 400
LISTED_S = 30.0
"""So much longer than it was told to look a driver may take: it looks for none while it opens one."""

OPTIONS = frozenset(
    {
        *("board_end", "board_lines", "board_quiet_s", "sensor_bit", "gap_policy", "transport"),
        *("encoder_divider", "encoder_counts_down", "row_offsets", "silence_s"),
        *("pixel_format", "black_level", "white_level", "flat_field"),
        *("buffers", "packet_resend", "packet_size", "cti"),
        *("gap_lines", "faults", "repeat", *DRAWN_OPTIONS),
    }
)
"""What a camera's options are called; a name that begins with a capital letter is a feature of the camera itself."""
DRAWN = {"bare": "Simulated line, bare boards", "assembled": "Simulated line, assembled boards"}
"""Kinds of boards that the simulated line draws -> what the line is called."""


@dataclass(frozen=True, slots=True)
class Driver:
    """One way to reach cameras.

    Attributes
    ----------
    name
        What stands before the colon in a source, such as `gige:192.168.0.10`.
    title
        For people.
    missing
        Returns None when the driver can be used here, otherwise why not and what installs it.
    discover
        Lists the cameras that answer within so many seconds.
    create
        From the part after the colon to a camera that is not open yet.
    """

    name: str
    title: str
    missing: Callable[[], BackendMissing | None]
    discover: Callable[[float], list[CameraInfo]]
    create: Callable[[str, Mapping[str, Option], Ready], LineScanCamera]


def drivers() -> Mapping[str, Driver]:
    """Return the drivers by name."""
    return {driver.name: driver for driver in _TABLE}


def create_camera(
    source: str, options: Mapping[str, Option] | None = None, ready: Ready = always_ready
) -> LineScanCamera:
    """Return the camera that a source names, not yet open.

    The same object is opened again when the camera comes back after a loss.

    Parameters
    ----------
    source
        A driver's name, with an address after a colon where it takes one, or the path of an image or folder.
    options
        What only one driver knows: `CameraSettings.options`.
    ready
        Asked before each board by the simulated line and the folder driver.

    Raises
    ------
    CameraNotFound
        Nothing of this name exists.
    BackendMissing
        The driver's library is not installed.
    FeatureError
        No driver knows an option of this name, or it may not have this value.
    """
    options = options or {}
    _check_names(options)
    check_values(options)
    name, _, address = source.partition(":")
    driver = drivers().get(name)
    # A path wins over a driver's name only where no driver has it: C:\boards is a path.
    if driver is None:
        if not Path(source).exists():
            known = ", ".join(drivers())
            raise CameraNotFound(
                f"{source!r} is neither a file, nor a folder, nor a camera.",
                f"Give a path, or one of {known}, with an address after a colon.",
            )
        driver, address = drivers()["folder"], source
    missing = driver.missing()
    if missing is not None:
        raise missing
    return driver.create(address, options, ready)


def _check_names(options: Mapping[str, Option]) -> None:
    """Refuse names that nothing knows; those of another driver may be left from another source."""
    for name in options:
        if not name[:1].isupper() and name not in OPTIONS:
            near = difflib.get_close_matches(name, OPTIONS, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Choose one of {', '.join(sorted(OPTIONS))}."
            raise FeatureError(f"No camera has an option {name}.", hint)


def open_camera(
    source: str, options: Mapping[str, Option] | None = None, ready: Ready = always_ready
) -> LineScanCamera:
    """Return the camera that a source names, open. Raises CameraNotFound, CameraBusy, BackendMissing."""
    camera = create_camera(source, options, ready)
    camera.open()
    return camera


def acquisition_config(settings: CameraSettings) -> AcquisitionConfig:
    """Return what a station's settings ask of its camera."""
    return AcquisitionConfig(
        height=settings.height, acquisition_line_rate=settings.line_rate, extra=dict(settings.options)
    )


def discover(timeout_s: float = 2.0) -> dict[str, list[CameraInfo] | AoiError]:
    """Ask every driver which cameras answer: its list, or why it could not be asked."""
    found: dict[str, list[CameraInfo] | AoiError] = {}
    for driver in _TABLE:
        missing = driver.missing()
        try:
            found[driver.name] = missing or _listed(driver, timeout_s)
        except AoiError as error:
            found[driver.name] = error
    return found


def _listed(driver: Driver, timeout_s: float) -> list[CameraInfo]:
    try:
        return bounded(f"list:{driver.name}", lambda: driver.discover(timeout_s), timeout_s + LISTED_S)
    except Overdue as error:
        what = f"{driver.title}: cameras cannot be listed, the driver has not come back yet."
        hint = "A camera that answers, but cannot be opened, may hold it up: switch that one off and on."
        raise CameraError(what, hint) from error


def _always() -> None:
    return None


def _simulated(address: str, options: Mapping[str, Option], ready: Ready) -> LineScanCamera:
    gap_lines = int(options.get("gap_lines", DEFAULT_GAP_LINES))
    faults = FaultPlan.parse(str(options.get("faults", "")))
    if faults.has(FaultKind.PENDING):
        raise FeatureError("The simulated line has no network: it cannot be pending.", "Use it with aoi camera serve.")
    if address and Path(address).exists():
        return folder_camera(ImageSource([Path(address)], repeat=True), gap_lines=gap_lines, faults=faults, ready=ready)
    kind = address or "bare"
    info = CameraInfo("simulated", kind, "AOI", DRAWN.get(kind, kind), "SIM-0001")
    return SimulatedCamera(DrawnSource(kind, options), gap_lines=gap_lines, faults=faults, ready=ready, info=info)


def drawn_source(source: str, options: Mapping[str, Option]) -> DrawnSource | None:
    """Return what draws the boards of a simulated line; None where its boards come from files."""
    kind = source.partition(":")[2] or "bare"
    return None if Path(kind).exists() else DrawnSource(kind, options)


def _folder(address: str, options: Mapping[str, Option], ready: Ready) -> LineScanCamera:
    if not address or not Path(address).exists():
        raise CameraNotFound(f"There is no file or folder {address!r}.", "Give folder: with the path of one.")
    source = ImageSource([Path(address)], repeat=bool(options.get("repeat", False)))
    return folder_camera(source, ready=ready)


def _list_simulated(timeout_s: float) -> list[CameraInfo]:
    return [CameraInfo("simulated", kind, model=title) for kind, title in DRAWN.items()]


def _nothing(timeout_s: float) -> list[CameraInfo]:
    return []


def _sdk(name: str, camera: Callable[[str, Mapping[str, Option]], SdkCamera]) -> Callable[..., LineScanCamera]:
    # A real line does not wait for the station: it has its own interlock.
    return lambda address, options, ready: BoundedCamera(lambda: camera(address, options), f"{name}:{address}")


def _video(address: str, options: Mapping[str, Option], ready: Ready) -> LineScanCamera:
    return opencv.OpencvCamera(address, options)


_TABLE = (
    Driver("simulated", "Simulated line", _always, _list_simulated, _simulated),
    Driver("folder", "Images of a folder", _always, _nothing, _folder),
    Driver("gige", "GigE Vision", aravis_library.missing, aravis.discover, _sdk("gige", aravis.AravisCamera)),
    Driver("pylon", "Basler pylon", pylon.missing, pylon.discover, _sdk("pylon", pylon.PylonCamera)),
    Driver("gentl", "GenTL", gentl.missing, gentl.discover, _sdk("gentl", gentl.GentlCamera)),
    Driver("opencv", "Video (area scan)", _always, opencv.discover, _video),
)
