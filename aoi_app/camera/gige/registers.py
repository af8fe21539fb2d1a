"""The device's memory: bootstrap registers of GigE Vision 1.2, features, and the description file."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from aoi_app.camera.gige.description import description
from aoi_app.camera.gige.features import BITS_PER_PIXEL, CHUNKS, FEATURES, PIXEL_FORMATS, Feature, Kind

VERSION, DEVICE_MODE, MAC_HIGH, MAC_LOW = 0x0000, 0x0004, 0x0008, 0x000C
IP_CONFIG_OPTIONS, IP_CONFIG_CURRENT, IP_ADDRESS, SUBNET_MASK = 0x0010, 0x0014, 0x0024, 0x0034
DISCOVERY_BYTES = 0xF8
FIRST_URL, INTERFACES, STREAM_CHANNELS = 0x0200, 0x0600, 0x0904
CAPABILITIES, TICK_FREQUENCY_LOW = 0x0934, 0x0940
CONTROL_PRIVILEGE, PRIMARY_APPLICATION_ADDRESS = 0x0A00, 0x0A14
STREAM_PORT, STREAM_PACKET_SIZE, STREAM_ADDRESS = 0x0D00, 0x0D04, 0x0D18

CAN_CONCATENATE, CAN_WRITE_MEMORY, CAN_RESEND = 1 << 0, 1 << 1, 1 << 2
HAS_SERIAL, HAS_USER_NAME = 1 << 30, 1 << 31

MEMORY_BYTES = 0xB000
DESCRIPTION_ADDRESS = 0x10_0000
CHUNK_BYTES = 8 + 8
"""Of each chunk on the wire: its value, then its number and length."""

GEV_1_2 = 0x0001_0002
BIG_ENDIAN_UTF8 = 0x8000_0001
NANOSECOND_TICKS = 1_000_000_000


class RegisterError(Exception):
    """An access that the device refuses; `status` is the GVCP status code."""

    def __init__(self, status: int) -> None:
        super().__init__(f"GVCP status 0x{status:04X}")
        self.status = status


INVALID_PARAMETER, INVALID_ADDRESS, WRITE_PROTECT = 0x8002, 0x8003, 0x8004


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the device says it is."""

    vendor: str = "AOI"
    model: str = "Line-scan simulator"
    version: str = "1.0"
    serial: str = "SIM-0001"
    user_name: str = ""
    mac: int = 0x02A0_1000_0001


