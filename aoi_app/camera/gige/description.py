"""The device's GenICam description (XML), made from its table of features."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from aoi_app.camera.gige.features import CHUNKS, FEATURES, Chunk, Feature, Kind

SCHEMA = "http://www.genicam.org/GenApi/Version_1_1"
NAMES = ' ModelName="LineScanSimulator" VendorName="AOI" ToolTip="Simulated line-scan camera" StandardNameSpace="GEV"'
IDENTITY = (
    ' SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" MajorVersion="1" MinorVersion="0"'
    ' SubMinorVersion="0" ProductGuid="5D9E64B4-2A70-4E6C-9A7E-0B4F3C2D1E01"'
    ' VersionGuid="5D9E64B4-2A70-4E6C-9A7E-0B4F3C2D1E02"'
)


def description() -> str:
    """Return the description as XML text; the elements stand in the order that the GenApi schema asks for."""
    parts = ['<?xml version="1.0" encoding="utf-8"?>', f'<RegisterDescription{NAMES}{IDENTITY} xmlns="{SCHEMA}">']
    categories = list(dict.fromkeys(f.category for f in FEATURES))
    parts.append(_element("Category", "Root", *(f"<pFeature>{c}</pFeature>" for c in categories), space="Standard"))
    for category in categories:
        members = [f.name for f in FEATURES if f.category == category]
        if category == "ChunkDataControl":
            members += [c.name for c in CHUNKS]
        parts.append(_element("Category", category, *(f"<pFeature>{m}</pFeature>" for m in members), space="Standard"))
    for feature in FEATURES:
        parts += _WRITERS[feature.kind](feature)
    for chunk in CHUNKS:
        parts += _chunk(chunk)
    parts.append(_element("Port", "Device"))
    parts.append("</RegisterDescription>")
    return "\n".join(parts) + "\n"


def _element(tag: str, name: str, *children: str, space: str = "") -> str:
    namespace = f' NameSpace="{space}"' if space else ""
    return f"<{tag} Name={quoteattr(name)}{namespace}>{''.join(children)}</{tag}>"


def _head(feature: Feature) -> list[str]:
    head = [f"<ToolTip>{escape(feature.about)}</ToolTip>"] if feature.about else []
    head.append("<Visibility>Beginner</Visibility>")
    if feature.locked:
        head.append("<pIsLocked>TLParamsLocked</pIsLocked>")
    if feature.access == "RO":
        head.append("<ImposedAccessMode>RO</ImposedAccessMode>")
    return head


def _register(feature: Feature, tag: str = "IntReg") -> str:
    number = {"IntReg": "<Sign>Unsigned</Sign><Endianess>BigEndian</Endianess>",
              "FloatReg": "<Endianess>BigEndian</Endianess>"}[tag]  # fmt: skip
    index = f'<pIndex Offset="4">{feature.selector}Reg</pIndex>' if feature.selector else ""
    return _element(
        tag,
        feature.name + "Reg",
        f"<Address>0x{feature.address:X}</Address>{index}<Length>4</Length><AccessMode>{feature.access}</AccessMode>"
        f"<pPort>Device</pPort><Cachable>NoCache</Cachable>{number}",
    )


def _limits(feature: Feature) -> str:
    return f"<Min>{feature.low:.15g}</Min><Max>{feature.high:.15g}</Max>"


def _integer(feature: Feature) -> list[str]:
    unit = f"<Unit>{feature.unit}</Unit>" if feature.unit else ""
    value = f"<pValue>{feature.name}Reg</pValue>{_limits(feature)}<Inc>{feature.step}</Inc>"
    return [_element("Integer", feature.name, *_head(feature), value + unit, space="Standard"), _register(feature)]


def _float(feature: Feature) -> list[str]:
    value = f"<pValue>{feature.name}Reg</pValue>{_limits(feature)}<Unit>{feature.unit}</Unit>"
    return [
        _element("Float", feature.name, *_head(feature), value, space="Standard"),
        _register(feature, "FloatReg"),
    ]


def _enumeration(feature: Feature) -> list[str]:
    entries = [_element("EnumEntry", n, f"<Value>{v}</Value>", space="Standard") for n, v in feature.choices.items()]
    value = f"<pValue>{feature.name}Reg</pValue>"
    selects = [f"<pSelected>{f.name}</pSelected>" for f in FEATURES if f.selector == feature.name]
    return [
        _element("Enumeration", feature.name, *_head(feature), *entries, value, *selects, space="Standard"),
        _register(feature),
    ]


def _command(feature: Feature) -> list[str]:
    value = f"<pValue>{feature.name}Reg</pValue><CommandValue>{int(feature.value)}</CommandValue>"
    return [_element("Command", feature.name, *_head(feature), value, space="Standard"), _register(feature)]


def _boolean(feature: Feature) -> list[str]:
    value = f"<pValue>{feature.name}Reg</pValue><OnValue>1</OnValue><OffValue>0</OffValue>"
    return [_element("Boolean", feature.name, *_head(feature), value, space="Standard"), _register(feature)]


def _string(feature: Feature) -> list[str]:
    head = [part for part in _head(feature) if "ImposedAccessMode" not in part]
    place = (
        f"<Address>0x{feature.address:X}</Address><Length>{feature.length}</Length>"
        f"<AccessMode>{feature.access}</AccessMode><pPort>Device</pPort>"
    )
    return [_element("StringReg", feature.name, *head, place, space="Standard")]


def _chunk(chunk: Chunk) -> list[str]:
    port, register = f"{chunk.name}Port", f"{chunk.name}Reg"
    place = (
        f"<Address>0</Address><Length>8</Length><AccessMode>RO</AccessMode><pPort>{port}</pPort>"
        "<Cachable>NoCache</Cachable><Sign>Signed</Sign><Endianess>BigEndian</Endianess>"
    )
    about = f"<ToolTip>{escape(chunk.about)}</ToolTip>"
    return [
        _element("Integer", chunk.name, about, f"<pValue>{register}</pValue>", space="Standard"),
        _element("IntReg", register, place),
        _element("Port", port, f"<ChunkID>{chunk.chunk_id:X}</ChunkID>"),
    ]


_WRITERS = {
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.ENUMERATION: _enumeration,
    Kind.COMMAND: _command,
    Kind.BOOLEAN: _boolean,
    Kind.STRING: _string,
}
