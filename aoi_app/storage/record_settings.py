"""How a record is kept: `record.json` in the data folder, strict and versioned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from aoi_app.core.errors import SettingsError
from aoi_app.core.validation import named_fields
from aoi_app.storage.faults import explained
from aoi_app.storage.retention import RetentionPolicy
from aoi_app.storage.shifts import DEFAULT_SHIFTS, Shift, sorted_shifts
from aoi_app.storage.stop_rules import StopRules

SETTINGS_FILE = "record.json"


class RecordSettings(BaseModel):
    """What is kept how long, when the line gives alarm, and when the shifts begin.

    Attributes
    ----------
    whole_boards
        Which boards' full-resolution images are kept, to inspect them again: 16 megapixels take about 9 MB and a third
        of a second of one core.
    whole_boards_gib
        Room for them: the oldest go first. None for no limit but the days of the retention.
    warn_free_gib, stop_free_gib
        Free space below which a warning comes, and below which passed boards have no pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    retention: RetentionPolicy = RetentionPolicy()
    stop_rules: StopRules = StopRules()
    whole_boards: Literal["none", "failed", "all"] = "none"
    whole_boards_gib: Annotated[float, Field(gt=0)] | None = 50.0
    warn_free_gib: Annotated[float, Field(ge=0)] = 10.0
    stop_free_gib: Annotated[float, Field(ge=0)] = 2.0
    shifts: Annotated[tuple[Shift, ...], AfterValidator(sorted_shifts)] = DEFAULT_SHIFTS


USUAL = RecordSettings()


def load_record_settings(folder: Path, usual: RecordSettings = USUAL) -> RecordSettings:
    """Read them; a missing file gives the usual ones. Raises SettingsError that names the bad field."""
    file = folder / SETTINGS_FILE
    if not file.exists():
        return usual
    try:
        return RecordSettings.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        said = named_fields(error) if isinstance(error, ValidationError) else str(error)
        raise SettingsError(
            f"{file} cannot be used: {said}.", "Correct it, or delete it to get the defaults."
        ) from error


def save_record_settings(settings: RecordSettings, folder: Path) -> None:
    """Write them so that a crash leaves the old file or the new one. Raises StoreError."""
    file = folder / SETTINGS_FILE
    with explained(str(file), folder):
        folder.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".tmp")
        draft.write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(file)


class WatchedSettings:
    """The settings of a folder, read anew when the file has changed: nobody starts the station again for them.

    Raises
    ------
    SettingsError
        The file cannot be used at the start; later the settings before stay, and `changed` says why, once.
    """

    def __init__(self, folder: Path, usual: RecordSettings = USUAL) -> None:
        self._folder, self._usual = folder, usual
        self._seen = self._mark()
        self.current = load_record_settings(folder, usual)

    def changed(self) -> bool:
        """Look at the file; tell whether `current` is another one now. Raises SettingsError, once for each change."""
        mark = self._mark()
        if mark == self._seen:
            return False
        self._seen = mark
        before, self.current = self.current, load_record_settings(self._folder, self._usual)
        return before != self.current

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            stat = (self._folder / SETTINGS_FILE).stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
