"""`aoi camera`: list, try and simulate cameras, and capture their flat field."""

from __future__ import annotations

import ipaddress
import json
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from aoi_app.camera.aravis_stream import small_socket_buffer
from aoi_app.camera.bench import bench_camera
from aoi_app.camera.board_options import BoardOptions
from aoi_app.camera.capture import check_corrects, flat_field_of, grab_boards, grab_lines
from aoi_app.camera.drawn_source import DrawnSource
from aoi_app.camera.drivers import create_camera, discover, drivers, open_camera
from aoi_app.camera.fault_plan import FaultKind, FaultPlan
from aoi_app.camera.flat_field import check_dark
from aoi_app.camera.folder import ImageSource
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.camera.gige.link_faults import LinkFaults
from aoi_app.camera.introspection import describe
from aoi_app.camera.watch import watch
from aoi_app.core.errors import AoiError, BackendMissing, CameraError, CameraNotFound
from aoi_app.core.options import guessed
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.recipe import MAX_LENGTH_LINES
from aoi_app.core.scan import PixelFormat, Pixels

app = typer.Typer(no_args_is_help=True)
out, err = Console(), Console(stderr=True)

ATTACHED = ("gige", "pylon", "gentl")
"""Drivers whose cameras are looked for."""

Option = int | float | str | bool
Source = Annotated[str, typer.Argument(help="simulated, a path, gige:ADDRESS, pylon:SERIAL, gentl:ID, opencv:FILE.")]
Options = Annotated[
    list[str], typer.Option("--set", "-s", metavar="NAME=VALUE", help="An option of the driver, or an SFNC feature.")
]
FAULTS = (
    "What goes wrong, each once: KIND@BOARD:LINExAMOUNT, such as drop_block@3:100x2, parted by commas. "
    "Boards count from 0; the amount is in lines, blocks or seconds. "
    f"Kinds: {', '.join(kind.value for kind in FaultKind)}."
)
Rate = Annotated[float, typer.Option(help="AcquisitionLineRate, lines per second; 0 for as fast as it goes.")]
Height = Annotated[int, typer.Option(min=1, max=4_096, help="Lines a block.")]
Width = Annotated[int, typer.Option(min=0, help="Pixels a line; 0 for the camera's own.")]


