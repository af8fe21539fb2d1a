"""What the camera page says of a camera, and of what went wrong with it."""

from __future__ import annotations

import time

from aoi_app.camera.aravis_stream import small_socket_buffer
from aoi_app.core.errors import AoiError, CameraBusy, CameraLost
from aoi_app.gui.camera.session import Look, Phase
from aoi_app.gui.texts import message, tr

SILENT_S = 3.0
OPENING = "Opening the camera…"
LOST = "Check cable and power, then open the camera again."
HELD_BY = "It may be a viewer of the camera's maker, another station, or this one after it was killed."


def about_camera(look: Look | None, in_use: bool) -> list[str]:
    """Return who a camera is, how it runs and what stands out; nothing where there is none."""
    if look is None:
        return []
    if look.phase is Phase.OPENING or look.applied is None or look.info is None:
        return [tr(OPENING)]
    parts = (look.info.vendor, message(look.info.model), look.info.serial)
    who = " ".join(part for part in parts if part)
    size = f"{look.applied.width:,} px, {look.applied.pixel_format.value}"
    lines = [who, size]
    silent = time.monotonic() - look.heard_s
    if silent > SILENT_S:
        lines.append(tr("No line has come for {n} s: check triggers, encoder and conveyor.", n=f"{silent:.0f}"))
    lines.append(
        tr("The line uses exactly these settings." if in_use else "Changed, or not the camera that the line uses.")
    )
    if look.info.driver == "gige":
        lines += [message(warning) for warning in (small_socket_buffer(),) if warning]
    return lines


def about_error(error: AoiError) -> list[str]:
    """Return what happened and what to do next."""
    # The line looks for a lost camera again; the page, which somebody sits at, does not.
    lost = isinstance(error, CameraLost)
    sentences = [message(error.what), tr(LOST) if lost else message(error.hint)]
    if isinstance(error, CameraBusy):
        sentences.append(tr(HELD_BY))
    return [sentence for sentence in sentences if sentence]
