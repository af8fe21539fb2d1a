"""The functions of libaravis (LGPL-2.1+, loaded at run time) that the GigE Vision driver calls, with their types."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import itertools
import socket
import sys
import threading
from collections.abc import Callable
from ctypes import (
    POINTER,
    byref,
    c_bool,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_uint,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

from aoi_app.core.errors import AoiError, BackendMissing, CameraBusy, CameraError, CameraLost, CameraNotFound
from aoi_app.core.errors import FeatureError as BadFeature

INSTALL = {
    "linux": "sudo apt-get install -y --no-install-recommends libaravis-0.8-0",
    "darwin": "brew install aravis",
}
NAMES = {"linux": "libaravis-0.8.so.0", "darwin": "libaravis-0.8.0.dylib"}

SUCCESS = 0
"""Status of a buffer whose every byte the camera sent."""
RANGE_CHECK_ENABLED = 1
CONTROL_PRIVILEGE, PRIMARY_APPLICATION_ADDRESS = 0x0A00, 0x0A14
"""Bootstrap registers of GigE Vision; a camera need not have the second."""
READ_ONLY = 0
"""Access mode of a feature."""
RESEND_NEVER, RESEND_ALWAYS = 0, 1
FIXED_SOCKET_BUFFER = 0
PACKET_SOCKET_DISABLED = 1
G_TYPE_INT = 6 << 2

ControlLost = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)


_watched: dict[int, threading.Event] = {}
_numbers = itertools.count(1)


def _on_control_lost(device: int, number: int) -> None:
    """Note that a camera is gone. Called in a thread of libaravis, maybe after Python has forgotten the camera."""
    event = _watched.get(number)
    if event is not None:
        event.set()


_control_lost = ControlLost(_on_control_lost)
"""Never freed: libaravis calls it for as long as it holds a camera."""


def _unwatch(number: int) -> None:
    _watched.pop(number, None)


class _GError(ctypes.Structure):
    _fields_ = (("domain", ctypes.c_uint32), ("code", c_int), ("message", c_char_p))


class _GValue(ctypes.Structure):
    _fields_ = (("type", c_size_t), ("data", c_uint64 * 2))


class SList(ctypes.Structure):
    """GLib's singly linked list, of C strings."""


SList._fields_ = (("data", c_char_p), ("next", POINTER(SList)))


_ERROR = POINTER(POINTER(_GError))
_P, _S, _I = c_void_p, c_char_p, c_int

FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "arv_update_device_list": (None, ()),
    "arv_get_n_devices": (c_uint, ()),
    "arv_get_device_id": (_S, (c_uint,)),
    "arv_get_device_vendor": (_S, (c_uint,)),
    "arv_get_device_model": (_S, (c_uint,)),
    "arv_get_device_serial_nbr": (_S, (c_uint,)),
    "arv_get_device_address": (_S, (c_uint,)),
    "arv_disable_interface": (None, (_S,)),
    "arv_open_device": (_P, (_S, _ERROR)),
    "arv_device_get_genicam_xml": (_P, (_P, POINTER(c_size_t))),
    "arv_camera_new_with_device": (_P, (_P, _ERROR)),
    "arv_camera_get_device": (_P, (_P,)),
    "arv_camera_get_payload": (c_uint, (_P, _ERROR)),
    "arv_camera_create_stream": (_P, (_P, _P, _P, _ERROR)),
    "arv_camera_create_chunk_parser": (_P, (_P,)),
    "arv_chunk_parser_get_integer_value": (c_int64, (_P, _P, _S, _ERROR)),
    "arv_device_read_register": (c_bool, (_P, c_uint64, POINTER(c_uint32), _ERROR)),
    "arv_device_set_range_check_policy": (None, (_P, _I)),
    "arv_device_is_feature_available": (c_bool, (_P, _S, _ERROR)),
    "arv_device_execute_command": (None, (_P, _S, _ERROR)),
    "arv_device_set_features_from_string": (c_bool, (_P, _S, _ERROR)),
    "arv_device_get_integer_feature_value": (c_int64, (_P, _S, _ERROR)),
    "arv_device_set_integer_feature_value": (None, (_P, _S, c_int64, _ERROR)),
    "arv_device_get_float_feature_value": (c_double, (_P, _S, _ERROR)),
    "arv_device_set_float_feature_value": (None, (_P, _S, c_double, _ERROR)),
    "arv_device_get_string_feature_value": (_S, (_P, _S, _ERROR)),
    "arv_device_set_string_feature_value": (None, (_P, _S, _S, _ERROR)),
    "arv_device_get_boolean_feature_value": (c_bool, (_P, _S, _ERROR)),
    "arv_device_set_boolean_feature_value": (None, (_P, _S, c_bool, _ERROR)),
    "arv_device_get_feature": (_P, (_P, _S)),
    "arv_device_get_genicam": (_P, (_P,)),
    "arv_device_get_integer_feature_bounds": (None, (_P, _S, POINTER(c_int64), POINTER(c_int64), _ERROR)),
    "arv_device_get_float_feature_bounds": (None, (_P, _S, POINTER(c_double), POINTER(c_double), _ERROR)),
    "arv_device_dup_available_enumeration_feature_values_as_strings": (_P, (_P, _S, POINTER(c_uint), _ERROR)),
    "arv_gc_feature_node_get_actual_access_mode": (_I, (_P,)),
    "arv_gc_get_node": (_P, (_P, _S)),
    "arv_gc_category_get_features": (_P, (_P,)),
    "arv_gc_category_get_type": (c_size_t, ()),
    "arv_gc_integer_get_unit": (_S, (_P,)),
    "arv_gc_float_get_unit": (_S, (_P,)),
    "g_free": (None, (_P,)),
    "arv_gv_device_is_controller": (c_bool, (_P,)),
    "arv_gv_device_get_device_address": (_P, (_P,)),
    "g_inet_socket_address_get_address": (_P, (_P,)),
    "g_inet_address_get_native_size": (c_size_t, (_P,)),
    "g_inet_address_to_bytes": (_P, (_P,)),
    "arv_gv_device_leave_control": (c_bool, (_P, _ERROR)),
    "arv_gv_device_set_stream_options": (None, (_P, _I)),
    "arv_gv_device_set_packet_size": (None, (_P, _I, _ERROR)),
    "arv_gv_device_auto_packet_size": (c_uint, (_P, _ERROR)),
    "arv_buffer_new_allocate": (_P, (c_size_t,)),
    "arv_buffer_get_status": (_I, (_P,)),
    "arv_buffer_get_data": (_P, (_P, POINTER(c_size_t))),
    "arv_buffer_has_chunks": (c_bool, (_P,)),
    "arv_buffer_get_frame_id": (c_uint64, (_P,)),
    "arv_buffer_get_timestamp": (c_uint64, (_P,)),
    "arv_gv_stream_get_port": (c_uint16, (_P,)),
    "arv_stream_push_buffer": (None, (_P, _P)),
    "arv_stream_timeout_pop_buffer": (_P, (_P, c_uint64)),
    "arv_stream_get_info_uint64_by_name": (c_uint64, (_P, _S)),
    "g_object_unref": (None, (_P,)),
    "g_object_set_property": (None, (_P, _S, POINTER(_GValue))),
    "g_value_init": (_P, (POINTER(_GValue), c_size_t)),
    "g_value_set_int": (None, (POINTER(_GValue), _I)),
    "g_signal_connect_data": (ctypes.c_ulong, (_P, _S, ControlLost, _P, _P, _I)),
    "g_signal_handler_disconnect": (None, (_P, ctypes.c_ulong)),
    "g_error_free": (None, (POINTER(_GError),)),
    "g_quark_to_string": (_S, (ctypes.c_uint32,)),
    "g_type_check_instance_is_a": (c_bool, (_P, c_size_t)),
    "arv_gc_float_get_type": (c_size_t, ()),
    "arv_gc_integer_get_type": (c_size_t, ()),
    "arv_gc_boolean_get_type": (c_size_t, ()),
    "arv_gc_enumeration_get_type": (c_size_t, ()),
    "arv_gc_string_get_type": (c_size_t, ()),
}
"""Name -> result and argument types; those that end in an error are called through `Library.checked`."""

