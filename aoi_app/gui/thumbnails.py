"""Small pictures from the record's files, read in a thread of their own, the newest wish first."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from aoi_app.gui.board.picture import read_picture
from aoi_app.gui.board.qimages import thumbnail

KEPT = 600
WAITING = 80


class Thumbnails(QObject):
    """Reads pictures for rows that are in view; what scrolled out of view before its turn is not read.

    Parameters
    ----------
    longest
        Longer side on the screen, logical pixels.
    """

    ready = Signal(str)
    """A file's picture can be had now."""

    def __init__(self, longest: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._longest = longest
        self._pictures: OrderedDict[str, QImage] = OrderedDict()
        self._wishes: deque[str] = deque(maxlen=WAITING)
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="aoi-thumbnails", daemon=True)
        self._thread.start()

    @property
    def _over(self) -> bool:
        return self._closed

    def get(self, file: Path) -> QImage | None:
        """Return a file's picture, or None and read it; a null image stands for a file that is gone."""
        key = str(file)
        with self._changed:
            found = self._pictures.get(key)
            if found is None and key not in self._wishes:
                self._wishes.append(key)
                self._changed.notify()
            return found

    def close(self) -> None:
        """Read no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(5)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._wishes and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                key = self._wishes.pop()
            picture = self._read(key)
            with self._changed:
                self._pictures[key] = picture
                while len(self._pictures) > KEPT:
                    self._pictures.popitem(last=False)
                if self._over:
                    return
            self.ready.emit(key)

    def _read(self, key: str) -> QImage:
        try:
            pixels = read_picture(Path(key).read_bytes())
        except OSError:
            # Retention removes pictures of old boards; their rows stay.
            return QImage()
        if pixels is None:
            return QImage()
        picture = thumbnail(pixels, 2 * self._longest)
        picture.setDevicePixelRatio(2)
        return picture
