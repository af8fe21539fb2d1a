"""Memory that the host and the kernels share, field by field; kernels/preprocess.cu and select.cu hold the twins."""

from __future__ import annotations

import numpy as np

MAX_BATCH = 64
MAX_KEPT = 300
"""Detections of a tile that come back: the limit of the shared heads."""
MAX_COMPARED = 1000
"""Best candidates of a tile that go into suppression: the limit of the shared heads."""
NO_SUPPRESSION = 2.0
"""No two boxes overlap by more than one."""

BATCH = np.dtype(
    [
        ("board", np.uint64),
        ("golden", np.uint64),
        ("width", np.int32),
        ("samples", np.int32),
        ("ring", np.int32),
        ("lines", np.int32),
        ("golden_lines", np.int32),
        ("golden_samples", np.int32),
        ("tiles", np.int32),
        ("threshold", np.float32),
        ("iou", np.float32),
        ("golden_ring", np.int32),
        ("corners", np.int32, (MAX_BATCH, 2)),
    ]
)
"""What one launch works on."""

RESULT = np.dtype(
    [
        ("count", np.int32),
        ("candidates", np.int32),
        ("spoiled", np.int32),
        ("reserved", np.int32),
        ("boxes", np.float32, (MAX_KEPT, 4)),
        ("scores", np.float32, MAX_KEPT),
        ("classes", np.int32, MAX_KEPT),
    ]
)
"""What comes back of one tile, best first: `Detections` in pixels of the board, ready to be copied."""
