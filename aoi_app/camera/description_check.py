"""Whether a camera's description (GenICam XML) can be evaluated at all, before a library tries it."""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

from aoi_app.camera.aravis_library import NOT_OURS
from aoi_app.core.errors import CameraError

EVALUATED = frozenset(
    (
        "pValue",
        "pVariable",
        "pAddress",
        "pIndex",
        "pOffset",
        "pLength",
        "pValueIndexed",
        "pValueDefault",
        "pCommandValue",
    )
)
"""References that are read whenever the value of their element is read.

Not pMin, pMax, pInc, pIsImplemented, pIsAvailable and pIsLocked: they begin to read a value, but are no part of one;
Width and OffsetX bound each other in nearly every camera. Nor pSelected, pInvalidator, pError, pPort and the like,
which only name another element.
"""
LISTED = frozenset(("pFeature",))
"""References of a category to what stands in it."""
CONTAINERS = frozenset(("RegisterDescription", "Group"))
LOCAL_NAMES = frozenset(("EnumEntry", "pVariable", "Constant", "Expression"))
"""Elements whose names are known within their parent only."""

MOST_DEEP = 200
"""References one behind the other; real descriptions have some tens, a library's stack holds thousands."""
MOST_READ = 1_000_000
"""Elements that one feature reads, each as often as it is referred to."""
LONGEST_NAME, LONGEST_CHAIN = 48, 6

Graph = dict[str | int, list[str | int]]
"""A name leads to the elements (numbers) that bear it, an element to the names it refers to: linear in the text."""


def check_description(xml: bytes, address: str) -> None:
    """Refuse a description whose features refer to themselves, or nest absurdly.

    Parameters
    ----------
    xml
        The description as it came from the camera.
    address
        The camera's, for the message.

    Raises
    ------
    CameraError
        Evaluating it would end the process, or last for ever; or it cannot be read.
    """
    reader = _Reader()
    try:
        reader.read(xml)
    except expat.ExpatError as error:
        what = (
            f"The description of the camera {address} is not XML: {expat.ErrorString(error.code)}, line {error.lineno}."
        )
        raise CameraError(what, NOT_OURS) from error
    for graph in (reader.evaluated, reader.listed):
        _check(graph, address)


class _Reader:
    """Collects who refers to whom."""

    def __init__(self) -> None:
        self.evaluated: Graph = {}
        self.listed: Graph = {}
        self._graphs = {**dict.fromkeys(EVALUATED, self.evaluated), **dict.fromkeys(LISTED, self.listed)}
        self._number = 0
        self._depth = 0
        self._outermost = 0
        """Depth of the element that all below it belongs to: entries, formulas, parts of a register."""
        self._reference = 0
        self._text: list[str] = []
        self._whole = False

    def read(self, xml: bytes) -> None:
        parser = self._parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        try:
            parser.Parse(xml, True)
        except expat.ExpatError:
            # Some cameras pad their description; a library reads it up to there as well.
            if not self._whole:
                raise

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if not self._outermost:
            if tag in CONTAINERS:
                return
            self._outermost = self._depth
            self._number += 1
        if tag in self._graphs and not self._reference:
            self._reference = self._depth
            self._text.clear()
            self._parser.CharacterDataHandler = self._text.append
            if "pOffset" in attributes:
                self._refer(self.evaluated, attributes["pOffset"])
        elif "Name" in attributes and tag not in LOCAL_NAMES:
            for graph in (self.evaluated, self.listed):
                graph.setdefault(attributes["Name"], []).append(self._number)

    def _end(self, tag: str) -> None:
        if self._depth == self._reference:
            self._reference = 0
            self._parser.CharacterDataHandler = None
            self._refer(self._graphs[tag], "".join(self._text))
        if self._depth == self._outermost:
            self._outermost = 0
        self._depth -= 1
        self._whole = not self._depth

    def _refer(self, graph: Graph, name: str) -> None:
        graph.setdefault(self._number, []).append(name.strip())


def _check(graph: Graph, address: str) -> None:
    reads: dict[str | int, int] = {}
    depth: dict[str | int, int] = {}
    for first in graph:
        if first in reads:
            continue
        path: dict[str | int, Iterator[str | int]] = {first: iter(graph[first])}
        while path:
            key, targets = next(reversed(path.items()))
            for target in targets:
                if target in path:
                    raise CameraError(_cycle(list(path), target, address), NOT_OURS)
                if target in graph and target not in reads:
                    path[target] = iter(graph[target])
                    break
            else:
                path.popitem()
                below = [reads.get(target, 1) for target in graph[key]]
                deepest = max((depth.get(target, 1) for target in graph[key]), default=0)
                if isinstance(key, int):
                    reads[key], depth[key] = 1 + sum(below), deepest
                    continue
                # Of elements of the same name one is read.
                reads[key], depth[key] = max(below, default=1), deepest + 1
                if depth[key] > MOST_DEEP or reads[key] > MOST_READ:
                    what = f"In the description of the camera {address}, {_short(key)} refers to too many others."
                    raise CameraError(what, NOT_OURS)


def _cycle(path: list[str | int], again: str | int, address: str) -> str:
    names = [_short(key) for key in path[path.index(again) :] if isinstance(key, str)]
    chain = names[:LONGEST_CHAIN] + ["..."] * (len(names) > LONGEST_CHAIN) + names[:1]
    return f"In the description of the camera {address}, {names[0]} refers to itself: {' > '.join(chain)}."


def _short(name: str | int) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(name))
    return text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME] + "..."
