"""What a camera lets be seen of its features, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from aoi_app.core.protocols import LineScanCamera

NO_LIMIT = 1e15
"""Beyond this a limit is that of the number's type, not the camera's."""

UNITS: Mapping[str, str] = {
    **dict.fromkeys(("ExposureTime", "ExposureTimeAbs"), "us"),
    **dict.fromkeys(("AcquisitionLineRate", "AcquisitionLineRateAbs"), "Hz"),
    **dict.fromkeys(("AcquisitionFrameRate", "AcquisitionFrameRateAbs", "ResultingFrameRateAbs"), "Hz"),
    **dict.fromkeys(("Width", "Height", "OffsetX", "OffsetY", "WidthMax", "HeightMax"), "px"),
    **dict.fromkeys(("SensorWidth", "SensorHeight"), "px"),
    "PayloadSize": "B",
}
"""As the SFNC has them, for cameras that do not say so themselves."""


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """One feature, as text; `writable` unless the camera alone sets it."""

    name: str
    value: str
    unit: str = ""
    limits: str = ""
    writable: bool = True


def bound(limit: float) -> str:
    """Return a limit as a person reads it: of a whole number every digit."""
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


class FeatureList(Protocol):
    """The features of an open camera."""

    def describe(self) -> list[FeatureInfo]:
        """Return all that can be read now, in the camera's own order."""


@runtime_checkable
class HasFeatures(Protocol):
    """A camera with SFNC features."""

    @property
    def features(self) -> FeatureList:
        """Its features. Raises CameraError when it is not open."""


def describe(camera: LineScanCamera) -> list[FeatureInfo]:
    """Return the features of an open camera; none where its driver has none."""
    return camera.features.describe() if isinstance(camera, HasFeatures) else []


@runtime_checkable
class CountsStream(Protocol):
    """A camera whose driver counts what happens on the wire."""

    def statistics(self) -> Mapping[str, int]:
        """Return counters by name."""


def stream_counters(camera: LineScanCamera) -> Mapping[str, int]:
    """Return the counters of a camera's stream; none where its driver has none."""
    return camera.statistics() if isinstance(camera, CountsStream) else {}
