"""The list of cameras that answer, and of drivers that are missing here."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from aoi_app.gui.services import Choice
from aoi_app.gui.texts import message, say, tr
from aoi_app.gui.theme import colour

TEXT_WIDTH, PADDING = 196, 6
SOURCE = Qt.ItemDataRole.UserRole


class CameraList(QWidget):
    """Cameras, one an entry: maker and model, below it serial number and address; or any source as a text."""

    picked = Signal()

    def __init__(self, source: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._choices: tuple[Choice, ...] = ()
        self._searching = False
        self.entries = QListWidget(self)
        self.entries.setWordWrap(True)
        self.entries.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.entries.setSpacing(2)
        self.entries.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.entries.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.entries.setTabKeyNavigation(False)
        say(self.entries, "setAccessibleName", "Found cameras")
        self.source = QLineEdit(source, self)
        say(self.source, "setPlaceholderText", "Such as gige:192.168.0.10")
        say(self.source, "setToolTip", "A camera's address, or the path of an image or a folder of images.")
        say(self.source, "setAccessibleName", "Source")
        self._note = QLabel(self)
        self._note.setProperty("role", "muted")
        caption = QLabel(self)
        caption.setProperty("role", "muted")
        caption.setBuddy(self.source)
        say(caption, "setText", "Source")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._note)
        column.addWidget(self.entries, 1)
        column.addWidget(caption)
        column.addWidget(self.source)
        self.entries.itemSelectionChanged.connect(self._on_selected)
        self.entries.itemActivated.connect(lambda _: self.picked.emit())
        self.source.returnPressed.connect(self.picked)
        self.retranslate()

    def search(self) -> None:
        """Say that the cameras are asked for now."""
        self._searching = True
        self.retranslate()

    def offer(self, choices: Sequence[Choice]) -> None:
        """Offer cameras; what is written as the source stays."""
        self._searching, self._choices = False, tuple(choices)
        self.retranslate()

    def retranslate(self) -> None:
        """Write the list anew."""
        self._note.setVisible(self._searching)
        self._note.setText(tr("Looking for cameras…"))
        chosen = self.source.text().strip()
        known = next((c.value for c in self._choices if names(c, chosen)), "")
        own = () if known or not chosen else (Choice(chosen, chosen),)
        self.entries.blockSignals(True)
        self.entries.clear()
        for choice in (*own, *self._choices):
            below = message(choice.missing or choice.detail)
            title = message(choice.title)
            if choice.missing:
                title = tr("{title} (not installed)", title=title)
            item = QListWidgetItem(f"{title}\n{below}" if below else title)
            item.setSizeHint(self._size(item.text()))
            item.setData(SOURCE, choice.value)
            item.setToolTip(below or choice.value)
            if choice.missing:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setForeground(colour("muted"))
            self.entries.addItem(item)
            if choice.value in (chosen, known) and not choice.missing:
                self.entries.setCurrentItem(item)
        self.entries.blockSignals(False)

    def _size(self, text: str) -> QSize:
        """Return the room of a wrapped entry; the list itself forgets the padding of the style."""
        room = QRect(0, 0, TEXT_WIDTH, 1_000)
        used = self.entries.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, text)
        return QSize(TEXT_WIDTH, used.height() + PADDING)

    def use_theme(self) -> None:
        """Write the list in the colours of the theme in use."""
        self.retranslate()

    def _on_selected(self) -> None:
        items = self.entries.selectedItems()
        if items:
            self.source.setText(str(items[0].data(SOURCE)))


def names(choice: Choice, source: str) -> bool:
    """Tell whether a source means this camera: by what it is listed under, or by its serial number or address."""
    driver, _, address = source.partition(":")
    listed = address in choice.detail.split(", ") and choice.value.partition(":")[0] == driver
    return not choice.missing and (choice.value == source or (bool(address) and listed))
