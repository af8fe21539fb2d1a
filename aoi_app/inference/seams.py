"""What a tile shares with its neighbours, and where its edges cut what it sees."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

EDGE_PX = 4.0
"""A box that ends this close to an inner edge of its tile may be cut by it."""
_NOWHERE = -np.inf
"""A side that lies beyond everything."""


Seams = NDArray[np.float32]
"""(12, n) float32, of n columns or rows of tiles; sides along the other axis are nowhere. The greater of a column's and
a row's is a tile's: 0 to 3 what lies within is seen by no other tile, and not cut; 4 to 7 its inner edges, for those of
the board cut nothing; 8 to 11 the tile."""


@lru_cache(maxsize=128)
def seams(starts: tuple[int, ...], size: int, end: float, axis: int) -> Seams:
    """Return the seams between columns of tiles (`axis` 0), or between rows (1); kept from board to board.

    Parameters
    ----------
    starts
        First pixel of each, rising.
    size
        Of a tile, pixels.
    end
        Of the board, pixels: a tile may reach beyond it. Infinite while the board still grows.
    """
    found = np.full((12, len(starts)), _NOWHERE, np.float32)
    own, edges, tile = found[:4], found[4:8], found[8:]
    near, far = axis, axis + 2
    tile[near] = starts
    tile[far] = -(tile[near] + np.float32(size))
    edges[near] = np.where(tile[near] > 0, tile[near], _NOWHERE)
    edges[far] = np.where(tile[far] > -end, tile[far], _NOWHERE)
    np.add(edges, np.float32(EDGE_PX), out=own)
    np.maximum(own[near, 1:], -tile[far, :-1], out=own[near, 1:])
    np.maximum(own[far, :-1], -tile[near, 1:], out=own[far, :-1])
    found.flags.writeable = False
    return found


def of_tiles(tiles: NDArray[np.int32], across: Seams, down: Seams) -> Seams:
    """Return the (12, n) seams of n tiles by their numbers, row by row."""
    row, column = np.divmod(tiles, across.shape[1])
    return np.maximum(across.take(column, axis=1), down.take(row, axis=1))
