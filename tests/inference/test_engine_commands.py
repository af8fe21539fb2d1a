"""`aoi engine` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from aoi_app.core.errors import EngineError
from aoi_app.inference import commands
from aoi_app.inference.commands import app, keep_certificate
from aoi_app.inference.gate import Certificate
from aoi_app.inference.model import read_model
from aoi_app.inference.precision import in_precision
from aoi_app.inference.runtimes.tensorrt.hardware import GpuFacts
from aoi_app.inference.runtimes.tensorrt.manifest import PlanKey, manifest_of
from aoi_app.inference.runtimes.tensorrt.store import EngineStore
from aoi_app.inference.tensor_diff import compare_tensors, difference, first_parted
from aoi_app.inference.yardstick import write_yardstick

cv2 = pytest.importorskip("cv2")
PLAN = b"plan" * 100
KEY = PlanKey("board", "ab" * 32, "fp16", "tensorrt", "8.6.0", "NVIDIA H200", "9.0", (1, 8, 16), (640, 640), 3, 1024)


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AOI_CACHE", str(tmp_path / "cache"))
    return write_yardstick(tmp_path / "net.onnx", "tiny", size=64, classes=3, planes=1)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "plant"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8))
    return folder


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return result.exit_code, result.output + (f"{result.exception}" if result.exception else "")


def a_store(root: Path) -> EngineStore:
    store = EngineStore(root)
    store.save(KEY, PLAN, manifest_of(KEY, PLAN, driver="13.0", built_at="2026-11-20T21:00:00", build_seconds=1))
    return store


def test_an_rtx_engine_is_built_without_a_gpu(network: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed")
    code, text = run(
        "build", "--model", network, "--runtime", "tensorrt_rtx", "--store", tmp_path / "built", "--no-gate"
    )
    assert code == 0, text
    (plan,) = EngineStore(tmp_path / "built").plans()
    assert plan.problem == ""
    assert plan.manifest is not None
    assert plan.manifest.precision == "fp16"


def test_list_and_verify_say_what_is_wrong(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    assert run("verify", "--store", tmp_path) == (0, f"{KEY.file_name}: whole\n")
    store.path(KEY).write_bytes(PLAN[:-1])
    code, text = run("verify", "--store", tmp_path)
    assert code == 2
    assert "399 bytes, 400 were written" in " ".join(text.split())
    code, text = run("list", "--store", tmp_path)
    assert code == 0
    assert "not yet" in text
    assert run("list", "--store", tmp_path / "empty")[1].startswith("There are no engines")


def certificate(sha256: str) -> Certificate:
    return Certificate(
        sha256=sha256,
        reference_sha256="",
        runtime="TensorRT 8.6.0",
        precision="fp16",
        device="GPU",
        boards=3,
        tiles=9,
        reference_boxes=20,
        lost_boxes=0,
        shift_px=0.1,
        identical_rows=True,
        map50=99.0,
        map50_reference=99.0,
        labelled=True,
        p50_ms=1.0,
        p99_ms=2.0,
        memory_mib=None,
        checked_at="2026-11-20T21:00:00",
    )


def test_a_certificate_is_kept_with_the_plan_it_speaks_of(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    manifest = store.load(KEY)[1]
    keep_certificate(store, certificate(manifest.plan_sha256))
    kept = store.load(KEY)[1].certificate
    assert kept is not None
    assert (kept["admitted"], kept["reference_boxes"]) == (True, 20)
    with pytest.raises(Exception, match="no plan with the hash"):
        keep_certificate(store, certificate("cd" * 32))


def test_compare_follows_the_tensors(network: Path, images: Path) -> None:
    code, text = run("compare", "--model", network, "--images", images, "--json")
    assert code == 0, text
    rows = json.loads(text)
    assert len(rows) > 50
    assert all(row["relative"] < 0.02 for row in rows)


def test_compare_finds_where_a_broken_precision_parts(network: Path) -> None:
    reference = read_model(network)
    half = in_precision(reference, "fp16").model
    proto = onnx.load(str(half.path))
    broken = [t for t in proto.graph.initializer if t.data_type == onnx.TensorProto.FLOAT16 and len(t.dims) == 4][5]
    values = onnx.numpy_helper.to_array(broken) * np.float16(2)
    broken.CopyFrom(onnx.numpy_helper.from_array(values, broken.name))
    spoiled = network.with_name("spoiled.onnx")
    onnx.save(proto, str(spoiled))
    tile = np.random.default_rng(1).random((1, 1, 64, 64), np.float32)
    assert first_parted(compare_tensors(reference, half, tile)) is None
    parted = first_parted(compare_tensors(reference, read_model(spoiled), tile))
    assert parted is not None
    reader = next(n for n in proto.graph.node if broken.name in n.input)
    assert parted.name == reader.output[0]


def test_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(index: int) -> GpuFacts:
        raise EngineError("The NVIDIA driver cannot be loaded.", "Install it.")

    monkeypatch.setattr(commands, "query_gpu", none)
    code, text = run("gpu")
    assert code != 0
    assert "driver cannot be loaded" in text
    facts = GpuFacts(0, "NVIDIA T4", (7, 5), "13.0", 40, 16 << 30, 15 << 30)
    monkeypatch.setattr(commands, "query_gpu", lambda index: facts)
    code, text = run("gpu")
    assert code == 0
    assert "15,360 of 16,384 MiB free" in text
    assert "7.5" in text


def test_values_that_are_no_numbers_are_counted() -> None:
    found = difference("x", "Exp", np.array([1.0, 2.0, 3.0]), np.array([1.0, np.inf, np.nan]))
    assert (found.not_finite, found.parted, found.relative) == (2, True, 0.0)
