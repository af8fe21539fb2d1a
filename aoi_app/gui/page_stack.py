"""The pages of the window, one in front; each is made when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from aoi_app.core.settings import Settings
from aoi_app.gui.pages import Page

if TYPE_CHECKING:
    from aoi_app.gui.shell import Shell


class PageStack(QStackedWidget):
    """Holds the pages of the table, in its order."""

    def __init__(self, window: Shell, pages: Sequence[Page]) -> None:
        super().__init__(window)
        self._window = window
        self._table = tuple(pages)
        self._made: dict[str, QWidget] = {}
        self._places: list[QVBoxLayout] = []
        for _ in pages:
            place = QWidget(self)
            layout = QVBoxLayout(place)
            layout.setContentsMargins(0, 0, 0, 0)
            self._places.append(layout)
            self.addWidget(place)

    @property
    def line_in_front(self) -> bool:
        """Whether the page of the line is on show."""
        return self.currentIndex() == 0

    def bring(self, number: int) -> None:
        """Bring a page to the front."""
        page = self.page(self._table[number].name)
        self.setCurrentIndex(number)
        shown = getattr(page, "page_shown", None)
        if shown is not None:
            shown()

    def page(self, name: str) -> QWidget:
        """Return a page by name."""
        if name not in self._made:
            number = self.number(name)
            widget = self._made[name] = self._table[number].make(self._window)
            self._places[number].addWidget(widget)
            # At once: where its place is in front already, Qt would do so only when it is idle.
            widget.show()
        return self._made[name]

    def number(self, name: str) -> int:
        """Return a page's place in the table."""
        return [page.name for page in self._table].index(name)

    def take_settings(self, settings: Settings) -> None:
        """Tell the pages that were made what concerns them."""
        for page in self._made.values():
            use_keys = getattr(page, "use_keys", None)
            if use_keys is not None:
                use_keys(settings.review_keys)

    def close_pages(self) -> None:
        """Have every page end its work."""
        for page in self._made.values():
            close = getattr(page, "close_page", None)
            if close is not None:
                close()
