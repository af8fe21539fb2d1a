"""The options of a camera: rows for those that every camera has, JSON for what only its driver knows."""

from __future__ import annotations

import json
from collections.abc import Mapping

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from aoi_app.camera.option_fields import BOARD_FIELDS, check_board_fields
from aoi_app.core.errors import SettingsError
from aoi_app.core.options import Option
from aoi_app.gui.settings.form import Form
from aoi_app.gui.settings.option_editor import Read, editor_of
from aoi_app.gui.texts import say

JSON_LINES = 5
"""Lines of JSON to be seen at least."""


class CameraOptions:
    """Adds its rows to a form; no option is shown twice.

    Parameters
    ----------
    options
        What the settings say.
    """

    def __init__(self, options: Mapping[str, Option], form: Form) -> None:
        self._before = dict(options)
        self.editors: dict[str, QWidget] = {}
        self._readers: dict[str, Read] = {}
        for one in BOARD_FIELDS:
            editor, read = editor_of(one, options.get(one.name, one.default), form)
            self.editors[one.name], self._readers[one.name] = editor, read
            form.add(one.title, editor, one.note)
        rest = {name: value for name, value in options.items() if name not in self.editors}
        self.rest = QPlainTextEdit(json.dumps(rest, indent=1, ensure_ascii=False) if rest else "", form)
        self.rest.setTabChangesFocus(True)
        self.rest.setMinimumHeight(self.rest.fontMetrics().lineSpacing() * JSON_LINES)
        say(self.rest, "setPlaceholderText", 'For example {"gap_lines": 400}')
        form.add("Options", self.rest, "What only this driver knows, as JSON.")

    def values(self) -> dict[str, Option]:
        """Return the options as they are entered; one that says what holds anyway is only kept where it was said.

        Raises
        ------
        SettingsError
            The JSON is none, or names an option that has a row of its own.
        FeatureError
            A row has a value that no camera takes.
        """
        rest = self._rest()
        twice = sorted(rest.keys() & self.editors.keys())
        if twice:
            raise SettingsError(
                f"The camera's options name {', '.join(twice)}, set above.", "Set it there and take it out of the JSON."
            )
        entered = {one.name: self._readers[one.name]() for one in BOARD_FIELDS}
        check_board_fields(entered)
        said = {o.name for o in BOARD_FIELDS if o.name in self._before or entered[o.name] != o.default}
        return {**rest, **{name: value for name, value in entered.items() if name in said}}

    def _rest(self) -> dict[str, Option]:
        text = self.rest.toPlainText().strip()
        hint = 'Write them like {"gap_lines": 400}.'
        try:
            found = json.loads(text) if text else {}
        except json.JSONDecodeError as error:
            raise SettingsError(f"The camera's options are not JSON: {error}.", hint) from error
        if not isinstance(found, dict):
            raise SettingsError(f"The camera's options are {text}, which are no names with values.", hint)
        return found
