"""Build engines into a store: python -m tests.gpu.build_plans STORE NAME:PRECISION... (a yardstick, or a file)."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.tensorrt.hardware import query_gpu
from aoi_app.inference.runtimes.tensorrt.library import open_library
from aoi_app.inference.runtimes.tensorrt.loader import DEFAULTS, prepare
from aoi_app.inference.yardstick import SHAPES, write_yardstick


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("wanted", nargs="+")
    parser.add_argument("--images", default="", help="folder that INT8 is calibrated on")
    parser.add_argument("--level", type=int, default=3, help="builder optimisation level, 0 to 5")
    given = parser.parse_args()
    library, gpu = open_library("tensorrt"), query_gpu()
    for item in given.wanted:
        name, _, precision = item.rpartition(":")
        path = write_yardstick(given.store / f"{name}.onnx", name) if name in SHAPES else Path(name)
        started = time.monotonic()
        options = {
            **DEFAULTS,
            "store": str(given.store),
            "calibration": given.images,
            "optimisation_level": given.level,
        }
        prepared = prepare(library, gpu, read_model(path), precision, options, lambda share, text: None)
        print(f"{prepared.path.name}: {len(prepared.plan):,} bytes, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