class Registers:
    """Memory of a device, as the control channel sees it.

    Parameters
    ----------
    identity
        Names.
    address
        IPv4 address, packed.
    can_resend
        Whether the device offers to send lost packets again.
    """

    def __init__(self, identity: Identity, address: bytes, can_resend: bool) -> None:
        self._memory = bytearray(MEMORY_BYTES)
        self._file = description().encode()
        self._features = {f.name: f for f in FEATURES}
        self._by_address = {
            f.address + 4 * index: f
            for f in FEATURES
            if f.kind is not Kind.STRING
            for index in range(len(self._features[f.selector].choices) if f.selector else 1)
        }
        for place, feature in self._by_address.items():
            self._memory[place : place + 4] = _pack(feature, float(feature.value))
        self._boot(identity, address, can_resend)
        self.refresh()

    def read(self, address: int, count: int) -> bytes:
        """Return `count` bytes. Raises RegisterError."""
        if address >= 0 and address + count <= MEMORY_BYTES:
            return bytes(self._memory[address : address + count])
        offset = address - DESCRIPTION_ADDRESS
        if 0 <= offset < len(self._file):
            return self._file[offset : offset + count].ljust(count, b"\0")
        raise RegisterError(INVALID_ADDRESS)

    def write(self, address: int, data: bytes, acquiring: bool) -> None:
        """Write what a client sends, if it may and is within the feature's limits. Raises RegisterError."""
        feature = self._by_address.get(address)
        if feature is not None:
            if feature.access == "RO" or (feature.locked and acquiring):
                raise RegisterError(WRITE_PROTECT)
            # The upper half of the packet size asks for a test packet.
            if not _allowed(feature, b"\0\0" + data[2:] if address == STREAM_PACKET_SIZE else data):
                raise RegisterError(INVALID_PARAMETER)
        elif address in _CLIENT_REGISTERS:
            if len(data) != 4:
                raise RegisterError(INVALID_PARAMETER)
        elif len(data) > self._string_room(address):
            raise RegisterError(INVALID_ADDRESS if address + len(data) > MEMORY_BYTES else WRITE_PROTECT)
        self._memory[address : address + len(data)] = data
        self.refresh()

    def number(self, address: int) -> int:
        """Return a 32-bit register."""
        return int(struct.unpack_from(">I", self._memory, address)[0])

    def put(self, address: int, value: int) -> None:
        """Set a 32-bit register from within."""
        struct.pack_into(">I", self._memory, address, value & 0xFFFFFFFF)

    def get(self, name: str) -> float:
        """Return the value of a feature by its name."""
        feature = self._features[name]
        code = ">f" if feature.kind is Kind.FLOAT else ">I"
        return float(struct.unpack_from(code, self._memory, feature.address)[0])

    def set(self, name: str, value: float) -> None:
        """Set a feature from within."""
        feature = self._features[name]
        self._memory[feature.address : feature.address + 4] = _pack(feature, value)
        self.refresh()

    def refresh(self) -> None:
        """Work out what follows from other registers."""
        payload = self.image_bytes(int(self.get("Height")))
        if self.get("ChunkModeActive"):
            payload += CHUNK_BYTES * len(CHUNKS) + 8
        self.put(self._features["PayloadSize"].address, payload)

    def image_bytes(self, lines: int) -> int:
        """Return the bytes of so many lines in the current width and pixel format."""
        names = {code: name for name, code in PIXEL_FORMATS.items()}
        return lines * int(self.get("Width")) * BITS_PER_PIXEL[names[int(self.get("PixelFormat"))]] // 8

    def _string_room(self, address: int) -> int:
        texts = (f for f in FEATURES if f.kind is Kind.STRING and f.access == "RW" and f.address == address)
        return next((f.length for f in texts), 0)

    def _boot(self, identity: Identity, address: bytes, can_resend: bool) -> None:
        numbers = {
            VERSION: GEV_1_2,
            DEVICE_MODE: BIG_ENDIAN_UTF8,
            MAC_HIGH: identity.mac >> 32,
            MAC_LOW: identity.mac,
            IP_CONFIG_OPTIONS: 0x7,
            IP_CONFIG_CURRENT: 0x5,
            IP_ADDRESS: int.from_bytes(address, "big"),
            SUBNET_MASK: 0xFF000000,
            INTERFACES: 1,
            STREAM_CHANNELS: 1,
            TICK_FREQUENCY_LOW: NANOSECOND_TICKS,
            CAPABILITIES: CAN_CONCATENATE | CAN_WRITE_MEMORY | HAS_SERIAL | HAS_USER_NAME | CAN_RESEND * can_resend,
        }
        for place, number in numbers.items():
            self.put(place, number)
        texts = {
            "DeviceVendorName": identity.vendor,
            "DeviceModelName": identity.model,
            "DeviceVersion": identity.version,
            "DeviceSerialNumber": identity.serial,
            "DeviceUserID": identity.user_name,
        }
        for name, text in texts.items():
            feature = self._features[name]
            self._text(feature.address, text, feature.length)
        self._text(FIRST_URL, f"Local:linescan.xml;{DESCRIPTION_ADDRESS:x};{len(self._file):x}", 512)

    def _text(self, address: int, text: str, length: int) -> None:
        self._memory[address : address + length] = text.encode()[: length - 1].ljust(length, b"\0")


_CLIENT_REGISTERS = frozenset((CONTROL_PRIVILEGE, STREAM_PORT, STREAM_PACKET_SIZE, STREAM_ADDRESS))


def _pack(feature: Feature, value: float) -> bytes:
    return struct.pack(">f", value) if feature.kind is Kind.FLOAT else struct.pack(">I", int(value))


def _allowed(feature: Feature, data: bytes) -> bool:
    if len(data) != 4:
        return False
    (value,) = struct.unpack(">f" if feature.kind is Kind.FLOAT else ">I", data)
    if feature.choices:
        return value in feature.choices.values()
    inside = feature.low <= value <= feature.high
    return bool(inside and (feature.kind is not Kind.INTEGER or (value - feature.low) % feature.step == 0))
