"""How many lines a server carries: arithmetic over figures that were measured elsewhere.

A line is a camera that delivers boards of a size at a line rate, with a gap in between. The server is limited by its
GPUs (tiles a second) and by what lies between station and GPU (bytes a tile, both ways).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aoi_app.inference.layout import cells
from aoi_app.inference.model import Model
from aoi_app.inference.tiling import TilePlan

ETHERNET = 0.94
"""Share of an Ethernet link that carries TCP's payload in frames of 1,500 bytes: 1,448 of 1,538."""
LINKS: dict[str, float] = {
    "1 GbE": 1e9 / 8 * ETHERNET,
    "10 GbE": 10e9 / 8 * ETHERNET,
    "25 GbE": 25e9 / 8 * ETHERNET,
    "100 GbE": 100e9 / 8 * ETHERNET,
    "PCIe": 55.2e9,
}
"""Bytes a second each way; PCIe as measured from pinned memory to an H200 (docs/tensorrt.md)."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a camera delivers.

    Attributes
    ----------
    width, lines
        Of a board, pixels (Mono8: bytes).
    line_rate
        Lines a second while a board passes.
    gap
        Share of the time in which no board passes.
    """

    width: int = 16_384
    lines: int = 16_384
    line_rate: float = 10_000.0
    gap: float = 0.0

    @property
    def boards_per_second(self) -> float:
        """Boards a second."""
        return self.line_rate * (1 - self.gap) / self.lines

    @property
    def bytes_per_second(self) -> float:
        """What leaves the camera on average."""
        return self.boards_per_second * self.width * self.lines

    def tiles_per_board(self, model: Model, overlap: int) -> int:
        """Return the tiles of a board, the extra row at its end included."""
        return len(TilePlan(self.width, *model.size, overlap).tiles(self.lines))


@dataclass(frozen=True, slots=True)
class Way:
    """How tiles come to the server and their findings back.

    Attributes
    ----------
    up, down
        Bytes a tile.
    there
        Whether the station does it so today.
    """

    name: str
    up: float
    down: float
    there: bool = False


DETECTIONS_BYTES = 300 * 6 * 4
"""Findings of a tile that is decoded on the server, at most: box, score and class of each."""


def ways(model: Model, line: Line, overlap: int) -> tuple[Way, ...]:
    """Return the ways for a model, from what the station does to what sends the least."""
    height, width = model.size
    planes = model.card.input.channels.planes
    head = output_bytes(model)
    plain = float(height * width)
    tiles = line.tiles_per_board(model, overlap)
    return (
        Way("tiles as the network takes them, raw head back", planes * plain * model.dtype.itemsize, head, there=True),
        Way("uint8 tiles, raw head back", planes * plain, head),
        Way("uint8 tiles, boxes back", planes * plain, DETECTIONS_BYTES),
        Way("uint8 tiles, golden board on the server, boxes back", plain, DETECTIONS_BYTES),
        Way("each line once, tiles cut on the server, boxes back", line.width * line.lines / tiles, DETECTIONS_BYTES),
    )


def output_bytes(model: Model) -> float:
    """Return the bytes of a tile's raw outputs (float32)."""
    head = model.head
    anchors = cells(model.size, head.strides) if head.strides else cells(model.size, (8, 16, 32))
    channels = head.classes + (4 * head.reg_max if head.reg_max else 4)
    return float(anchors * channels * np.dtype(np.float32).itemsize)


@dataclass(frozen=True, slots=True)
class Carried:
    """How many lines one server carries.

    Attributes
    ----------
    limit
        "GPU", or what lies before it.
    """

    way: Way
    link: str
    lines: int
    limit: str


def carried(
    model: Model, line: Line, *, overlap: int, tiles_per_second: float, gpus: int, load: float
) -> tuple[Carried, ...]:
    """Return how many lines a server carries, for every way and link.

    Parameters
    ----------
    tiles_per_second
        Of one GPU, all included.
    load
        Share of what GPU and link can do that is planned with: the rest keeps waiting times short.
    """
    needed = line.tiles_per_board(model, overlap) * line.boards_per_second
    by_gpu = math.floor(gpus * tiles_per_second * load / needed)
    found = []
    for way in ways(model, line, overlap):
        for link, room in LINKS.items():
            by_link = math.floor(room * load / (needed * max(way.up, way.down)))
            if link == "PCIe":
                by_link *= gpus  # each has its own; this is a server's inside, or one station with its own GPU
            limit = "GPU" if by_gpu <= by_link else link
            found.append(Carried(way, link, min(by_gpu, by_link), limit))
    return tuple(found)
