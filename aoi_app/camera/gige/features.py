"""What the device can be asked and told: one table, from which its registers and its GenICam description are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

PIXEL_FORMATS: Mapping[str, int] = {
    "Mono8": 0x01080001,
    "Mono12": 0x01100005,
    "Mono12p": 0x010C0047,
    "RGB8": 0x02180014,
}
"""PFNC name and code."""

BITS_PER_PIXEL: Mapping[str, int] = {"Mono8": 8, "Mono12": 16, "Mono12p": 12, "RGB8": 24}

MAX_WIDTH, MAX_HEIGHT = 16_384, 4_096


class Kind(str, Enum):
    """GenApi interface of a feature."""

    INTEGER = "Integer"
    FLOAT = "Float"
    ENUMERATION = "Enumeration"
    COMMAND = "Command"
    BOOLEAN = "Boolean"
    STRING = "StringReg"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature, in the words of the GenICam SFNC.

    Attributes
    ----------
    address
        Of its register; 32 bits wide, a string's as long as `length`.
    value
        At power-up; of an enumeration the number of the entry, of a float its value.
    choices
        Entries of an enumeration.
    selector
        Name of the enumeration that selects among as many registers as it has choices.
    locked
        Cannot be written while the acquisition runs.
    """

    name: str
    kind: Kind
    category: str
    address: int
    value: float | str = 0
    low: float = 0
    high: float = 0xFFFFFFFF
    step: int = 1
    unit: str = ""
    access: str = "RW"
    choices: Mapping[str, int] = field(default_factory=dict)
    selector: str = ""
    locked: bool = False
    length: int = 4
    about: str = ""


DEVICE, FORMAT, ACQUISITION, ANALOG = "DeviceControl", "ImageFormatControl", "AcquisitionControl", "AnalogControl"
ENCODER, DIGITAL, TRANSPORT, CHUNK = "EncoderControl", "DigitalIOControl", "TransportLayerControl", "ChunkDataControl"
_I, _F, _E, _C, _B, _S = Kind.INTEGER, Kind.FLOAT, Kind.ENUMERATION, Kind.COMMAND, Kind.BOOLEAN, Kind.STRING
_LINES = {"Line0": 0, "Line1": 1, "Line2": 2, "Line3": 3}
_CHUNK_NAMES = (
    "FrameID",
    "Timestamp",
    "EncoderValue",
    "LineStatusAll",
    "FrameTriggerCounter",
    "FramesPerTriggerCounter",
    "LineTriggerEndToEndCounter",
)

