"""The product of a recipe: name, pixel size, golden board, codes that ask for it, opportunities, an engine's limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from aoi_app.core.changeover import CodeFormat, clashes
from aoi_app.core.recipe import MAX_LENGTH_LINES, MAX_WIDTH_PX, Recipe
from aoi_app.gui.recipes.limit_box import LimitBox
from aoi_app.gui.settings.form import Beside, Form
from aoi_app.gui.settings.rules_table import whole
from aoi_app.gui.texts import message, say, tr

ANY_FORMAT = "all kinds"
MOST_MS = 60_000.0
MOST_MIB = 1_048_576.0
"""1 TiB."""


class ProductPanel(Form):
    """Edits what a recipe says of its product."""

    edited = Signal()

    def __init__(self, new_golden: Callable[[], None], parent: QWidget) -> None:
        super().__init__(parent)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.product, self.pattern = QLineEdit(self), QLineEdit(self)
        self.across, self.along = self._micrometres(), self._micrometres()
        self.width_px = whole(self, 0, MAX_WIDTH_PX)
        self.min_lines, self.max_lines = whole(self, 1, MAX_LENGTH_LINES), whole(self, 1, MAX_LENGTH_LINES)
        self.golden, self.golden_button, self.align = QLabel(self), QPushButton(self), QCheckBox(self)
        self.priority, self.formats = whole(self, 0, 999), QComboBox(self)
        self.opportunities, self.clash, self.counted = whole(self, 0, 10_000_000), self.note(), self.note()
        say(self.golden_button, "setText", "New golden board…")
        say(self.align, "setText", "Lay it onto each scan, refuse scans of other boards")
        self.golden_button.clicked.connect(lambda: new_golden())
        self.add("Product", self.product)
        sides = ((self.across, "Pixel size across, µm"), (self.along, "Pixel size along, µm"))
        self.add("Pixel size, µm", Beside(sides, self), "Across and along the transport; 0: not known.")
        self.add("Board width, px", self.width_px, "0 accepts any width.")
        lengths = ((self.min_lines, "Least board length, lines"), (self.max_lines, "Most board length, lines"))
        self.add("Board length, lines", Beside(lengths, self))
        self.add("Golden board", Beside(((self.golden, ""), (self.golden_button, "")), self, stretched=0))
        self.grid.addWidget(self.align, self.grid.rowCount(), 1)
        self.add(
            "Code pattern",
            self.pattern,
            "Regular expression of the serial numbers or bar codes that ask for this recipe; empty: people choose it.",
        )
        self.grid.addWidget(self.clash, self.grid.rowCount(), 1)
        self.add("Priority", self.priority, "Where several patterns match, the greatest wins.")
        self.add("Bar code", self.formats, "Draw the place of the code on the board with “Bar code”.")
        self.add("Opportunities", self.opportunities)
        self.grid.addWidget(self.counted, self.grid.rowCount(), 1)
        self.verdict_ms, self.gpu_mib = LimitBox(MOST_MS, 1, self), LimitBox(MOST_MIB, 0, self)
        self.add(
            "Verdict within, ms",
            self.verdict_ms,
            "After the last line; a slower engine is refused. Needs the board width.",
        )
        self.add("GPU memory, MiB", self.gpu_mib, "The gate refuses an engine that takes more.")
        self.column.addStretch(1)
        self._base = Recipe()
        self._others: Sequence[Recipe] = ()
        self.pattern.textEdited.connect(self._on_edit)
        for box in (self.priority, self.opportunities, self.width_px, self.min_lines, self.max_lines):
            box.valueChanged.connect(self._on_edit)
        self.retranslate()

    def _micrometres(self) -> QDoubleSpinBox:
        box = QDoubleSpinBox(self)
        box.setRange(0, 10_000)
        box.setDecimals(3)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        return box

    def show_recipe(self, recipe: Recipe, others: Sequence[Recipe]) -> None:
        """Show a recipe; `others` are those whose patterns must not match the same codes."""
        self._base, self._others = recipe, [r for r in others if r.name != recipe.name]
        self.product.setText(recipe.product)
        for box, side in zip((self.across, self.along), recipe.pixel_size_um or (0.0, 0.0), strict=True):
            box.setValue(side)
        self.width_px.setValue(recipe.width_px or 0)
        self.min_lines.setValue(recipe.min_lines)
        self.max_lines.setValue(recipe.max_lines)
        self.align.setChecked(recipe.align_golden)
        self.pattern.setText(recipe.changeover.pattern)
        self.priority.setValue(recipe.changeover.priority)
        chosen = recipe.changeover.formats
        self.formats.setCurrentIndex(max(0, self.formats.findData(chosen[0]) if len(chosen) == 1 else 0))
        self.opportunities.setValue(recipe.opportunities or 0)
        self.verdict_ms.show_limit(recipe.verdict_budget_ms)
        self.gpu_mib.show_limit(recipe.gpu_memory_budget_mib)
        self.retranslate()

    def values(self) -> dict[str, Any]:
        """Return the fields of a recipe as they are edited; the bar code's place is drawn elsewhere."""
        size = (self.across.value(), self.along.value())
        formats = self._base.changeover.formats
        chosen = self.formats.currentData()
        if len(formats) < 2 or chosen:
            formats = (chosen,) if chosen else ()
        return {
            "product": self.product.text().strip(),
            "pixel_size_um": size if all(size) else None,
            "width_px": self.width_px.value() or None,
            "min_lines": self.min_lines.value(),
            "max_lines": self.max_lines.value(),
            "align_golden": self.align.isChecked(),
            "changeover": self._base.changeover.model_dump()
            | {"pattern": self.pattern.text(), "priority": self.priority.value(), "formats": formats},
            "opportunities": self.opportunities.value() or None,
            "verdict_budget_ms": self.verdict_ms.limit(),
            "gpu_memory_budget_mib": self.gpu_mib.limit(),
        }

    def show_counted(self, recipe: Recipe) -> None:
        """Say how many opportunities a board has."""
        count = recipe.opportunity_count
        if count is None:
            text = tr("Not set: there is no DPMO. Components whose joints are known count themselves (0).")
        elif recipe.opportunities is None:
            text = tr("{n} by its components (IPC-9261A): components, placements, terminations.", n=f"{count:,}")
        else:
            text = tr("Components, placements and terminations of one board (IPC-9261A).")
        self.counted.setText(text)

    def _on_edit(self) -> None:
        self._look_for_clashes()
        self.edited.emit()

    def _look_for_clashes(self) -> None:
        try:
            changeover = {"pattern": self.pattern.text(), "priority": self.priority.value()}
            mine = Recipe.model_validate({"name": self._base.name, "changeover": changeover})
        except ValueError:
            self._say_clash(tr("It is no regular expression."))
            return
        found = [c for c in clashes([mine, *self._others]) if mine.name in (c.one, c.other)]
        texts = [
            message(c.why)
            if c.why
            else tr(
                "{name} also matches {code}: such a board is an error.",
                name=_other(c.one, c.other, mine.name),
                code=c.code,
            )
            for c in found
        ]
        self._say_clash("\n".join(texts))

    def _say_clash(self, text: str) -> None:
        self.clash.setText(text)
        self.clash.setVisible(bool(text))

    def retranslate(self) -> None:
        """Write the kinds of codes, the golden board and the notes anew."""
        chosen = self.formats.currentData()
        self.formats.clear()
        self.formats.addItem(tr(ANY_FORMAT), "")
        for name in get_args(CodeFormat):
            self.formats.addItem(name, name)
        self.formats.setCurrentIndex(max(0, self.formats.findData(chosen)))
        golden = self._base.golden
        name = self._base.golden_sha256[:12] or golden
        self.golden.setText(name if golden else tr("none"))
        self.golden.setToolTip(golden)
        self.show_counted(self._base)
        self._look_for_clashes()


def _other(one: str, other: str, mine: str) -> str:
    return other if one == mine else one
