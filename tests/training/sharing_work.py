"""What the tests of sharing have other processes do; imports little, as each of them imports it anew."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from aoi_app.training.sharing import Shared


def look(shared: Shared, end: Connection) -> None:
    """Look at all images, then tell of them, and write on them at last."""
    seen = shared.images.tobytes() if shared.images.nbytes < 1 << 20 else b""
    total = int(shared.images.sum())
    end.send("looked")
    end.recv()
    sizes = _mapping(shared.images.ctypes.data) if shared.images.nbytes else {}
    end.send({"images": shared.images.copy() if seen else shared.images[:0], "total": total, **sizes})
    shared.images[...] = 0
    end.recv()


def _mapping(address: int) -> dict[str, int]:
    """Return resident bytes, and the process's share of them, of the mapping that an address lies in."""
    file, sizes, inside = Path("/proc/self/smaps"), {}, False
    for line in file.read_text().splitlines() if file.exists() else ():
        name, _, rest = line.partition(" ")
        if "-" in name and not name.endswith(":"):
            first, last = (int(part, 16) for part in name.split("-"))
            inside = first <= address < last
        elif inside and name in ("Rss:", "Pss:"):
            sizes[name[:-1].lower()] = int(rest.split()[0]) * 1024
    return sizes
