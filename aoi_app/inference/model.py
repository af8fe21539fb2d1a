"""A detection model: what its file and its card say, agreed with each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from aoi_app.core.errors import ModelError
from aoi_app.core.validation import named_fields
from aoi_app.inference.card import METADATA_KEY, Channels, Family, InputSpec, ModelCard, card_path
from aoi_app.inference.first_look import settle
from aoi_app.inference.layout import HeadSpec, Output, identify
from aoi_app.inference.metadata import class_names, literal
from aoi_app.inference.onnx_file import NetworkFile, TensorSpec, describe

TFLITE = ".tflite"
"""Files with this ending are LiteRT's; all others are ONNX files."""

DEFAULT_SIZE = (640, 640)
MAX_SIDE = 4096
MAX_BATCH = 256
MAX_PIXELS = 8 * MAX_SIDE**2
"""Of all tiles of a run: no station has memory for more."""

Probe = Callable[[Path, Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]
"""Runs a network once: file and inputs by name -> outputs by name."""


@dataclass(frozen=True, slots=True)
class Model:
    """A detector that can be run.

    Attributes
    ----------
    card
        Complete: classes, family and input are set, whether from the card, the metadata or the graph.
    batch
        Tiles in a run; None for any number.
    size
        (height, width) of the input, pixels.
    dynamic_size
        The graph takes other sizes as well; `size` is the one that is used.
    dtype
        Of the input: float32, float16 or uint8.
    channels_last
        The input is (batch, height, width, channels).
    """

    path: Path
    sha256: str
    card: ModelCard
    input_name: str
    batch: int | None
    size: tuple[int, int]
    dynamic_size: bool
    dtype: np.dtype[Any]
    head: HeadSpec
    channels_last: bool = False

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by index."""
        return self.card.classes

    @property
    def family(self) -> Family:
        """Layout family of the output."""
        return self.head.family

    @property
    def output_names(self) -> tuple[str, ...]:
        """Outputs that are read, in the order in which `heads` takes them."""
        return self.head.outputs

    def input_shape(self, batch: int) -> tuple[int, int, int, int]:
        """Return the input's shape for `batch` tiles."""
        planes = self.card.input.channels.planes
        return (batch, *self.size, planes) if self.channels_last else (batch, planes, *self.size)


def read_model(path: Path, size: tuple[int, int] | None = None, probe: Probe | None = None) -> Model:
    """Read a model file, and its card if there is one.

    Parameters
    ----------
    size
        (height, width) to use with a network of dynamic size; None for the one its metadata names, or 640 x 640.
    probe
        How to run the network once where the graph does not tell the outputs' shapes; None for the file's own
        library.

    Raises
    ------
    ModelError
        Neither ONNX nor LiteRT, broken, not a detector, without class names, or with an input that is no image.
    BackendMissing
        A LiteRT file, and the library that reads it is not installed.
    """
    file = _describe(path)
    source = _single_input(file)
    card = _read_card(file)
    names, by_hand = _class_names(file, card)
    batch, planes, found_size, channels_last = _image_input(file, source)
    size = _choose_size(file, found_size, size)
    runner = _Runner(file, source, (batch or 1, planes, *size), channels_last, probe)
    outputs = [Output(o.name, o.shape) for o in file.outputs if o.shape is not None]
    if len(outputs) < len(file.outputs) or any(None in o.shape[1:] for o in outputs if len(o.shape) <= 3):
        outputs = runner.shapes()
    head = identify(outputs, len(names), size, card, file.metadata, batch or 1)
    head = settle(
        head,
        lambda: runner.run()[head.outputs[0]],
        file,
        size,
        family_said=card.family is not None,
        names_by_hand=by_hand,
        batch=batch or 1,
        unit_said=card.boxes,
    )
    complete = card.model_copy(
        update={
            "name": card.name or path.stem,
            "classes": names,
            "family": head.family,
            "input": _input_spec(file, card, head.family, planes, source),
            "sha256": file.sha256,
        }
    )
    dynamic = None in found_size
    assert source.dtype is not None  # refused above
    return Model(path, file.sha256, complete, source.name, batch, size, dynamic, source.dtype, head, channels_last)


def _class_names(file: NetworkFile, card: ModelCard) -> tuple[tuple[str, ...], bool]:
    """Return the names of the classes, and whether nothing but a card tells how many there are."""
    name = file.path.name
    if not card.classes:
        names = class_names(file.metadata)
        if not names:
            raise ModelError(
                f"{name} does not say what its classes are called: neither its metadata ("
                f"{', '.join(sorted(file.metadata)) or 'empty'}) nor a card beside it names them.",
                f"Put a card beside it, {card_path(file.path).name}: "
                '{"classes": ["first", "second"]} in the order of the network\'s outputs.',
            )
        return names, False
    try:
        told = class_names(file.metadata)
    except ModelError:  # what the card is there for
        told = ()
    if told and len(told) != len(card.classes):
        raise ModelError(
            f"The card of {name} names {len(card.classes)} classes, its own metadata {len(told)}: "
            f"{', '.join(told[:5])}{', ...' if len(told) > 5 else ''}.",
            "Correct the card, or leave the names to the metadata.",
        )
    return card.classes, not told


def _describe(path: Path) -> NetworkFile:
    if path.suffix != TFLITE:
        return describe(path)
    from aoi_app.inference.runtimes.litert_file import describe_tflite

    return describe_tflite(path)


def _single_input(file: NetworkFile) -> TensorSpec:
    if len(file.inputs) != 1:
        raise ModelError(
            f"{file.path.name} has {len(file.inputs)} inputs ({', '.join(map(str, file.inputs)) or 'none'}); "
            "a detector has one, the image.",
            "Export it without the others.",
        )
    source = file.inputs[0]
    if source.dtype is None or source.dtype == np.int8:
        raise ModelError(
            f"The input of {file.path.name} is {source}; expected float32, float16 or uint8.",
            "Export it with one of these types.",
        )
    return source


def _image_input(file: NetworkFile, source: TensorSpec) -> tuple[int | None, int, tuple[int | None, int | None], bool]:
    """Return batch, planes, (height, width) and whether channels come last."""
    shape = source.shape
    if shape is not None and len(shape) == 4:
        batch, a, b, c = shape
        if a in (1, 2, 3) or (a is None and c not in (1, 2, 3)):
            planes, size, last = _planes(file, a), (b, c), False
        elif c in (1, 2, 3):
            planes, size, last = c, (a, b), True
        else:
            planes, size, last = 0, (b, c), False
        # No station runs more tiles at once, and a hostile file could ask for any number.
        tiles, pixels = batch or 1, (batch or 1) * (size[0] or 1) * (size[1] or 1)
        usable = tiles <= MAX_BATCH and pixels <= MAX_PIXELS and all(s is None or 32 <= s <= MAX_SIDE for s in size)
        if planes and usable:
            return batch, planes, size, last
    raise ModelError(
        f"The input of {file.path.name} is {source}; expected an image (batch, channels, height, width) with 1 channel "
        f"(grey), 2 (grey and golden) or 3 (colour), sides of 32 to {MAX_SIDE} px and at most {MAX_BATCH} images.",
        "Export a detection model that takes images.",
    )


def _planes(file: NetworkFile, found: int | None) -> int:
    if found is not None:
        return found
    said = literal(file.metadata.get("channels", "3"))
    return said if said in (1, 2, 3) else 3


def _choose_size(
    file: NetworkFile, found: tuple[int | None, int | None], wanted: tuple[int, int] | None
) -> tuple[int, int]:
    said = literal(file.metadata.get("imgsz", ""))
    if isinstance(said, (list, tuple)) and len(said) == 1:
        said = said[0]
    if isinstance(said, int):
        said = [said, said]
    usable = isinstance(said, (list, tuple)) and len(said) == 2 and all(isinstance(s, int) for s in said)
    default = wanted or ((said[0], said[1]) if usable else DEFAULT_SIZE)
    size = (found[0] or default[0], found[1] or default[1])
    if wanted is not None and size != wanted:
        raise ModelError(
            f"{file.path.name} takes images of {size[1]} x {size[0]} px, not {wanted[1]} x {wanted[0]}.",
            "Leave the size to the model, or export it for that size.",
        )
    if not all(32 <= s <= MAX_SIDE for s in size):
        raise ModelError(f"{size[1]} x {size[0]} px is no usable input size.", f"Use 32 to {MAX_SIDE} px.")
    return size


def _read_card(file: NetworkFile) -> ModelCard:
    """Return the card beside the file, else the one inside it, else an empty one."""
    beside = card_path(file.path)
    try:
        if beside.is_file():
            card = ModelCard.model_validate_json(beside.read_text(encoding="utf-8-sig"))
            if card.sha256 and card.sha256 != file.sha256:
                raise ModelError(
                    f"{beside.name} belongs to another file: it names SHA-256 {card.sha256[:12]}..., "
                    f"{file.path.name} has {file.sha256[:12]}...",
                    "Copy model and card together.",
                )
            return card
        return ModelCard.model_validate_json(file.metadata.get(METADATA_KEY, "{}"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ModelError(
            f"The card of {file.path.name} cannot be used: {_why(error)}.", "Correct or remove it."
        ) from error


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return named_fields(error)
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)


def _input_spec(file: NetworkFile, card: ModelCard, family: Family, planes: int, source: TensorSpec) -> InputSpec:
    if "input" in card.model_fields_set:
        spec = card.input
    else:
        raw = family is Family.YOLOX
        channels = {1: Channels.GREY, 2: Channels.GREY_GOLDEN, 3: Channels.BGR if raw else Channels.RGB}[planes]
        spec = InputSpec(channels=channels, scale=1.0 if raw or source.dtype == np.uint8 else 1 / 255)
        if planes == 2:
            raise ModelError(
                f"{file.path.name} takes 2 channels and no card says what they hold.",
                'Put a card beside it with "input": {"channels": "grey+golden"}.',
            )
    if spec.channels.planes != planes:
        raise ModelError(
            f"The card says {spec.channels.value} ({spec.channels.planes} channels), the input is {source}.",
            "Use the card that was written with this model.",
        )
    return spec


def _own_probe(path: Path) -> Probe:
    if path.suffix == TFLITE:
        from aoi_app.inference.runtimes.litert_file import run_tflite_once

        return run_tflite_once
    from aoi_app.inference.runtimes.ort_library import run_once

    return run_once


class _Runner:
    """Runs the network once, at most, to learn what its graph does not say."""

    def __init__(
        self, file: NetworkFile, source: TensorSpec, nchw: Sequence[int], channels_last: bool, probe: Probe | None
    ) -> None:
        self._file, self._source, self._probe = file, source, probe
        b, c, h, w = nchw
        self._shape = (b, h, w, c) if channels_last else (b, c, h, w)
        self._found: Mapping[str, NDArray[Any]] | None = None

    def run(self) -> Mapping[str, NDArray[Any]]:
        if self._found is None:
            if self._probe is None:
                self._probe = _own_probe(self._file.path)
            image = np.zeros(self._shape, self._source.dtype)
            self._found = self._probe(self._file.path, {self._source.name: image})
        return self._found

    def shapes(self) -> list[Output]:
        return [Output(name, tuple(value.shape)) for name, value in self.run().items()]
