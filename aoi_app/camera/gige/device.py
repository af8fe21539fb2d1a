"""The device: two sockets, two threads, and a simulated line behind them."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from aoi_app.camera.fault_plan import FaultPlan
from aoi_app.camera.gige.block_encoder import BlockEncoder
from aoi_app.camera.gige.features import FEATURES, PIXEL_FORMATS
from aoi_app.camera.gige.gvcp import PORT, Client, ControlChannel, ResendRequest
from aoi_app.camera.gige.gvsp import HEADER_BYTES, IP_UDP_BYTES, StreamBlock, unavailable
from aoi_app.camera.gige.link_faults import LinkFaults
from aoi_app.camera.gige.registers import (
    NANOSECOND_TICKS,
    STREAM_ADDRESS,
    STREAM_PACKET_SIZE,
    STREAM_PORT,
    Identity,
    Registers,
)
from aoi_app.camera.simulated import BoardSource, SimulatedCamera
from aoi_app.core.errors import AoiError, CameraBusy, CameraError, CameraLost
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import LineBlock, PixelFormat

HELD_BLOCKS, HELD_BYTES = 64, 256 << 20
"""Blocks that are kept for requests to send packets again, and how much of large ones."""

SEND_BUFFER_BYTES = 4 << 20
POLL_S = 0.1
SHORTEST_SLEEP_S = 0.0005
FIRE_TEST_PACKET = 1 << 31
_ADDRESS = {f.name: f.address for f in FEATURES}


class GigeDevice:
    """A GigE Vision line-scan camera that runs on this machine.

    Parameters
    ----------
    source
        Where its boards come from.
    address
        IPv4 address to answer at; any of 127.0.0.0/8 on this machine alone.
    identity
        Who it says it is.
    gap_lines, board_faults
        See `SimulatedCamera`.
    link
        What the network does to it.
    can_resend
        Whether it sends lost packets again.

    Attributes
    ----------
    registers
        What clients have set.
    """

    def __init__(
        self,
        source: BoardSource,
        address: str = "127.0.0.1",
        *,
        identity: Identity | None = None,
        gap_lines: int = 400,
        board_faults: FaultPlan | None = None,
        link: LinkFaults | None = None,
        can_resend: bool = True,
    ) -> None:
        self.address = address
        self.link = link or LinkFaults()
        self.resent_packets = 0
        self.sent_blocks = 0
        self.registers = Registers(identity or Identity(), socket.inet_aton(address), can_resend)
        self._control = ControlChannel(self.registers, self._on_write, self._on_resend, time.monotonic)
        self._line = SimulatedCamera(
            source, gap_lines=gap_lines, faults=board_faults, on_pending=self._control.ask_for_time
        )
        self._held: OrderedDict[int, StreamBlock] = OrderedDict()
        self._held_bytes = 0
        self._sockets: list[socket.socket] = []
        self._stream: socket.socket | None = None
        self._destination: Client | None = None
        self._ended = threading.Event()
        self._acquire = threading.Event()
        self._started = 0
        self._threads: list[threading.Thread] = []
        self.failure: AoiError | None = None

    def start(self) -> None:
        """Begin to answer. Raises CameraBusy when another device has the address, CameraError without a board."""
        self._line.open()
        try:
            applied = self._line.configure(AcquisitionConfig())
            for name in ("SensorWidth", "WidthMax", "Width"):
                self.registers.set(name, applied.width or 0)
            self._bind()
        except (AoiError, OSError):
            self.stop()
            raise
        self._threads = [
            threading.Thread(target=self._run_control, name="aoi-gige-control", daemon=True),
            threading.Thread(target=self._run_stream, name="aoi-gige-stream", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Fall silent at once, as when its power is cut. May be called twice."""
        self._ended.set()
        self._acquire.clear()
        self._line.stop_acquisition()
        for thread in self._threads:
            thread.join(10.0)
        self._threads = []
        for each in (*self._sockets, *([self._stream] if self._stream else [])):
            each.close()
        self._sockets, self._stream = [], None
        self._line.close()

    def _bind(self) -> None:
        control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.append(control)
        try:
            control.bind((self.address, PORT))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CameraBusy(
                    f"Another GigE Vision device answers at {self.address}, port {PORT}.",
                    "Stop it, or choose another address such as 127.0.0.2.",
                ) from error
            raise CameraError(
                f"No device can answer at {self.address}: {error.strerror}.", "Choose an address of this machine."
            ) from error
        # Clients look for devices by broadcast. Not every system lets a socket listen to that; a client that is
        # told the address finds the device all the same.
        broadcast = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        broadcast.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            broadcast.bind(("255.255.255.255", PORT))
            self._sockets.append(broadcast)
        except OSError:
            broadcast.close()
        self._stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._stream.bind((self.address, 0))

    def _run_control(self) -> None:
        while not self._ended.is_set():
            readable, _, _ = select.select(self._sockets, [], [], POLL_S)
            for each in readable:
                with contextlib.suppress(OSError):
                    datagram, client = each.recvfrom(2_048)
                    if self.link.is_frozen:
                        continue
                    answer = self._control.answer(datagram, client)
                    if answer is not None:
                        self._sockets[0].sendto(answer, client)
            for client, request in self._control.pending():
                with contextlib.suppress(OSError):
                    self._sockets[0].sendto(request, client)
            if self._control.heartbeat_expired():
                self._halt()

    def _on_write(self, address: int, client: Client) -> None:
        if self._control.controller is None:
            self._halt()
        elif address == _ADDRESS["AcquisitionStart"]:
            if self._acquire.is_set():
                # A client that heard no answer in time asks once more.
                return
            host = socket.inet_ntoa(self.registers.number(STREAM_ADDRESS).to_bytes(4, "big"))
            self._destination = (host, self.registers.number(STREAM_PORT) & 0xFFFF)
            self._control.acquiring = True
            self._started += 1
            self._acquire.set()
        elif address == _ADDRESS["AcquisitionStop"]:
            self._halt()
        elif address == STREAM_PACKET_SIZE:
            self._test_packet()

    def _halt(self) -> None:
        self._acquire.clear()
        self._control.acquiring = False
        self._line.stop_acquisition()

    def _test_packet(self) -> None:
        size = self.registers.number(STREAM_PACKET_SIZE)
        if not size & FIRE_TEST_PACKET:
            return
        self.registers.put(STREAM_PACKET_SIZE, size & ~FIRE_TEST_PACKET)
        host = socket.inet_ntoa(self.registers.number(STREAM_ADDRESS).to_bytes(4, "big"))
        self._send([bytes(max(HEADER_BYTES, (size & 0xFFFF) - IP_UDP_BYTES))],
                   (host, self.registers.number(STREAM_PORT) & 0xFFFF))  # fmt: skip

    def _run_stream(self) -> None:
        while not self._ended.is_set():
            if not self._acquire.wait(POLL_S):
                continue
            try:
                self._acquisition()
            except CameraLost:
                # The simulated line's own fault "vanish": to the client the device is dead for a while.
                self._halt()
                self._vanish()
            except AoiError as error:
                self.failure = error
                self._halt()

    def _vanish(self) -> None:
        left = self._line.gone_for_s
        self.link.freeze(left)
        self._ended.wait(left)
        if not self._ended.is_set():
            self._line.open()

    def _acquisition(self) -> None:
        # A client may stop and start while a block is on its way out: then this acquisition has ended all the same.
        number, destination = self._started, self._destination
        rgb = int(self.registers.get("PixelFormat")) == PIXEL_FORMATS["RGB8"]
        self._line.configure(
            AcquisitionConfig(
                height=int(self.registers.get("Height")),
                acquisition_line_rate=self.registers.get("AcquisitionLineRate"),
                pixel_format=PixelFormat.RGB8 if rgb else PixelFormat.MONO8,
            )
        )
        encoder = BlockEncoder(self.registers)
        self._held.clear()
        self._held_bytes = 0
        self._line.start_acquisition()
        while self._acquire.is_set() and self._started == number and not self._ended.is_set():
            block = self._line.fetch(POLL_S)
            if block is not None:
                self._deliver(encoder, block, destination)

    def _deliver(self, encoder: BlockEncoder, block: LineBlock, destination: Client | None) -> None:
        self.registers.put(_ADDRESS["EncoderValue"], block.encoder_end or 0)
        self.registers.put(_ADDRESS["LineStatusAll"], 0 if block.ends_board else 1)
        encoded = encoder.encode(block)
        self._held[encoded.block_id] = encoded
        self._held_bytes += len(encoded.body)
        while len(self._held) > HELD_BLOCKS or (self._held_bytes > HELD_BYTES and len(self._held) > 1):
            self._held_bytes -= len(self._held.popitem(last=False)[1].body)
        self.sent_blocks += 1
        if block.is_incomplete:
            return
        pause_s = self.registers.get("GevSCPD") / NANOSECOND_TICKS
        due = time.monotonic()
        for packet in encoded.packets():
            if not self.link.loses():
                self._send(packet, destination)
            due += pause_s
            early = due - time.monotonic()
            if pause_s and early > SHORTEST_SLEEP_S:
                time.sleep(early)

    def _on_resend(self, request: ResendRequest) -> None:
        block = self._held.get(request.block_id)
        for number in range(request.first, min(request.last, request.first + 4_096) + 1):
            if block is None:
                self._send([unavailable(request.block_id, number)], self._destination)
                return
            if number > block.last_packet:
                return
            self.resent_packets += 1
            if not self.link.loses():
                self._send(block.packet(number), self._destination)

    def _send(self, parts: Sequence[bytes | memoryview], to: Client | None) -> None:
        if self._stream is None or to is None or not to[1]:
            return
        # A client that has closed its port makes the next send fail: that is its own business.
        with contextlib.suppress(OSError):
            self._stream.sendto(b"".join(parts), to)