FEATURES: tuple[Feature, ...] = (
    Feature("DeviceVendorName", _S, DEVICE, 0x0048, access="RO", length=32),
    Feature("DeviceModelName", _S, DEVICE, 0x0068, access="RO", length=32),
    Feature("DeviceVersion", _S, DEVICE, 0x0088, access="RO", length=32),
    Feature("DeviceSerialNumber", _S, DEVICE, 0x00D8, access="RO", length=16),
    Feature("DeviceUserID", _S, DEVICE, 0x00E8, length=16),
    Feature("DeviceScanType", _E, DEVICE, 0xA000, 1, access="RO", choices={"Areascan": 0, "Linescan": 1}),
    Feature("SensorWidth", _I, FORMAT, 0xA100, MAX_WIDTH, unit="px", access="RO"),
    Feature("WidthMax", _I, FORMAT, 0xA104, MAX_WIDTH, unit="px", access="RO"),
    Feature("HeightMax", _I, FORMAT, 0xA108, MAX_HEIGHT, unit="px", access="RO"),
    Feature("Width", _I, FORMAT, 0xA10C, 2_048, 16, MAX_WIDTH, 2, "px", locked=True, about="Pixels a line."),
    Feature("Height", _I, FORMAT, 0xA110, 256, 1, MAX_HEIGHT, 1, "px", locked=True, about="Lines a block."),
    Feature("OffsetX", _I, FORMAT, 0xA114, 0, 0, 0, 1, "px", locked=True),
    Feature(
        "PixelFormat",
        _E,
        FORMAT,
        0xA118,
        PIXEL_FORMATS["Mono8"],
        choices=PIXEL_FORMATS,
        locked=True,
        about="Format of the pixels that the camera sends.",
    ),
    Feature("AcquisitionMode", _E, ACQUISITION, 0xA200, 0, choices={"Continuous": 0}),
    Feature("AcquisitionStart", _C, ACQUISITION, 0xA204, 1),
    Feature("AcquisitionStop", _C, ACQUISITION, 0xA208, 1),
    Feature("AcquisitionLineRate", _F, ACQUISITION, 0xA20C, 10_000, 1, 200_000, unit="Hz", about="Lines per second."),
    Feature("ExposureTime", _F, ACQUISITION, 0xA210, 50, 1, 10_000, unit="us", about="Of each line."),
    Feature("TriggerSelector", _E, ACQUISITION, 0xA220, 0, choices={"FrameStart": 0, "LineStart": 1}),
    Feature(
        "TriggerMode", _E, ACQUISITION, 0xA230, 1, choices={"Off": 0, "On": 1}, selector="TriggerSelector", locked=True
    ),
    Feature(
        "TriggerSource",
        _E,
        ACQUISITION,
        0xA240,
        0,
        choices={**_LINES, "Encoder0": 16},
        selector="TriggerSelector",
        locked=True,
    ),
    Feature(
        "TriggerActivation",
        _E,
        ACQUISITION,
        0xA250,
        3,
        selector="TriggerSelector",
        locked=True,
        choices={"RisingEdge": 0, "FallingEdge": 1, "AnyEdge": 2, "LevelHigh": 3, "LevelLow": 4},
    ),
    Feature("Gain", _F, ANALOG, 0xA300, 0, 0, 24, unit="dB"),
    Feature("BlackLevel", _F, ANALOG, 0xA304, 0, 0, 64, unit="DN"),
    Feature("EncoderSelector", _E, ENCODER, 0xA400, 0, choices={"Encoder0": 0}),
    Feature("EncoderSourceA", _E, ENCODER, 0xA404, 1, choices=_LINES, locked=True),
    Feature("EncoderSourceB", _E, ENCODER, 0xA408, 2, choices=_LINES, locked=True),
    Feature("EncoderMode", _E, ENCODER, 0xA40C, 0, choices={"FourPhase": 0, "HighResolution": 1}, locked=True),
    Feature("EncoderDivider", _I, ENCODER, 0xA410, 1, 1, 1_024, locked=True, about="Encoder counts a line."),
    Feature("EncoderValue", _I, ENCODER, 0xA414, access="RO"),
    Feature("LineSelector", _E, DIGITAL, 0xA500, 0, choices=_LINES),
    Feature("LineStatusAll", _I, DIGITAL, 0xA504, access="RO", about="Bit 0 is the board sensor."),
    Feature("PayloadSize", _I, TRANSPORT, 0xA600, access="RO", unit="B"),
    Feature("TLParamsLocked", _I, TRANSPORT, 0xA604, 0, 0, 1),
    Feature("GevHeartbeatTimeout", _I, TRANSPORT, 0x0938, 3_000, 500, 60_000, unit="ms"),
    Feature("GevSCPSPacketSize", _I, TRANSPORT, 0x0D04, 1_500, 576, 65_500, 4, "B"),
    Feature("GevSCPD", _I, TRANSPORT, 0x0D08, 0, 0, 100_000_000, unit="ns", about="Pause between packets."),
    Feature("ChunkModeActive", _B, CHUNK, 0xA700, 0, locked=True),
    Feature("ChunkSelector", _E, CHUNK, 0xA710, 0, choices={name: n for n, name in enumerate(_CHUNK_NAMES)}),
    Feature("ChunkEnable", _B, CHUNK, 0xA720, 1, access="RO", selector="ChunkSelector", about="They come together."),
)
"""Every feature that stands in a register of the device."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A value that travels with each block.

    Attributes
    ----------
    chunk_id
        Its number on the wire; the value itself has 64 bits.
    """

    name: str
    chunk_id: int
    about: str


_CHUNKS_ABOUT = (
    "Number of the block since the start of acquisition.",
    "Of the first line, ns.",
    "At the first line.",
    "Input lines after the last line; bit 0 is the board sensor.",
    "Boards since the start of acquisition.",
    "Blocks of this board before this one.",
    "Line triggers from the first line to the end of the last.",
)

CHUNKS = tuple(
    Chunk(f"Chunk{name}", number, about)
    for number, (name, about) in enumerate(zip(_CHUNK_NAMES, _CHUNKS_ABOUT, strict=True), 1)
)
"""In the order in which they stand behind the image."""