# aravis 0.8, arvdevice.h and arvgcerror.h
_DEVICE_ERRORS: dict[int, type[AoiError]] = {
    2: CameraLost,
    4: CameraLost,
    5: CameraLost,
    6: CameraNotFound,
    8: CameraError,
    9: CameraError,
    10: CameraBusy,
}


class Library:
    """libaravis, its functions as attributes."""

    def __init__(self, handle: ctypes.CDLL) -> None:
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(handle, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def checked(self, name: str, *arguments: Any, about: str = "") -> Any:
        """Call a function whose last argument is an error, and raise what it reports as an error of ours."""
        error = POINTER(_GError)()
        result = getattr(self, name)(*arguments, byref(error))
        if error:
            raise self._translated(error, about)
        return result

    def watch_control(self, device: int, lost: threading.Event) -> Callable[[], None]:
        """Have `lost` set when the camera no longer answers; return what ends that."""
        number = next(_numbers)
        _watched[number] = lost
        self.g_signal_connect_data(device, b"control-lost", _control_lost, number, None, 0)
        return functools.partial(_unwatch, number)

    def controller(self, device: int) -> str:
        """Return the IPv4 address of who controls a camera; empty where it does not tell."""
        try:
            address = self.register(device, PRIMARY_APPLICATION_ADDRESS)
        except AoiError:
            return ""
        return socket.inet_ntoa(address.to_bytes(4, "big")) if address else ""

    def register(self, device: int, place: int) -> int:
        """Read a register of the camera."""
        value = c_uint32()
        self.checked("arv_device_read_register", device, place, byref(value))
        return value.value

    def description(self, device: int) -> bytes:
        """Return the description that a camera was opened with, GenICam XML."""
        size = c_size_t()
        start = self.arv_device_get_genicam_xml(device, byref(size))
        return ctypes.string_at(start, size.value) if start else b""

    def address(self, device: int) -> bytes:
        """Return the IP address of a camera, packed."""
        address = self.g_inet_socket_address_get_address(self.arv_gv_device_get_device_address(device))
        return ctypes.string_at(self.g_inet_address_to_bytes(address), self.g_inet_address_get_native_size(address))

    def set_int_property(self, instance: int, name: bytes, value: int) -> None:
        """Set a property that is a number or an enumeration."""
        box = _GValue()
        self.g_value_init(byref(box), G_TYPE_INT)
        self.g_value_set_int(byref(box), value)
        self.g_object_set_property(instance, name, byref(box))

    def _translated(self, error: Any, about: str) -> AoiError:
        domain = (self.g_quark_to_string(error.contents.domain) or b"").decode()
        code = error.contents.code
        message = (error.contents.message or b"").decode(errors="replace").rstrip(". ") + "."
        self.g_error_free(error)
        what = f"{about}: {message}" if about else message
        if domain == "arv-device-error-quark" and code in _DEVICE_ERRORS:
            return _DEVICE_ERRORS[code](what, _HINTS[code])
        if domain in ("arv-gc-error-quark", "arv-device-error-quark"):
            return BadFeature(what, "See the camera's features and their limits: aoi camera info SOURCE.")
        return CameraError(what)


NOT_OURS = "Load its maker's newest firmware into it, or use the driver pylon or gentl."
_HINTS = {
    **dict.fromkeys((2, 4, 5), "Check cable, power and network; it is tried again."),
    **dict.fromkeys((8, 9), NOT_OURS),
    6: "Check cable and power, and that the address is right: aoi camera list.",
    10: "Close the other program that uses it; after a crash the camera is free again within seconds.",
}


def missing() -> BackendMissing | None:
    """Return why libaravis cannot be used here and what installs it, or None when it can."""
    try:
        load()
    except BackendMissing as error:
        return error
    return None


@functools.cache
def load() -> Library:
    """Return libaravis. Raises BackendMissing."""
    name = NAMES.get(sys.platform) or ctypes.util.find_library("aravis-0.8")
    hint = INSTALL.get(sys.platform, "Use the pylon or gentl driver on this system.")
    if name is None:
        raise BackendMissing("libaravis 0.8 is not available on this system.", hint)
    try:
        library = Library(ctypes.CDLL(name))
    except (OSError, AttributeError) as error:
        raise BackendMissing(f"libaravis 0.8 cannot be loaded: {error}.", hint) from error
    library.arv_disable_interface(b"Fake")
    return library
