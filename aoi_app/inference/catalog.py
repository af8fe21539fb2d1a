"""The models at hand: the engines folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from aoi_app.core.errors import ModelError
from aoi_app.inference.card import ModelCard, card_path

ENGINES_VARIABLE = "AOI_ENGINES"


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model file and, where it has a readable one beside it, its card."""

    path: Path
    card: ModelCard | None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.card.name if self.card is not None and self.card.name else self.path.stem


def engines_dir() -> Path:
    """Return the folder of the models: `AOI_ENGINES`, else `engines` beside the package."""
    chosen = os.environ.get(ENGINES_VARIABLE)
    return Path(chosen) if chosen else Path(__file__).resolve().parents[2] / "engines"


def list_models(folder: Path | None = None) -> tuple[CatalogEntry, ...]:
    """Return the models of the engines folder, by file name."""
    where = folder or engines_dir()
    return tuple(CatalogEntry(path, _card(path)) for path in sorted(where.glob("*.onnx")))


def default_model(folder: Path | None = None) -> Path:
    """Return the model that the station starts with: the first that has a card, else the first. Raises ModelError."""
    models = list_models(folder)
    if not models:
        raise ModelError(
            f"There is no model in {folder or engines_dir()}.",
            f"Put an .onnx file there, name one with --model, or set {ENGINES_VARIABLE}.",
        )
    return min(models, key=lambda entry: entry.card is None).path


def find_model(name: str, folder: Path | None = None) -> Path:
    """Return the file that `name` means: a path, a file of the engines folder (with or without .onnx), or ''.

    Raises ModelError that lists what there is.
    """
    if not name:
        return default_model(folder)
    where = folder or engines_dir()
    for path in (Path(name), where / name, where / f"{name}.onnx"):
        if path.is_file():
            return path
    raise ModelError(
        f"There is no model {name!r}, neither as a file nor in {where}.",
        f"There are: {', '.join(entry.path.name for entry in list_models(folder)) or 'none'}.",
    )


def _card(path: Path) -> ModelCard | None:
    try:
        return ModelCard.model_validate_json(card_path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