@app.command("list")
def list_cameras(
    wait: Annotated[float, typer.Option(help="Seconds to look for GigE Vision cameras.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the cameras that answer, and the drivers that could be installed."""
    table = Table("source", "vendor", "model", "serial", "address")
    with err.status("Looking for cameras"):
        found = discover(wait)
    for name, answer in found.items():
        if isinstance(answer, AoiError):
            if as_json:
                print(json.dumps({"driver": name, "missing": answer.what, "hint": answer.hint}))
            why = answer.hint if isinstance(answer, BackendMissing) else str(answer)
            table.add_row(f"[dim]{name}[/]", "[dim]not available[/]", f"[dim]{escape(why)}[/]", "", "")
            continue
        if not answer and name in ATTACHED:
            table.add_row(f"[dim]{name}[/]", "[dim]no camera answers[/]", "", "", "")
        for info in answer:
            if as_json:
                print(json.dumps(asdict(info)))
            cells = (f"{name}:{info.address or info.id}", info.vendor, info.model, info.serial, info.address)
            table.add_row(*map(escape, cells))
    if not as_json:
        out.print(table)


@app.command()
def info(source: Source, options: Options = []) -> None:  # noqa: B006 - typer copies it
    """Show who a camera is, and its features with value, unit and limits."""
    camera = open_camera(source, parse_options(options))
    try:
        who = camera.info
        vendor, model, serial = (escape(text) for text in (who.vendor, who.model, who.serial))
        out.print(f"[bold]{vendor} {model}[/] {serial} {escape(who.address)} (driver {who.driver})")
        table = Table("feature", "value", "unit", "limits")
        for feature in describe(camera):
            limits = escape(feature.limits) if feature.writable else "[dim]read only[/]"
            table.add_row(*map(escape, (feature.name, feature.value, feature.unit)), limits)
        if table.row_count:
            out.print(table)
    finally:
        camera.close()


@app.command()
def grab(
    source: Source,
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder for the boards, one PNG each.")] = Path("boards"),
    boards: Annotated[int, typer.Option("--boards", "-n", min=1, help="How many.")] = 1,
    options: Options = [],  # noqa: B006
    line_rate: Rate = 4_000.0,
    height: Height = 128,
    width: Width = 0,
    colour: Annotated[bool, typer.Option("--colour", help="RGB8 instead of Mono8.")] = False,
    max_lines: Annotated[int, typer.Option(min=1, max=MAX_LENGTH_LINES, help="Longest board.")] = 16_384,
    wait: Annotated[float, typer.Option(help="Seconds without a line after which it ends.")] = 10.0,
) -> None:
    """Take boards and say of each whether every line of it is there; exit code 1 when not."""
    chosen = parse_options(options)
    boards_as = BoardOptions.among(chosen)
    camera = create_camera(source, chosen)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    complete = taken = 0
    try:
        camera.open()
        config = _config(line_rate, height, width, PixelFormat.RGB8 if colour else PixelFormat.MONO8)
        with Progress(console=err, transient=True) as bar:
            task = bar.add_task("Boards", total=boards)
            for end in grab_boards(camera, config, max_lines=max_lines, quiet_s=wait, options=boards_as):
                taken += 1
                complete += end.completeness.ok
                verdict = "complete" if end.completeness.ok else "; ".join(end.completeness.reasons)
                out.print(f"{end.scan.serial}  {end.scan.width} x {end.completeness.lines}  {verdict}", highlight=False)
                if end.completeness.lines:
                    _write(folder / f"{end.scan.serial}.png", end.image)
                bar.advance(task)
                if taken == boards:
                    break
    finally:
        camera.close()
    if not taken:
        raise CameraError(f"No board came within {wait:g} s.", "Check triggers, light and conveyor.")
    if complete < taken:
        raise typer.Exit(1)


@app.command()
def serve(
    path: Annotated[Path | None, typer.Argument(help="Image or folder of boards; drawn boards when left out.")] = None,
    address: Annotated[str, typer.Option(help="IPv4 address of this machine to answer at.")] = "127.0.0.1",
    loss: Annotated[float, typer.Option(min=0, max=1, help="Share of packets to lose.")] = 0.0,
    resend: Annotated[bool, typer.Option(help="Send lost packets again.")] = True,
    faults: Annotated[str, typer.Option(metavar="PLAN", help=FAULTS)] = "",
    gap_lines: Annotated[int, typer.Option(min=0, help="Lines between two boards.")] = 400,
    once: Annotated[bool, typer.Option("--once", help="Each board once instead of again and again.")] = False,
    seconds: Annotated[float, typer.Option(min=0, help="End after so long; 0 runs until Ctrl-C.")] = 0.0,
) -> None:
    """Be a GigE Vision line-scan camera on this machine, for any GigE Vision client."""
    if path is not None and not path.exists():
        raise CameraNotFound(f"There is no file or folder {path}.", "Give an image, or a folder that holds some.")
    try:
        ipaddress.IPv4Address(address)
    except ValueError as error:
        raise CameraError(
            f"{address!r} is no IPv4 address.", "Give one of this machine, such as 127.0.0.1 or 127.0.0.2."
        ) from error
    source = DrawnSource("bare", {}) if path is None else ImageSource([path], repeat=not once)
    device = GigeDevice(
        source,
        address,
        gap_lines=gap_lines,
        board_faults=FaultPlan.parse(faults),
        link=LinkFaults(loss),
        can_resend=resend,
    )
    device.start()
    out.print(
        f"A GigE Vision line-scan camera answers at {address}. Try: [bold]aoi --source gige:{address}[/]",
        soft_wrap=True,
    )
    out.print("Ctrl-C ends it.")
    end = time.monotonic() + seconds if seconds else float("inf")
    try:
        while time.monotonic() < end and device.failure is None:
            time.sleep(0.1)
    except KeyboardInterrupt:
        out.print("Ended.")
    finally:
        device.stop()
    if device.failure is not None:
        raise device.failure


@app.command("watch")
def watch_camera(
    source: Source,
    options: Options = [],  # noqa: B006
    line_rate: Rate = 4_000.0,
    height: Height = 128,
    width: Width = 0,
    seconds: Annotated[float, typer.Option(min=0, help="End after so long; 0 runs until Ctrl-C.")] = 0.0,
) -> None:
    """Watch line profile, histogram, saturation, focus, line rate and losses: to set light and lens."""
    with suppress(KeyboardInterrupt):
        watch(
            create_camera(source, parse_options(options)), _config(line_rate, height, width, PixelFormat.MONO8), seconds
        )


@app.command("flat-field")
def flat_field(
    source: Source,
    file: Annotated[Path, typer.Argument(help="Where to write the correction, an .npz file.")],
    lines: Annotated[int, typer.Option(min=16, help="Lines of each picture.")] = 2_048,
    options: Options = [],  # noqa: B006
    line_rate: Rate = 4_000.0,
    height: Height = 128,
    width: Width = 0,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the lines.")] = 30.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask to cover the lens or to lay out the target.")] = False,
) -> None:
    """Capture the dark level and the gain of each column, for the option flat_field."""
    chosen = parse_options(options)
    for name in ("flat_field", "black_level", "white_level"):
        if name in chosen:
            raise CameraError(f"The option {name} would spoil the capture.", "Leave it out.")
    camera = create_camera(source, chosen)
    check_corrects(camera)
    config = _config(line_rate, height, width, PixelFormat.MONO8)
    pictures = []
    try:
        camera.open()
        for task in ("Cover the lens.", "Uncover it, and lay out an even, bright target."):
            if not yes:
                typer.prompt(f"{task} Enter goes on", default="", show_default=False)
            with err.status(f"Taking {lines} lines"):
                pictures.append(grab_lines(camera, config, lines, wait))
            check_dark(pictures[0])
        field = flat_field_of(camera, *pictures)
    finally:
        camera.close()
    field.save(file)
    gain = field.gain
    held = field.conditions
    out.print(
        f"{file}: {held.width} columns, gain {gain.min():.2f} to {gain.max():.2f}, "
        f"{len(field.bad_columns)} hot or dead."
    )
    at = f", {held.acquisition_line_rate:g} lines/s" if held.acquisition_line_rate else ""
    out.print(
        f"It holds for {held.width} px of {held.pixel_format}{at}, and this exposure and gain. "
        f"Use it with: --set flat_field={file}",
        soft_wrap=True,
    )


@app.command()
def bench(
    source: Source = "simulated",
    seconds: Annotated[float, typer.Option(min=0.5, help="How long to grab.")] = 5.0,
    options: Options = [],  # noqa: B006
    line_rate: Rate = 20_000.0,
    height: Height = 256,
    width: Width = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure how many lines a second arrive, and what other threads feel of it."""
    figures = bench_camera(
        create_camera(source, parse_options(options)), _config(line_rate, height, width, PixelFormat.MONO8), seconds
    )
    if as_json:
        print(json.dumps(asdict(figures)))
        return
    table = Table("figure", "value")
    for name, value in asdict(figures).items():
        table.add_row(name.replace("_", " "), f"{value:,.2f}" if isinstance(value, float) else str(value))
    out.print(table)


@app.command("drivers")
def list_drivers() -> None:
    """List the drivers, and what installs those that are missing."""
    table = Table("driver", "for", "state")
    for driver in drivers().values():
        missing = driver.missing()
        table.add_row(driver.name, driver.title, "ready" if missing is None else f"{missing.what} {missing.hint}")
    out.print(table)
    warning = small_socket_buffer()
    if warning:
        out.print(f"[yellow]{escape(warning)}[/]")


def parse_options(texts: list[str]) -> dict[str, Option]:
    """Read NAME=VALUE options; numbers and true or false become such. Raises CameraError."""
    options: dict[str, Option] = {}
    for text in texts:
        # The first = outside of [Selector=Entry] parts name and value.
        head = text.index("]") + 1 if "[" in text and "]" in text else 0
        at = text.find("=", head)
        if at < 1:
            raise CameraError(f"{text!r} is no option.", "Write NAME=VALUE, such as ExposureTime=50.")
        options[text[:at]] = guessed(text[at + 1 :])
    return options


def _config(line_rate: float, height: int, width: int, pixel_format: PixelFormat) -> AcquisitionConfig:
    return AcquisitionConfig(
        width=width or None, height=height, pixel_format=pixel_format, acquisition_line_rate=line_rate or None
    )


def _write(file: Path, pixels: Pixels) -> None:
    encoded, data = cv2.imencode(".png", pixels if pixels.ndim == 2 else pixels[..., ::-1])
    if not encoded:
        raise CameraError(f"{file} cannot be written as PNG.")
    try:
        file.write_bytes(data.tobytes())
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(path: Path, error: OSError) -> CameraError:
    return CameraError(f"{path} could not be written: {error}.", "Choose another folder.")
