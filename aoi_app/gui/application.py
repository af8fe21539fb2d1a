"""Runs the window: Qt's application, its timers, a screenshot, and the end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from aoi_app.core.settings import Settings
    from aoi_app.gui.hooks import ErrorHooks
    from aoi_app.gui.review.window import ReviewWindow
    from aoi_app.gui.services import Services
    from aoi_app.gui.shell import Shell
    from aoi_app.gui.window import MainWindow
    from aoi_app.station.control import StationControl

W = TypeVar("W", bound="Shell")

SWITCH_INTERVAL_S = 0.0005
"""Python hands over between threads ten times as often as by default: the window stays at 60 Hz beside pure Python."""
SCREENSHOT_PATIENCE_S = 30.0


def display_problem() -> str | None:
    """Say why no window can be shown here, or None when one can. Needs no Qt."""
    if not sys.platform.startswith("linux"):
        return None
    if os.environ.get("QT_QPA_PLATFORM") or os.environ.get("WAYLAND_DISPLAY"):
        return None
    display = os.environ.get("DISPLAY")
    if not display:
        return "There is no display here: neither DISPLAY nor WAYLAND_DISPLAY is set."
    return None if _answers(display) else f"The display {display}, which DISPLAY names, does not answer."


def _answers(display: str) -> bool:
    """Return whether an X server of this machine takes a connection; True for one elsewhere. Qt would abort on a no."""
    local = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", display)
    if local is None:
        return True
    for where in ("", "\0"):  # a file, and Linux' abstract name
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as server:
            server.settimeout(2.0)
            server.connect(f"{where}/tmp/.X11-unix/X{local[1]}")
            return True
    return False


NO_DISPLAY_HINT = "Run it on the desktop, or without a window on the screen: add --offscreen."


def make_application(offscreen: bool) -> QApplication:
    """Return Qt's application in this program's style; the same one when it is asked for again."""
    if offscreen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    import cv2
    from PySide6.QtWidgets import QApplication

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    cv2.setNumThreads(1)
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(["aoi"])
    application.setApplicationName("aoi-station")
    application.setApplicationDisplayName("")
    application.setStyle("Fusion")
    return application


def run_window(
    station: StationControl,
    services: Services,
    *,
    offscreen: bool = False,
    quit_after: float | None = None,
    screenshot: Path | None = None,
    size: tuple[int, int] = (1600, 960),
    on_shown: Callable[[MainWindow], None] | None = None,
) -> int:
    """Show a station's window until it is closed, and start the line once it is on the screen.

    The caller closes the station afterwards.

    Parameters
    ----------
    quit_after
        Seconds after which the window closes by itself.
    screenshot
        Where a picture of the window is written: when it closes, or as soon as a verdict stands where no time to quit
        is given (the window then closes by itself).
    on_shown
        Called with the window after its first paint: what the program wants to do then, such as measuring.

    Returns
    -------
    int
        0, or 1 when the screenshot could not be written.
    """

    def begin(window: MainWindow) -> None:
        window.begin()
        station.start()
        if on_shown is not None:
            on_shown(window)

    def make(hooks: ErrorHooks) -> MainWindow:
        from aoi_app.gui.window import MainWindow

        return MainWindow(station, services, hooks)

    return _show(station.settings, make, begin, offscreen, size, quit_after, screenshot, _verdict_stands)


def run_review(
    services: Services,
    settings: Settings,
    *,
    offscreen: bool = False,
    quit_after: float | None = None,
    screenshot: Path | None = None,
    size: tuple[int, int] = (1600, 960),
) -> int:
    """Show a window for review only until it is closed; everything as in `run_window`."""

    def make(hooks: ErrorHooks) -> ReviewWindow:
        from aoi_app.gui.review.window import ReviewWindow

        return ReviewWindow(services, settings, hooks)

    return _show(
        settings, make, lambda window: window.begin(), offscreen, size, quit_after, screenshot, lambda window: False
    )


def _verdict_stands(window: MainWindow) -> bool:
    return window.station.status().last is not None


def _show(
    settings: Settings,
    make: Callable[[ErrorHooks], W],
    begin: Callable[[W], None],
    offscreen: bool,
    size: tuple[int, int],
    quit_after: float | None,
    screenshot: Path | None,
    worth_a_picture: Callable[[W], bool],
) -> int:
    """Show a window in its language and look until it is closed."""
    application = make_application(offscreen)
    from PySide6.QtCore import QTimer

    from aoi_app.gui.hooks import ErrorHooks
    from aoi_app.gui.screen_room import resize_to_fit, room_of
    from aoi_app.gui.texts import use_language
    from aoi_app.gui.theme import apply_theme

    use_language(settings.language)
    apply_theme(application, settings.theme)
    hooks = ErrorHooks()
    hooks.install()
    try:
        window = make(hooks)
        # On a smaller screen it fills that.
        show = window.show if resize_to_fit(window, *size, room_of(window)) else window.showMaximized
        show()
        # Queued behind the first paint: the window stands before cameras, engines and record are touched.
        QTimer.singleShot(0, lambda: begin(window))
        picture = _Picture(window, screenshot, lambda: worth_a_picture(window))
        if quit_after is not None:
            QTimer.singleShot(round(quit_after * 1000), picture.take_and_close)
        elif screenshot is not None:
            picture.when_worth_it()
        with _ended_by_signals(window.close):
            application.exec()
        return 0 if picture.written else 1
    finally:
        hooks.remove()


@contextlib.contextmanager
def _ended_by_signals(close: Callable[[], object]) -> Iterator[None]:
    """Let Ctrl-C and a service manager's SIGTERM end the program as closing the window does: nothing is lost.

    Python hears of a signal when it runs next, which is when the window polls the station. A second signal, while the
    station stops, ends the program at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: close()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Picture:
    """Takes the screenshot, once."""

    def __init__(self, window: Shell, file: Path | None, worth_it: Callable[[], bool]) -> None:
        self._window = window
        self._worth_it = worth_it
        self._file = file
        self.written = file is None

    def take_and_close(self) -> None:
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self.written = self._window.grab().save(str(self._file), "PNG")
            if not self.written:
                print(f"aoi: {self._file} could not be written.", file=sys.stderr)
        self._window.close()

    def when_worth_it(self) -> None:
        from PySide6.QtCore import QTimer

        waited = [0.0]

        def look() -> None:
            waited[0] += 0.2
            if self._worth_it() or waited[0] > SCREENSHOT_PATIENCE_S:
                timer.stop()
                # One more round, so that the verdict is painted.
                QTimer.singleShot(400, self.take_and_close)

        timer = QTimer(self._window)
        timer.timeout.connect(look)
        timer.start(200)
