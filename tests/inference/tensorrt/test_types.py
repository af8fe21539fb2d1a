"""Types that the file decides: followed with flags where a release has no strong typing."""

from __future__ import annotations

from pathlib import Path

from aoi_app.inference.model import read_model
from aoi_app.inference.precision import in_precision
from aoi_app.inference.runtimes.tensorrt.builder import BuildRequest, Profile, build_plan, node_types
from aoi_app.inference.runtimes.tensorrt.library import Library
from aoi_app.inference.runtimes.tensorrt.progress import BuildWatch
from tests.inference.tensorrt.standin_trt import StandInTrt


def test_the_decoding_of_boxes_stays_single(network: Path, store: Path) -> None:
    half = in_precision(read_model(network), "fp16").model
    types = node_types(half.path)
    assert types.half
    assert not types.quantised
    assert {name.split("_")[0] for name in types.single} >= {"Softmax", "Sub", "Sigmoid"}
    assert not any(name.startswith("Conv") for name in types.single)
    plain = node_types(network)
    assert not plain.half
    assert any(name.startswith("Conv") for name in plain.single)


def test_flags_are_set_where_there_is_no_strong_typing(trt: StandInTrt, network: Path, store: Path) -> None:
    library = Library("tensorrt", trt)
    for precision in ("fp32", "fp16"):
        trt.flags_set.clear()
        model = in_precision(read_model(network), precision).model
        request = BuildRequest(model.path, "images", (4, 1, 64, 64), Profile(1, 2, 4), True)
        build_plan(library, request, BuildWatch(lambda share, text: None))
        weak = trt.__version__.startswith("8")
        assert trt.flags_set == (["FP16", "PREFER_PRECISION_CONSTRAINTS"] if weak and precision == "fp16" else [])
