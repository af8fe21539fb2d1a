"""The mean of two trainings of one network, tensor by tensor and through the command."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from typer.testing import CliRunner

from aoi_app.core.errors import ModelError
from aoi_app.inference.card import METADATA_KEY, card_path
from aoi_app.inference.catalog import find_model
from aoi_app.inference.commands import app
from aoi_app.inference.mean import mean_of, write_mean
from aoi_app.inference.model import read_model


def trained_on(network: Path, to: Path, seed: int) -> Path:
    """Write what another run could have made of a network: all of its weights moved, its card as it was."""
    proto, chance = onnx.load(network), np.random.default_rng(seed)
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            moved = values + chance.normal(0, 0.01, values.shape).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(moved, tensor.name))
    onnx.save(proto, to)
    card = json.loads(card_path(network).read_text())
    card_path(to).write_text(json.dumps(card | {"sha256": "", "data": "other boards", "figures": {"mAP@0.5": 0.9}}))
    return to


def weights(proto: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A model that ships, with its card."""
    shipped = find_model("pcb-bare")
    shutil.copyfile(shipped, tmp_path / "first.onnx")
    shutil.copyfile(card_path(shipped), card_path(tmp_path / "first.onnx"))
    return tmp_path / "first.onnx"


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    return trained_on(first, tmp_path / "second.onnx", 1)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_every_weight_lies_between(first: Path, second: Path, share: float) -> None:
    a, b = weights(onnx.load(first)), weights(onnx.load(second))
    found = weights(mean_of(read_model(first), read_model(second), share))
    assert found.keys() == a.keys()
    moved = 0
    for name, values in found.items():
        np.testing.assert_allclose(values, a[name] + share * (b[name] - a[name]), rtol=1e-6, atol=1e-7)
        assert values.dtype == a[name].dtype
        moved += int(not np.array_equal(values, a[name]))
    assert (moved > 0) == (share > 0)
    if share == 1.0:
        assert all(np.array_equal(found[name], b[name]) for name in found)


def test_a_model_and_itself_give_itself(first: Path) -> None:
    model = read_model(first)
    assert all(np.array_equal(v, weights(onnx.load(first))[k]) for k, v in weights(mean_of(model, model, 0.3)).items())


def test_the_command_writes_a_model_with_its_card(first: Path, second: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "between.onnx"
    result = CliRunner().invoke(app, ["mean", str(first), str(second), "--out", str(out), "--name", "both"])
    assert result.exit_code == 0, result.output
    assert str(out) in result.output
    model = read_model(out)  # refuses a card whose hash is another file's
    assert model.card.name == "both"
    assert model.card.figures == {}
    assert "other boards" in model.card.data
    assert model.card.command == "aoi engine mean first.onnx second.onnx --share 0.5"
    assert model.class_names == read_model(first).class_names
    inside = {p.key: p.value for p in onnx.load(out).metadata_props}
    assert json.loads(inside[METADATA_KEY])["name"] == "both"
    assert not list(out.parent.glob("*.part"))


def test_what_is_there_is_kept(first: Path, second: Path, tmp_path: Path) -> None:
    a, b = read_model(first), read_model(second)
    before = second.read_bytes()
    with pytest.raises(ModelError, match="there already"):
        write_mean(a, b, second)
    assert second.read_bytes() == before
    with pytest.raises(ModelError, match="no name of a model"):
        write_mean(a, b, tmp_path / "between")


@pytest.mark.parametrize("full", ["between.onnx.part", "between.card.json.part"])
def test_a_full_disk_is_said_and_leaves_nothing(
    first: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    opened = Path.open

    def refuse(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if path.name == full and "w" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", refuse)
    out = tmp_path / "new" / "between.onnx"
    with pytest.raises(ModelError, match="cannot be written: No space left on device"):
        write_mean(read_model(first), read_model(second), out)
    assert list(out.parent.iterdir()) == []
    monkeypatch.undo()
    assert write_mean(read_model(first), read_model(second), out) == out


def test_another_network_has_no_mean(first: Path, second: Path) -> None:
    proto = onnx.load(second)
    next(node for node in proto.graph.node if node.op_type == "Relu").op_type = "Sigmoid"
    onnx.save(proto, second)
    with pytest.raises(ModelError, match="layers differ"):
        mean_of(read_model(first), read_model(second))


def test_other_classes_have_no_mean(first: Path, second: Path) -> None:
    card = json.loads(card_path(second).read_text())
    card_path(second).write_text(json.dumps(card | {"classes": card["classes"][::-1]}))
    with pytest.raises(ModelError, match="their classes are"):
        mean_of(read_model(first), read_model(second))


def test_a_broken_one_is_named(first: Path, second: Path) -> None:
    proto = onnx.load(second)
    tensor = next(t for t in proto.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and t.dims)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(proto, second)
    with pytest.raises(ModelError, match="is no number"):
        mean_of(read_model(first), read_model(second))
