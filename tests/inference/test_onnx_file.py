"""Weights in files of their own: read from the model's folder, and from nowhere else on the machine."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi_app.core.errors import AoiError, ModelError
from aoi_app.inference.frozen import detect
from aoi_app.inference.metadata import class_names
from aoi_app.inference.model import read_model
from aoi_app.inference.onnx_file import file_hash
from aoi_app.inference.runtimes.table import open_detector

from .conftest import MakeOnnx, write_network

DATA = "model.onnx.data"


def split(path: Path, location: str = DATA) -> onnx.ModelProto:
    """Move the weights of a model into a file beside it, as PyTorch's newer exporter does."""
    proto = onnx.load(str(path))
    onnx.save(
        proto, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=location, size_threshold=64
    )
    return onnx.load(str(path), load_external_data=False)


def relocate(path: Path, location: str) -> None:
    """Let a model read its weights from elsewhere."""
    proto = onnx.load(str(path), load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(proto.SerializeToString())


@pytest.fixture
def model(make_onnx: MakeOnnx) -> Path:
    values = np.zeros((6, 84), np.float32)
    values[:, 9] = (20, 30, 10, 12, 0.1, 0.8)
    return make_onnx([("output0", values, (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata={"names": "['a', 'b']"})


def test_weights_beside_the_model_are_read_and_hashed(model: Path) -> None:
    whole = read_model(model).sha256
    split(model)
    assert (model.parent / DATA).is_file()
    apart = read_model(model)
    assert apart.sha256 != whole
    detector = open_detector(model, overlap=16)
    assert len(detect(detector, np.zeros((64, 64), np.uint8))) == 1
    detector.close()
    data = bytearray((model.parent / DATA).read_bytes())
    data[-1] ^= 1
    (model.parent / DATA).write_bytes(data)
    assert file_hash(model) != apart.sha256
    (model.parent / DATA).unlink()
    with pytest.raises(ModelError, match="which is missing"):
        read_model(model)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "sub/weights.bin", "..\\secret.bin", ""])
def test_weights_from_elsewhere_are_refused(location: str, model: Path) -> None:
    split(model)
    relocate(model, location)
    with pytest.raises(ModelError, match="not a plain file beside it"):
        read_model(model)


def branching(path: Path, location: str) -> None:
    """Write a network that keeps weights of a branch in a file of their own."""

    def branch(name: str) -> onnx.GraphProto:
        weights = onnx.TensorProto(name=name, data_type=1, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
        weights.external_data.add(key="location", value=location)
        out = onnx.helper.make_tensor_value_info(f"{name} out", 1, [4])
        return onnx.helper.make_graph(
            [onnx.helper.make_node("Identity", [name], [f"{name} out"])], name, [], [out], [weights]
        )

    choose = onnx.helper.make_node("If", ["c"], ["y"], then_branch=branch("a"), else_branch=branch("b"))
    graph = onnx.helper.make_graph(
        [choose],
        "branching",
        [onnx.helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [1])],
        [onnx.helper.make_tensor_value_info("y", 1, [4])],
    )
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())


def test_weights_of_a_branch_are_hashed_and_come_from_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "branching.onnx"
    branching(path, DATA)
    (tmp_path / DATA).write_bytes(np.zeros(4, np.float32).tobytes())
    before = file_hash(path)
    (tmp_path / DATA).write_bytes(np.ones(4, np.float32).tobytes())
    assert file_hash(path) != before
    branching(path, "../secret.bin")
    with pytest.raises(ModelError, match="not a plain file beside it"):
        read_model(path)


def test_a_link_is_no_plain_file(model: Path, tmp_path: Path) -> None:
    split(model)
    outside = tmp_path.parent / "outside.bin"
    (model.parent / DATA).rename(outside)
    (model.parent / DATA).symlink_to(outside)
    with pytest.raises(ModelError, match="not a plain file beside it"):
        read_model(model)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), min_size=1, max_size=8), st.booleans())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(damage: list[tuple[int, int]], near_ends: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        values = np.zeros((6, 84), np.float32)
        write_network(
            path, [("output0", values, (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata={"names": "['a', 'b']"}
        )
        data = bytearray(path.read_bytes())
        for place, value in damage:
            # Structure is at both ends; in between are the weights.
            reach = min(300, len(data)) if near_ends else len(data)
            data[place % reach if value % 2 else -1 - place % reach] = value
        path.write_bytes(data)
        try:
            open_detector(path, overlap=16).close()
        except AoiError as error:
            assert error.what


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{0: " * 2000, "__import__('os').system('true')", "[1, None]", "{}", "''", "x" * 2_000_000]
)
def test_hostile_names_are_refused_or_read_as_names(text: str) -> None:
    try:
        names = class_names({"names": text})
    except ModelError as error:
        assert "cannot be read" in str(error)
    else:
        assert names == () or all(isinstance(name, str) for name in names)
