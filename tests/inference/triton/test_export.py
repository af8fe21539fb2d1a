"""`aoi engine export --triton`: a repository that a server reads, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from aoi_app.inference.commands import app
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.tensorrt.manifest import PlanKey, manifest_of
from aoi_app.inference.runtimes.tensorrt.store import EngineStore
from aoi_app.inference.yardstick import write_yardstick

from ..test_seven_bits import detector

SIDE = 64


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AOI_CACHE", str(tmp_path / "cache"))
    return write_yardstick(tmp_path / "tiny.onnx", "tiny", size=SIDE, classes=3)


def export(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["export", *map(str, arguments)])
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def config_of(folder: Path) -> Any:
    text_format = pytest.importorskip("google.protobuf.text_format")
    model_config = pytest.importorskip("tritonclient.grpc.model_config_pb2", reason="not installed")
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config.ModelConfig())


def a_plan(folder: Path, sha256: str, most: int = 4) -> Path:
    key = PlanKey("tiny", sha256, "fp32", "tensorrt", "10.3", "H200", "9.0", (1, 2, most), (SIDE, SIDE), 3, 1024)
    return EngineStore(folder).save(
        key, b"plan" * 99, manifest_of(key, b"plan" * 99, driver="13.0", built_at="", build_seconds=1)
    )


def test_onnx_with_batching_instances_and_warm_up(network: Path, tmp_path: Path) -> None:
    code, text = export(
        "--model", network, "--triton", tmp_path / "out", "--max-batch", 16, "--instances", 2, "--delay", 300
    )
    assert code == 0, text
    home = tmp_path / "out" / "tiny"
    assert (home / "1" / "model.onnx").read_bytes() == network.read_bytes()
    assert json.loads((home / "card.json").read_text())["sha256"] == read_model(network).sha256
    assert "tritonserver --model-repository" in text and "--option url=SERVER:8001" in text
    config = config_of(home)
    read = config.platform, config.max_batch_size, config.dynamic_batching.max_queue_delay_microseconds
    assert read == ("onnxruntime_onnx", 16, 300)
    assert list(config.output[0].dims) == [7, 84], "also where the graph leaves them open"
    group = config.instance_group[0]
    assert (group.count, group.Kind.Name(group.kind)) == (2, "KIND_GPU")
    warm = config.model_warmup
    assert [w.batch_size for w in warm] == [1, 16]
    assert list(warm[0].inputs["images"].dims) == [3, SIDE, SIDE] and warm[0].inputs["images"].zero_data


@pytest.mark.parametrize("where", ["--cpu", "--instances=1"])
def test_int8_on_processors_is_warned_of(where: str, tmp_path: Path) -> None:
    network = detector(tmp_path / "largest.onnx", "integers")
    code, text = export("--model", network, "--triton", tmp_path / "out", "--precision", "int8", where)
    assert code == 0 and ("no VNNI" in text) == (where == "--cpu")


def test_a_plan_takes_the_place_of_the_onnx_file(network: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export("--model", network, "--triton", out)[0] == 0
    plan = a_plan(tmp_path / "built", read_model(network).sha256)
    code, text = export("--model", network, "--triton", out, "--plan", plan, "--max-batch", 16)
    assert code == 0, text
    assert sorted(p.name for p in (out / "tiny" / "1").iterdir()) == ["model.plan"]
    config = config_of(out / "tiny")
    assert (config.platform, config.max_batch_size) == ("tensorrt_plan", 4)


def test_a_plan_of_another_network_or_altered_is_refused(network: Path, tmp_path: Path) -> None:
    foreign = a_plan(tmp_path / "foreign", "ab" * 32)
    code, text = export("--model", network, "--triton", tmp_path / "out", "--plan", foreign)
    assert code != 0 and "built from another network" in text
    altered = a_plan(tmp_path / "altered", read_model(network).sha256)
    altered.write_bytes(b"plan" * 98 + b"scan")
    code, text = export("--model", network, "--triton", tmp_path / "out", "--plan", altered)
    assert code != 0 and "was altered" in text
    assert not (tmp_path / "out").exists()


def test_weights_beside_the_model_go_along(network: Path, tmp_path: Path) -> None:
    big = tmp_path / "big" / "tiny.onnx"
    big.parent.mkdir()
    onnx.save_model(
        onnx.load(str(network)), str(big), save_as_external_data=True, location="tiny.bin", size_threshold=1024
    )
    code, text = export("--model", big, "--triton", tmp_path / "out")
    assert code == 0, text
    (home,) = (tmp_path / "out").iterdir()
    assert (home / "1" / "tiny.bin").read_bytes() == (big.parent / "tiny.bin").read_bytes()
    feed = {"images": np.zeros((1, 3, SIDE, SIDE), np.float32)}
    ort = pytest.importorskip("onnxruntime")
    assert ort.InferenceSession(str(home / "1" / "model.onnx")).run(None, feed)[0].shape == (1, 7, 84)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--triton DIR or --tflite DIR"),
        (("--triton", "out", "--plan", "x.plan", "--cpu"), "for GPUs"),
        (("--tflite", "out", "--plan", "x.plan"), "for GPUs"),
        (("--triton", "out", "--plan", "x.plan"), "There is no plan x.plan"),
        (("--triton", "out", "--precision", "fp7"), "no precision called 'fp7'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[str, ...], said: str, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = export("--model", network, *arguments)
    assert code != 0 and said in text
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(network: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    code, text = export("--model", network, "--triton", tmp_path / "out")
    assert code != 0 and "cannot be written" in text
