"""Features of one GigE Vision camera through libaravis, by their SFNC names."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_double, c_int64, c_uint

from aoi_app.camera.aravis_library import RANGE_CHECK_ENABLED, READ_ONLY, Library, SList
from aoi_app.camera.introspection import NO_LIMIT, UNITS, FeatureInfo, bound
from aoi_app.core.errors import FeatureError

Value = int | float | str | bool


def _truth(value: Value) -> bool:
    if isinstance(value, str):
        raise ValueError(value)
    return bool(value)


_NUMBERS: dict[str, Callable[[Value], Value]] = {"boolean": _truth, "float": float, "integer": int}
_HINT = "See the camera's features and their limits: aoi camera info SOURCE."


class AravisDevice:
    """Reads and writes features; each call may take seconds when the camera does not answer.

    Parameters
    ----------
    library
        libaravis.
    handle
        An ArvDevice.
    """

    def __init__(self, library: Library, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._types = {
            library.arv_gc_enumeration_get_type(): "string",
            library.arv_gc_string_get_type(): "string",
            library.arv_gc_boolean_get_type(): "boolean",
            library.arv_gc_float_get_type(): "float",
            library.arv_gc_integer_get_type(): "integer",
        }
        library.arv_device_set_range_check_policy(handle, RANGE_CHECK_ENABLED)

    def has(self, name: str) -> bool:
        """Tell whether the camera has a feature and offers it now."""
        return bool(self._library.checked("arv_device_is_feature_available", self._handle, name.encode()))

    def execute(self, name: str) -> None:
        """Run a command."""
        self._library.checked("arv_device_execute_command", self._handle, name.encode(), about=name)

    def get(self, name: str) -> Value:
        """Return a feature's value; of an enumeration the name of its entry. Raises FeatureError, CameraLost."""
        kind = self._kind(name)
        value = self._library.checked(f"arv_device_get_{kind}_feature_value", self._handle, name.encode(), about=name)
        text: Value = value.decode(errors="replace") if isinstance(value, bytes) else value
        return text

    def set(self, name: str, value: Value) -> None:
        """Set a feature; `Name[Selector=Entry]` chooses the entry first. Raises FeatureError, CameraLost."""
        name, _, choice = name.partition("[")
        if choice:
            selector, _, entry = choice.rstrip("]").partition("=")
            self.set(selector, entry)
        kind = self._kind(name)
        try:
            converted = str(value).encode() if kind == "string" else _NUMBERS[kind](value)
        except ValueError as error:
            raise FeatureError(f"{name} = {value} is refused.", _HINT) from error
        self._library.checked(
            f"arv_device_set_{kind}_feature_value", self._handle, name.encode(), converted, about=f"{name} = {value}"
        )

    def text(self, name: str) -> str:
        """Return a feature as text; empty when the camera does not have it."""
        return str(self.get(name)) if self.has(name) else ""

    def number(self, name: str) -> float | None:
        """Return a feature as a number; None when the camera does not have it."""
        return float(self.get(name)) if self.has(name) else None

    def entries(self, name: str) -> tuple[str, ...]:
        """Return the entries of an enumeration that can be chosen now; none when the camera does not have it."""
        code = name.encode()
        if not (self.has(name) and self._is_enumeration(code)):
            return ()
        count = c_uint()
        array = self._library.checked(
            "arv_device_dup_available_enumeration_feature_values_as_strings", self._handle, code, byref(count)
        )
        if not array:
            return ()
        entries = tuple(t.decode() for t in ctypes.cast(array, POINTER(c_char_p))[: count.value])
        self._library.g_free(array)
        return entries

    def describe(self) -> list[FeatureInfo]:
        """Return all features that can be read now, category by category."""
        return [info for name in self._names("Root") for info in self._described(name)]

    def _names(self, category: str) -> list[str]:
        library = self._library
        node = library.arv_gc_get_node(library.arv_device_get_genicam(self._handle), category.encode())
        names: list[str] = []
        item = ctypes.cast(library.arv_gc_category_get_features(node), POINTER(SList)) if node else None
        while item:
            name = item.contents.data.decode()
            child = library.arv_device_get_feature(self._handle, name.encode())
            if child and library.g_type_check_instance_is_a(child, library.arv_gc_category_get_type()):
                names += self._names(name)
            elif child and not name.startswith("Chunk"):
                names.append(name)
            item = item.contents.next
        return names

    def _described(self, name: str) -> list[FeatureInfo]:
        library, code = self._library, name.encode()
        try:
            if not self.has(name):
                return []
            kind = self._kind(name)
            value = self.get(name)
        except FeatureError:
            # A command, or a feature that cannot be read.
            return []
        unit = b""
        limits = ""
        if kind in ("integer", "float"):
            limits = self._bounds(code, kind)
            node = library.arv_device_get_feature(self._handle, code)
            unit = getattr(library, f"arv_gc_{kind}_get_unit")(node) or b""
        elif self._is_enumeration(code):
            limits = ", ".join(self.entries(name))
        text = f"{value:g}" if isinstance(value, float) else str(value)
        mode = library.arv_gc_feature_node_get_actual_access_mode(library.arv_device_get_feature(self._handle, code))
        return [FeatureInfo(name, text, unit.decode() or UNITS.get(name, ""), limits, mode != READ_ONLY)]

    def _bounds(self, code: bytes, kind: str) -> str:
        """Return the limits of a number; nothing where the camera does not tell them, or only those of its type."""
        number = c_int64 if kind == "integer" else c_double
        low, high = number(), number()
        try:
            self._library.checked(f"arv_device_get_{kind}_feature_bounds", self._handle, code, byref(low), byref(high))
        except FeatureError:
            return ""
        return "" if max(abs(low.value), abs(high.value)) > NO_LIMIT else f"{bound(low.value)} to {bound(high.value)}"

    def _is_enumeration(self, code: bytes) -> bool:
        node = self._library.arv_device_get_feature(self._handle, code)
        return bool(self._library.g_type_check_instance_is_a(node, self._library.arv_gc_enumeration_get_type()))

    def _kind(self, name: str) -> str:
        node = self._library.arv_device_get_feature(self._handle, name.encode())
        if node:
            for type_id, kind in self._types.items():
                if self._library.g_type_check_instance_is_a(node, type_id):
                    return kind
        raise FeatureError(f"The camera has no feature {name}.", "See its features: aoi camera info SOURCE.")
