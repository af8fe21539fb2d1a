"""Features of a camera through a GenApi node map, as pypylon and harvesters hand it out."""

from __future__ import annotations

from typing import Any

from aoi_app.camera.introspection import NO_LIMIT, UNITS, FeatureInfo, bound
from aoi_app.core.errors import FeatureError

Value = int | float | str | bool
_HINT = "See the camera's features and their limits: aoi camera info SOURCE."


class NodeMap:
    """Reads and writes features by their names.

    Parameters
    ----------
    nodes
        The vendor's node map.
    """

    def __init__(self, nodes: Any) -> None:
        self._nodes = nodes

    def has(self, name: str) -> bool:
        """Tell whether the camera has a feature and offers it now."""
        return self._node(name) is not None

    def get(self, name: str) -> Value:
        """Return a feature's value; of an enumeration the name of its entry. Raises FeatureError."""
        value: Value = self._needed(name).value
        return value

    def number(self, name: str) -> float | None:
        """Return a feature as a number; None when the camera does not have it or it cannot be read now."""
        node = self._node(name)
        try:
            return None if node is None else float(node.value)
        except Exception as error:
            _only_genapi(error)
            return None

    def answers(self) -> bool:
        """Tell whether the camera itself still answers: its width is read anew, past what is remembered of it."""
        try:
            if hasattr(self._nodes, "GetNode"):
                self._nodes.GetNode("Width").GetValue(False, True)
            else:
                self._nodes.get_node("Width").get_value(False, True)
        except Exception as error:
            _only_genapi(error)
            return type(error).__name__ in _NOT_OF_THE_LINK
        return True

    def entries(self, name: str) -> tuple[str, ...]:
        """Return the entries of an enumeration; none when the camera does not have it."""
        node = self._node(name)
        return tuple(getattr(node, "symbolics", ()))

    def describe(self) -> list[FeatureInfo]:
        """Return the features that a person may set and that can be read now."""
        found = []
        for name in sorted(_names(self._nodes)):
            node = self._node(name)
            try:
                value = node.value if _has_value(node) else None
            except Exception as error:
                _only_genapi(error)
                continue
            if isinstance(value, int | float | str):
                text = f"{value:g}" if isinstance(value, float) else str(value)
                limits = ", ".join(getattr(node, "symbolics", ())) or _range(node).strip(" ()")
                unit = str(getattr(node, "unit", "")) or UNITS.get(name, "")
                found.append(FeatureInfo(name, text, unit, limits, _access(node) != _READ_ONLY))
        return found

    def set(self, name: str, value: Value) -> None:
        """Set a feature; `Name[Selector=Entry]` chooses the entry first. Raises FeatureError."""
        name, _, choice = name.partition("[")
        if choice:
            selector, _, entry = choice.rstrip("]").partition("=")
            self.set(selector, entry)
        node = self._needed(name)
        try:
            node.value = value
        except Exception as error:
            _only_genapi(error)
            raise FeatureError(f"{name} = {value} is refused: {_first_line(error)}{_range(node)}.", _HINT) from error

    def _node(self, name: str) -> Any:
        node = None
        try:
            node = self._nodes.GetNode(name) if hasattr(self._nodes, "GetNode") else self._nodes.get_node(name)
            available = node is not None and _access(node) in _USABLE
        except Exception as error:
            _only_genapi(error)
            return None
        return _with_value(node) if available else None

    def _needed(self, name: str) -> Any:
        node = self._node(name)
        if node is None:
            raise FeatureError(f"The camera has no feature {name}, or does not offer it now.", _HINT)
        return node


def _names(nodes: Any) -> list[str]:
    every = nodes.GetNodes() if hasattr(nodes, "GetNodes") else nodes.nodes
    # Registers and formulas are nodes as well; only features stand in a category that leads to Root.
    return [(n.GetNode().GetName() if hasattr(n, "GetNode") else n.node.name) for n in every if _is_feature(n)]


def _is_feature(node: Any) -> bool:
    inner = node.GetNode() if hasattr(node, "GetNode") else node.node
    return bool(inner.IsFeature() if hasattr(inner, "IsFeature") else inner.is_feature())


_NOT_OF_THE_LINK = ("AccessException", "LogicalErrorException")
"""A feature that cannot be read now, or is not there: the camera was not even asked."""

# GenApi's EAccessMode: WO, RO, RW
_USABLE = (2, 3, 4)
_READ_ONLY = 3


def _access(node: Any) -> int:
    return int(node.GetAccessMode() if hasattr(node, "GetAccessMode") else node.get_access_mode())


def _with_value(node: Any) -> Any:
    return node if hasattr(node, "value") else _PylonNode(node)


def _has_value(node: Any) -> bool:
    """Tell whether a node is one that is read: neither a category nor a command."""
    if isinstance(node, _PylonNode):
        return hasattr(node.node, "GetValue")
    return hasattr(type(node), "value")


class _PylonNode:
    """A pypylon node in the manner of genicam's."""

    def __init__(self, node: Any) -> None:
        self.node = node

    @property
    def value(self) -> Value:
        value: Value = self.node.GetValue()
        return value

    @value.setter
    def value(self, value: Value) -> None:
        self.node.SetValue(value)

    def get_access_mode(self) -> int:
        return int(self.node.GetAccessMode())

    @property
    def unit(self) -> str:
        return str(self.node.GetUnit())

    @property
    def symbolics(self) -> tuple[str, ...]:
        return tuple(self.node.GetSymbolics())

    @property
    def min(self) -> float:
        low: float = self.node.GetMin()
        return low

    @property
    def max(self) -> float:
        high: float = self.node.GetMax()
        return high


def _only_genapi(error: Exception) -> None:
    """Let pass what GenApi raises; anything else is a fault of ours."""
    if not any(kind.__name__ == "GenericException" for kind in type(error).__mro__) and not isinstance(
        error, TypeError | ValueError
    ):
        raise error


def _first_line(error: Exception) -> str:
    text = error.GetDescription() if hasattr(error, "GetDescription") else str(error)
    return str(text).strip().split("\n")[0].rstrip(". ")


def _range(node: Any) -> str:
    """Return the limits of a number in brackets; nothing where there are none, or none of its own."""
    low, high = getattr(node, "min", None), getattr(node, "max", None)
    if low is None or high is None or max(abs(low), abs(high)) > NO_LIMIT:
        return ""
    return f" ({bound(low)} to {bound(high)})"
