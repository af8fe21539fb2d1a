"""Which layout of an INT8 network this TensorRT builds: python -m tests.gpu.int8_layouts FILE [--images I].

TensorRT 8.6.0 takes the first, which the station gives it, and none of the next three. Each layout is built in a
process of its own, at the lowest optimisation level and within a time limit: whether the optimiser takes it shows in
seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import onnx

from aoi_app.inference.model import read_model
from aoi_app.inference.onnx_file import load_proto
from aoi_app.inference.precision import in_precision
from aoi_app.inference.runtimes.tensorrt import builder
from aoi_app.inference.runtimes.tensorrt.builder import BuildRequest, Profile, build_plan
from aoi_app.inference.runtimes.tensorrt.library import open_library
from aoi_app.inference.runtimes.tensorrt.pairs import plain_before, separate_pairs
from aoi_app.inference.runtimes.tensorrt.progress import BuildWatch
from tests.gpu import rehearsal

LIMIT_S = 150.0
BATCHES = Profile(1, 2, 4)


def without_rounding_before(*kinds: str) -> Callable[[onnx.ModelProto], None]:
    """Return what gives every reader a pair of its own, but those of these kinds none."""

    def lay_out(proto: onnx.ModelProto) -> None:
        separate_pairs(proto)
        plain_before(proto, kinds)

    return lay_out


LAYOUTS: dict[str, Callable[[onnx.ModelProto], object]] = {
    "no rounding before Add": without_rounding_before("Add"),
    "every reader rounds": separate_pairs,
    "pairs shared, INT8 weights": lambda proto: None,
    "no rounding before Concat": without_rounding_before("Concat"),
    "no rounding before Resize, Concat, Add": without_rounding_before("Resize", "Concat", "Add", "MaxPool"),
}


def build(path: Path, name: str, level: int) -> dict[str, object]:
    """Build one layout in this process; return what came of it."""
    model, library = read_model(path), open_library("tensorrt")
    proto = load_proto(path)
    LAYOUTS[name](proto)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.onnx"
        onnx.save(proto, str(file))
        vars(builder)["network_bytes"] = lambda path, plain: Path(path).read_bytes()
        request = BuildRequest(
            file, model.input_name, model.input_shape(BATCHES.most), BATCHES, True, optimisation_level=level
        )
        plan = build_plan(library, request, BuildWatch(lambda share, text: None))
    return {"built": True, "bytes": len(plan.data), "seconds": round(plan.seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--images", type=Path, help="what a file in FP32 is calibrated on")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--layout", choices=LAYOUTS, help="build this one, in this process")
    parser.add_argument("--level", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="go on after one that is built")
    given = parser.parse_args()
    if given.layout:
        print(json.dumps(build(given.file, given.layout, given.level)))
        return
    images = (given.images,) if given.images is not None else ()
    file = in_precision(read_model(given.file), "int8", images=images).model.path
    told: dict[str, object] = {}
    for name in LAYOUTS:
        started = time.monotonic()
        command = [*rehearsal.python(), "-m", "tests.gpu.int8_layouts", str(file), "--layout", name]
        try:
            done = subprocess.run(
                [*command, "--level", str(given.level)], capture_output=True, text=True, timeout=LIMIT_S, check=False
            )
            answer: dict[str, object] = (
                json.loads(done.stdout.splitlines()[-1])
                if done.returncode == 0
                else {"built": False, "why": (done.stderr.strip().splitlines() or ["no word"])[-1][-600:]}
            )
        except subprocess.TimeoutExpired:
            answer = {"built": None, "why": f"not within {LIMIT_S:.0f} s, so the optimiser at least took it"}
        told[name] = answer | {"wall_s": round(time.monotonic() - started, 1)}
        print(f"{name}: {json.dumps(told[name])}", flush=True)
        if given.out is not None:
            given.out.write_text(json.dumps(told, indent=1))
        if answer["built"] is not False and not given.all:
            return


if __name__ == "__main__":
    main()
