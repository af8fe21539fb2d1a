"""Keys of the review page: pedals and number pads are keyboards, and every plant has its own."""

from __future__ import annotations

from collections import Counter

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QKeySequenceEdit, QLineEdit, QWidget

from aoi_app.core.errors import SettingsError
from aoi_app.core.settings import Settings
from aoi_app.gui.review.keys import ACTS, AT_ONCE, REPAIRS, keys_of
from aoi_app.gui.settings.form import Form
from aoi_app.gui.texts import say


class KeysTab(Form):
    """One key for each act of review and repair."""

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self.edits: dict[str, QKeySequenceEdit] = {}
        keys = keys_of(settings.review_keys)
        for act in (*ACTS, *REPAIRS):
            edit = QKeySequenceEdit(QKeySequence(keys[act.name]), self)
            edit.setMaximumSequenceLength(1)
            edit.setClearButtonEnabled(True)
            # Qt's own field has its own English text.
            field = edit.findChild(QLineEdit)
            if field is not None:
                say(field, "setPlaceholderText", "Press a key")
                say(field, "setAccessibleName", act.text)
            self.edits[act.name] = edit
            self.add(act.text, edit)
        note = self.note()
        say(note, "setText", "Click a field and press the key or pedal; an empty field takes the usual key.")
        self.column.addWidget(note)
        self.column.addStretch(1)

    def changes(self) -> dict[str, object]:
        """Return the settings that this tab edits. Raises SettingsError when two acts have one key."""
        form = QKeySequence.SequenceFormat.PortableText
        wanted = {name: edit.keySequence().toString(form) for name, edit in self.edits.items()}
        keys = keys_of(wanted)
        counts = [Counter(keys[act.name] for act in acts).most_common(1)[0] for acts in AT_ONCE]
        key, times = max(counts, key=lambda found: found[1])
        if times > 1:
            raise SettingsError(f"The key {key} is given to {times} acts of review.", "Give each act a key of its own.")
        return {"review_keys": {act.name: keys[act.name] for act in (*ACTS, *REPAIRS) if keys[act.name] != act.key}}
