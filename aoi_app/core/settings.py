"""Settings of a station: one JSON file, strict and versioned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aoi_app.core.errors import SettingsError
from aoi_app.core.scan import PixelFormat
from aoi_app.core.validation import named_fields

Language = Literal["en", "zh"]
Theme = Literal["dark", "light"]
Precision = Literal["fp32", "fp16", "int8"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraSettings(_Strict):
    """Which camera, and how it runs.

    Attributes
    ----------
    source
        `simulated`, a driver's address such as `gige:192.168.0.10`, or the path of an image or folder.
    line_rate
        Lines per second (AcquisitionLineRate); None runs as fast as the source delivers.
    height
        Lines a block (Height).
    options
        What only one driver knows, by name.
    """

    source: str = "simulated:bare"
    line_rate: Annotated[float, Field(gt=0)] | None = 2_000.0
    height: Annotated[int, Field(ge=1, le=4096)] = 64
    pixel_format: PixelFormat = PixelFormat.MONO8
    options: dict[str, int | float | str | bool] = Field(default_factory=dict)


class ChangeoverSettings(_Strict):
    """Who chooses the recipe of a board.

    Attributes
    ----------
    by
        A person; the board's serial number, which the patterns of the recipes match; or a bar code on the board.
    unknown
        What a board does whose code belongs to no recipe: it is `ERROR`, or it is `ERROR` and the line stops.
    """

    by: Literal["person", "serial", "barcode"] = "person"
    unknown: Literal["error", "stop"] = "error"


class Settings(_Strict):
    """Everything a station remembers between two starts.

    Attributes
    ----------
    review_keys
        Keys of the review page that differ from the usual ones: act -> key, as Qt writes it ("F1", "Space").
    model
        File of the ONNX model, relative to the engines folder or absolute; empty for the default.
    runtime_options
        By runtime, what differs from its defaults; each keeps its own while another is in use.
    data_dir
        Where the record lives; empty for the user's data folder.
    database_url
        A PostgreSQL server that several stations share; empty for the embedded database in the data folder.
    station
        Name of this station in a shared record.
    ring_slots
        Board buffers allocated at start.
    """

    schema_version: Literal[1] = 1
    language: Language = "en"
    review_keys: dict[str, str] = Field(default_factory=dict)
    theme: Theme = "dark"
    camera: CameraSettings = CameraSettings(
        source="simulated:assembled", pixel_format=PixelFormat.RGB8, options={"colour": True}
    )
    model: str = ""
    runtime: str = "onnxruntime"
    runtime_options: dict[str, dict[str, int | float | str | bool]] = Field(default_factory=dict)
    precision: Precision = "fp32"
    recipe: str = "demo-assembled"
    changeover: ChangeoverSettings = ChangeoverSettings()
    data_dir: str = ""
    database_url: str = ""
    station: Annotated[str, Field(max_length=80)] = ""
    ring_slots: Annotated[int, Field(ge=2, le=64)] = 4
    tile_overlap: Annotated[int, Field(ge=0, le=512)] = 128

    @property
    def engine_options(self) -> dict[str, int | float | str | bool]:
        """Options of the runtime in use."""
        return dict(self.runtime_options.get(self.runtime, {}))

    def with_changes(self, **changes: Any) -> Settings:
        """Return these settings with some values changed, validated again."""
        return Settings.model_validate({**self.model_dump(), **changes})


def plain(value: object) -> object:
    """Return a setting as JSON values: for the audit, and for people."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def load_settings(path: Path) -> Settings:
    """Read settings; a missing file gives the defaults. Raises SettingsError that names the bad field."""
    if not path.exists():
        return Settings()
    try:
        return Settings.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        what = error if not isinstance(error, ValidationError) else named_fields(error)
        raise SettingsError(
            f"{path} cannot be used: {what}.", "Correct it, or delete it to get the defaults."
        ) from error


def save_settings(settings: Settings, path: Path) -> None:
    """Write settings so that a crash leaves the old file or the new one.

    They may hold the password of a database: a new file is for the account that runs the station alone; one that is
    there keeps the rights that somebody gave it.

    Raises
    ------
    SettingsError
        They cannot be written there.
    """
    draft = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rights = path.stat().st_mode & 0o777 if path.exists() else 0o600
        draft.touch(mode=rights)
        draft.chmod(rights)
        draft.write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise SettingsError(
            f"The settings could not be written to {path}: {error.strerror or error}.",
            "They hold until the program ends. Free space, or let this account write there, and change them again.",
        ) from error
