"""The device's control channel and its description, without sockets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.camera.gige.description import description
from aoi_app.camera.gige.features import CHUNKS, FEATURES
from aoi_app.camera.gige.gvcp import MORE_MS, ControlChannel, ResendRequest
from aoi_app.camera.gige.registers import (
    CONTROL_PRIVILEGE,
    DESCRIPTION_ADDRESS,
    FIRST_URL,
    STREAM_PACKET_SIZE,
    Identity,
    Registers,
)

ONE, TWO = ("10.0.0.1", 5000), ("10.0.0.2", 5000)


class Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.written: list[int] = []
        self.resends: list[ResendRequest] = []
        self.registers = Registers(Identity(), bytes(4), True)
        self.channel = ControlChannel(
            self.registers, lambda address, client: self.written.append(address), self.resends.append, lambda: self.now
        )

    def ask(self, command: int, body: bytes, client: tuple[str, int] = ONE) -> tuple[int, bytes]:
        answer = self.channel.answer(struct.pack(">BBHHH", 0x42, 1, command, len(body), 7) + body, client)
        assert answer is not None
        status, code, length, request = struct.unpack_from(">HHHH", answer)
        assert (code, length, request) == (command + 1, len(answer) - 8, 7)
        return status, answer[8:]

    def write(self, address: int, value: int, client: tuple[str, int] = ONE) -> int:
        return self.ask(0x82, struct.pack(">II", address, value), client)[0]


def test_the_reference_parser_takes_the_description() -> None:
    genapi = pytest.importorskip("genicam.genapi", reason="pip install genicam")
    nodes = genapi.NodeMap()
    nodes.load_xml_from_string(description())
    names = [*(f.name for f in FEATURES), *(c.name for c in CHUNKS)]
    missing = [name for name in names if not nodes.has_node(name)]
    assert not missing


def test_the_description_is_read_through_its_url() -> None:
    bench = Bench()
    status, url = bench.ask(0x84, struct.pack(">IHH", FIRST_URL, 0, 512))
    name, address, length = url[4:].split(b"\0")[0].decode().removeprefix("Local:").split(";")
    assert (status, name, int(address, 16)) == (0, "linescan.xml", DESCRIPTION_ADDRESS)
    text = b""
    while len(text) < int(length, 16):
        text += bench.ask(0x84, struct.pack(">IHH", DESCRIPTION_ADDRESS + len(text), 0, 512))[1][4:]
    assert text[: int(length, 16)].decode() == description()


def test_only_the_controller_writes_and_only_one_controls() -> None:
    bench = Bench()
    width = next(f.address for f in FEATURES if f.name == "Width")
    assert bench.write(width, 512) == 0x8006
    assert bench.write(CONTROL_PRIVILEGE, 2) == 0
    assert bench.write(CONTROL_PRIVILEGE, 2, TWO) == 0x8006
    assert bench.write(width, 512, TWO) == 0x8006
    assert bench.write(width, 512) == 0 and bench.registers.get("Width") == 512
    assert bench.write(CONTROL_PRIVILEGE, 0) == 0 and bench.write(CONTROL_PRIVILEGE, 2, TWO) == 0


def test_a_silent_controller_loses_its_privilege() -> None:
    bench = Bench()
    bench.write(CONTROL_PRIVILEGE, 2)
    bench.now = 2.9
    bench.ask(0x80, struct.pack(">I", 0))
    bench.now = 5.8
    assert not bench.channel.heartbeat_expired()
    bench.now = 5.9
    assert bench.channel.heartbeat_expired()
    assert bench.write(CONTROL_PRIVILEGE, 2, TWO) == 0


def test_a_pending_device_asks_for_time_again_and_again_and_keeps_its_controller() -> None:
    bench = Bench()
    bench.write(CONTROL_PRIVILEGE, 2)
    read = struct.pack(">BBHHHI", 0x42, 1, 0x80, 4, 9, CONTROL_PRIVILEGE)
    bench.channel.ask_for_time(10.0)
    asks = bench.channel.answer(read, ONE)
    assert asks is not None and struct.unpack(">HHHHHH", asks) == (0, 0x89, 4, 9, 0, MORE_MS)
    for bench.now in (2.0, 4.0, 9.9):
        assert bench.channel.pending() == ((ONE, asks),)
        assert not bench.channel.heartbeat_expired()
    status, _ = bench.ask(0x02, b"")
    assert status == 0
    bench.now = 10.0
    assert bench.channel.pending() == ()
    assert bench.ask(0x80, struct.pack(">I", CONTROL_PRIVILEGE)) == (0, struct.pack(">I", 2))


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("Width", 17, 0x8002), ("Width", 20_000, 0x8002), ("Height", 0, 0x8002), ("PixelFormat", 5, 0x8002),
     ("SensorWidth", 64, 0x8004), ("Height", 8, 0)],
)  # fmt: skip
def test_values_are_checked(name: str, value: int, status: int) -> None:
    bench = Bench()
    bench.write(CONTROL_PRIVILEGE, 2)
    assert bench.write(next(f.address for f in FEATURES if f.name == name), value) == status


@pytest.mark.parametrize(
    ("size", "status"),
    [(0, 0x8002), (36, 0x8002), (1_501, 0x8002), (65_535, 0x8002), (576, 0), (0xC000_0000 + 9_000, 0)],
)
def test_packets_too_small_for_a_stream_are_refused(size: int, status: int) -> None:
    bench = Bench()
    bench.write(CONTROL_PRIVILEGE, 2)
    assert bench.write(STREAM_PACKET_SIZE, size) == status
    assert bench.ask(0x86, struct.pack(">I", STREAM_PACKET_SIZE) + bytes(500))[0] == 0x8002
    assert bench.registers.get("GevSCPSPacketSize") == (1_500 if status else size)


def test_what_shapes_the_payload_is_locked_while_it_acquires() -> None:
    bench = Bench()
    bench.write(CONTROL_PRIVILEGE, 2)
    bench.channel.acquiring = True
    assert bench.write(next(f.address for f in FEATURES if f.name == "Width"), 512) == 0x8004
    assert bench.registers.get("PayloadSize") == bench.registers.get("Width") * bench.registers.get("Height")


@given(st.binary(max_size=80), st.sampled_from([0x02, 0x04, 0x40, 0x80, 0x82, 0x84, 0x86, 0x99]))
def test_no_datagram_brings_it_down(body: bytes, command: int) -> None:
    bench = Bench()
    bench.write(CONTROL_PRIVILEGE, 2)
    for datagram in (body, struct.pack(">BBHHH", 0x42, 1, command, len(body), 1) + body):
        answer = bench.channel.answer(datagram, ONE)
        assert answer is None or len(answer) >= 8
