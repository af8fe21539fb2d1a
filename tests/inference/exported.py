"""What the usual exporters write beside a network."""

from __future__ import annotations

from typing import Any

import numpy as np

COCO = {i: f"class {i}" for i in range(80)}
V8 = {
    "description": "A model trained on data.yaml",
    "author": "somebody",
    "version": "8.3.0",
    "stride": "32",
    "task": "detect",
    "batch": "1",
    "imgsz": "[640, 640]",
    "names": str(COCO),
    "args": "{'batch': 1, 'half': False, 'dynamic': False, 'simplify': True, 'opset': None, 'nms': False}",
    "channels": "3",
}
V5 = {"stride": "32", "names": str(COCO)}


def zeros(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.zeros(shape, np.float32)
