"""The card of a model: what it finds, what it takes, where it comes from."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

METADATA_KEY = "aoi.card"
"""Key of the ONNX metadata under which our own models carry their card (JSON, without the hash)."""


class Family(str, Enum):
    """Layout of a network's output.

    `AOI` is our own raw head: one output (batch, classes + 4 * reg_max, anchors), class logits first, then the
    distribution logits of the distances left, top, right, bottom (reg_max bins each, in strides) from the anchor's
    centre; anchors are the cells of each stride, row by row, smallest stride first.
    """

    YOLOV5 = "yolov5"
    YOLOV8 = "yolov8"
    YOLOV10 = "yolov10"
    YOLOX = "yolox"
    AOI = "aoi"


class Channels(str, Enum):
    """What the input's channels hold."""

    GREY = "grey"
    RGB = "rgb"
    BGR = "bgr"
    GREY_GOLDEN = "grey+golden"

    @property
    def planes(self) -> int:
        """Number of input channels."""
        return {"grey": 1, "grey+golden": 2}.get(self.value, 3)


class BoxUnit(str, Enum):
    """What boxes are measured in: pixels of the network's input, or shares (0 to 1) of its sides."""

    PIXELS = "pixels"
    SHARES = "shares"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(_Strict):
    """How pixels become the network's input.

    Attributes
    ----------
    scale
        Factor from 0..255 to what the network was trained on: 1/255 for most, 1 for YOLOX.
    pad
        Value (0..255) of what lies beyond the board.
    golden_missing
        Value (0..255) of the golden channel where there is no golden board.
    """

    channels: Channels = Channels.RGB
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1 / 255
    pad: Annotated[int, Field(ge=0, le=255)] = 114
    golden_missing: Annotated[int, Field(ge=0, le=255)] = 128


class ModelCard(_Strict):
    """What is known of a model.

    Attributes
    ----------
    strides, reg_max
        Of our own raw head; empty and 0 for other families.
    boxes
        What the network's boxes are measured in; None leaves it to what the network gives.
    px_per_mm
        Resolution it was trained at; None when not known.
    figures
        Measured figures by name, e.g. {"mAP@0.33": 0.993}.
    sha256
        Of the file that the card lies beside; empty inside the file itself.
    made_from
        SHA-256 of the ONNX file that this one was converted from; empty for an original.
    """

    schema_version: Literal[1] = 1
    name: str = ""
    description: str = ""
    family: Family | None = None
    classes: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    classes_zh: tuple[str, ...] = ()
    input: InputSpec = InputSpec()
    strides: tuple[int, ...] = ()
    reg_max: int = 0
    boxes: BoxUnit | None = None
    px_per_mm: float | None = None
    data: str = ""
    licence: str = ""
    command: str = ""
    figures: dict[str, float] = Field(default_factory=dict)
    sha256: str = ""
    made_from: str = ""


def card_path(model: Path) -> Path:
    """Return where the card of a model file lies: beside it, `<stem>.card.json`."""
    return model.with_suffix(".card.json")
