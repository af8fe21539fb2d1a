"""Which colour stands for a class of defects: its own, in every start, on every page and for every model.

It follows from the name. Names that people use for the same thing share a place in the palette; a name that nobody
knows takes the place that its letters say. Only where two classes of one model's card would look alike does one of
them give way, so that all classes of a model differ as long as the palette lasts, and neighbours beyond that.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtGui import QColor

from aoi_app.gui.texts import class_key
from aoi_app.gui.theme import tokens

USUAL = (
    ("open", "opencircuit", "missing", "missingcomponent", "liftedlead"),
    ("short", "bridge", "bridged", "solderbridge"),
    ("mousebite", "excess", "excesssolder"),
    ("spur", "tombstone", "tombstoned", "billboard"),
    ("copper", "spuriouscopper", "foreignmatter", "foreignobject"),
    ("pinhole", "missinghole", "insufficient", "insufficientsolder"),
    ("shift", "shifted", "misaligned", "scratch"),
    ("rotated", "skew", "polarity", "wrongpolarity", "wrongpart", "stain"),
)
"""Keys of the usual classes by their place in the palette; no two of a row belong to one usual set of classes."""

SHADES = len(USUAL)

_PLACES = {key: place for place, keys in enumerate(USUAL) for key in keys}


def own_place(key: str) -> int:
    """Return the place in the palette that a class has by its key, whatever models there are."""
    usual = _PLACES.get(key)
    return zlib.crc32(key.encode()) % SHADES if usual is None else usual


def places_of(models: Iterable[Sequence[str]]) -> Mapping[str, int]:
    """Return the place in the palette of each class of some models, by its key.

    Parameters
    ----------
    models
        Classes of each, in the order of its card. In which order the models come does not matter.
    """
    cards = {tuple(dict.fromkeys(map(class_key, classes))) for classes in models}
    places: dict[str, int] = {}
    # The usual classes first: one that only a plant knows must not drive them from their places.
    for key in sorted({key for card in cards for key in card}, key=lambda key: (key not in _PLACES, key)):
        beside, with_it = _company(key, cards)
        near = {places[other] for other in beside if other in places}
        far = [places[other] for other in with_it if other in places]
        own = own_place(key)
        places[key] = min(range(SHADES), key=lambda p: (p in near, far.count(p), (p - own) % SHADES))
    return places


def _company(key: str, cards: Iterable[Sequence[str]]) -> tuple[set[str], set[str]]:
    """Return the classes that stand next to one on a card, and all that stand on a card with it."""
    beside: set[str] = set()
    with_it: set[str] = set()
    for card in cards:
        if key in card:
            place = card.index(key)
            beside.update(card[max(0, place - 1) : place], card[place + 1 : place + 2])
            with_it.update(card)
    return beside, with_it - {key}


class _Known:
    """The places of the classes of the models at hand."""

    places: Mapping[str, int] = {}


def know_models(models: Iterable[Sequence[str]]) -> None:
    """Tell apart the classes of these models from now on: of all at hand, so that every start says the same."""
    _Known.places = places_of(models)


def class_colour(code: str) -> QColor:
    """Return the colour of a class, also of one that only the record knows."""
    key = class_key(code)
    place = _Known.places.get(key)
    return QColor(tokens().classes[own_place(key) if place is None else place])
