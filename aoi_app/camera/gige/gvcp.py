"""GVCP, the control channel: discovery, registers, the privilege to control, and requests for lost packets."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aoi_app.camera.gige.registers import (
    CONTROL_PRIVILEGE,
    DISCOVERY_BYTES,
    PRIMARY_APPLICATION_ADDRESS,
    RegisterError,
    Registers,
)

PORT = 3956
MAGIC, WANTS_ANSWER = 0x42, 0x01
DISCOVERY, RESEND, READ_REGISTER, WRITE_REGISTER, READ_MEMORY, WRITE_MEMORY = 0x02, 0x40, 0x80, 0x82, 0x84, 0x86
NOT_IMPLEMENTED, ACCESS_DENIED, BAD_ALIGNMENT = 0x8001, 0x8006, 0x8005
PENDING, MORE_MS = 0x89, 400
"""An answer that asks for more time, and for how much."""
MAX_MEMORY_BYTES = 536
CONTROL_BITS = 0b11

Client = tuple[str, int]
"""Address and port."""


@dataclass(frozen=True, slots=True)
class ResendRequest:
    """Packets of a block that a client has not got."""

    block_id: int
    first: int
    last: int


class ControlChannel:
    """Answers the datagrams of clients. No socket in here, and no thread.

    Parameters
    ----------
    registers
        What is read and written.
    on_write
        Hears of each register that has been written: (address, client).
    on_resend
        Hears of requests for lost packets.
    clock_s
        Monotonic seconds.
    """

    def __init__(
        self,
        registers: Registers,
        on_write: Callable[[int, Client], None],
        on_resend: Callable[[ResendRequest], None],
        clock_s: Callable[[], float],
    ) -> None:
        self._registers = registers
        self._on_write = on_write
        self._on_resend = on_resend
        self._clock_s = clock_s
        self._heard_s = 0.0
        self._pending_until = 0.0
        self._pending: dict[Client, bytes] = {}
        self.controller: Client | None = None
        self.acquiring = False

    def heartbeat_expired(self) -> bool:
        """Tell whether the controlling client has been silent for too long, and take its privilege if so."""
        if (
            self.controller is None
            or self._clock_s() - self._heard_s < self._registers.get("GevHeartbeatTimeout") / 1e3
        ):
            return False
        self._release()
        return True

    def ask_for_time(self, seconds: float) -> None:
        """Ask for more time instead of answering, again and again for a while; 0 ends it."""
        self._pending_until = self._clock_s() + seconds

    def pending(self) -> Sequence[tuple[Client, bytes]]:
        """Return the requests for more time that are due once more, each before what was asked for has run out."""
        if self._clock_s() >= self._pending_until:
            self._pending.clear()
        if self.controller in self._pending:
            # A client that was asked to wait does, and says nothing.
            self._heard_s = self._clock_s()
        return tuple(self._pending.items())

    def answer(self, datagram: bytes, client: Client) -> bytes | None:
        """Return the answer to a datagram; None when it asks for none, or is not GVCP."""
        if len(datagram) < 8 or datagram[0] != MAGIC:
            return None
        flags, command, length, request = struct.unpack_from(">BHHH", datagram, 1)
        body = datagram[8 : 8 + length]
        if client == self.controller:
            self._heard_s = self._clock_s()
        if command == RESEND:
            # Clients ask from their stream socket as well: the address must be the controller's, the port need not.
            if self.controller is not None and client[0] == self.controller[0] and len(body) >= 12:
                _, block_id, first, last = struct.unpack_from(">HHII", body)
                self._on_resend(ResendRequest(block_id, first & 0xFFFFFF, last & 0xFFFFFF))
            return None
        if command != DISCOVERY and flags & WANTS_ANSWER and self._clock_s() < self._pending_until:
            self._pending[client] = struct.pack(">HHHHHH", 0, PENDING, 4, request, 0, MORE_MS)
            return self._pending[client]
        handler = _HANDLERS.get(command)
        status, content = NOT_IMPLEMENTED, b""
        if handler is not None:
            try:
                status, content = 0, handler(self, body, client)
            except RegisterError as error:
                status = error.status
            except struct.error:
                status = BAD_ALIGNMENT
        if not flags & WANTS_ANSWER:
            return None
        return struct.pack(">HHHH", status, command + 1, len(content), request) + content

    def _discovery(self, body: bytes, client: Client) -> bytes:
        return self._registers.read(0, DISCOVERY_BYTES)

    def _read_register(self, body: bytes, client: Client) -> bytes:
        return b"".join(self._registers.read(address, 4) for (address,) in struct.iter_unpack(">I", body))

    def _read_memory(self, body: bytes, client: Client) -> bytes:
        address, _, count = struct.unpack(">IHH", body)
        if count > MAX_MEMORY_BYTES:
            raise RegisterError(BAD_ALIGNMENT)
        return body[:4] + self._registers.read(address, count)

    def _write_register(self, body: bytes, client: Client) -> bytes:
        written = 0
        for address, data in struct.iter_unpack(">I4s", body):
            self._write(address, data, client)
            written += 1
        return struct.pack(">HH", 0, written)

    def _write_memory(self, body: bytes, client: Client) -> bytes:
        self._write(struct.unpack_from(">I", body)[0], body[4:], client)
        return struct.pack(">HH", 0, len(body) - 4)

    def _write(self, address: int, data: bytes, client: Client) -> None:
        if address == CONTROL_PRIVILEGE:
            self._privilege(int.from_bytes(data, "big"), client)
        elif client != self.controller:
            raise RegisterError(ACCESS_DENIED)
        else:
            self._registers.write(address, data, self.acquiring)
        self._on_write(address, client)

    def _privilege(self, value: int, client: Client) -> None:
        if self.controller not in (None, client):
            raise RegisterError(ACCESS_DENIED)
        if value & CONTROL_BITS:
            self.controller, self._heard_s = client, self._clock_s()
            self._registers.put(CONTROL_PRIVILEGE, value)
            self._registers.put(PRIMARY_APPLICATION_ADDRESS, int.from_bytes(socket.inet_aton(client[0]), "big"))
        else:
            self._release()

    def _release(self) -> None:
        self.controller = None
        self._registers.put(CONTROL_PRIVILEGE, 0)
        self._registers.put(PRIMARY_APPLICATION_ADDRESS, 0)


_HANDLERS = {
    DISCOVERY: ControlChannel._discovery,
    READ_REGISTER: ControlChannel._read_register,
    READ_MEMORY: ControlChannel._read_memory,
    WRITE_REGISTER: ControlChannel._write_register,
    WRITE_MEMORY: ControlChannel._write_memory,
}
