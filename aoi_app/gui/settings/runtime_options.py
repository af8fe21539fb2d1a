"""The options of one runtime: a row each, made from what the runtime says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtWidgets import QWidget

from aoi_app.core.options import Option, OptionField, only_changed
from aoi_app.gui.settings.form import Form
from aoi_app.gui.settings.option_editor import Read, editor_of


class RuntimeOptions(Form):
    """Shows the options of the runtime that is chosen; what was entered for another one is kept meanwhile.

    Parameters
    ----------
    fields_of
        Options of a runtime, by its name.
    chosen
        By runtime, what the settings say.
    """

    def __init__(
        self,
        fields_of: Callable[[str], Sequence[OptionField]],
        chosen: Mapping[str, Mapping[str, Option]],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.column.setContentsMargins(0, 0, 0, 0)
        self._fields_of = fields_of
        self._chosen = {name: dict(options) for name, options in chosen.items()}
        self._runtime = ""
        self._fields: Sequence[OptionField] = ()
        self._readers: dict[str, Read] = {}
        self.editors: dict[str, QWidget] = {}

    def show_runtime(self, name: str) -> None:
        """Show the rows of a runtime."""
        if name == self._runtime:
            return
        self._keep()
        self.clear_rows()
        self.editors.clear()
        self._readers.clear()
        self._runtime, self._fields = name, self._fields_of(name)
        options = self._chosen.get(name, {})
        for one in self._fields:
            editor, read = editor_of(one, options.get(one.name, one.default), self)
            self.editors[one.name], self._readers[one.name] = editor, read
            self.add(one.title, editor, one.note)

    def values(self) -> dict[str, dict[str, Option]]:
        """Return what differs from the defaults, by runtime."""
        self._keep()
        return {name: options for name, options in self._chosen.items() if options}

    def _keep(self) -> None:
        if self._runtime:
            # What has no row, because it came from the command line or a file, stays.
            entered = {name: read() for name, read in self._readers.items()}
            merged = {**self._chosen.get(self._runtime, {}), **entered}
            self._chosen[self._runtime] = only_changed(merged, self._fields)
