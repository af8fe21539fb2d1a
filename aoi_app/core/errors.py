"""Errors a person meets: what happened, and what to do next."""

from __future__ import annotations


class AoiError(Exception):
    """Something that a person must know about.

    Parameters
    ----------
    what
        What happened, with the value that was found and the one that was expected.
    hint
        What to do next; one sentence, may be empty.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".strip()


class SettingsError(AoiError):
    """A settings file, or a value in it, cannot be used."""


class RecipeError(AoiError):
    """A recipe cannot be used."""


class ImageError(AoiError):
    """An image file cannot be read as a board."""


class BackendMissing(AoiError):
    """A library is not installed; the hint is the command that installs it."""


class CameraError(AoiError):
    """The camera, its driver or its stream failed."""


class CameraNotFound(CameraError):
    """No such camera answers."""


class CameraBusy(CameraError):
    """Another program holds the camera."""


class CameraLost(CameraError):
    """The camera was there and is gone, or its stream died."""


class FeatureError(CameraError):
    """A camera feature is missing, locked or out of range."""


class ModelError(AoiError):
    """A model file is refused: broken, not a detector, or without names."""


class EngineError(AoiError):
    """A runtime failed to load, run or release an engine."""


class StoreError(AoiError):
    """The record could not be written or read."""


class DiskFull(StoreError):
    """No space is left where the record is kept."""


class DatabaseLocked(StoreError):
    """Another program holds the database, or it may not be written."""
