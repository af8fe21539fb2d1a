"""`aoi data` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aoi_app.training.corpus import DataError
from aoi_app.training.data.commands import app
from aoi_app.training.data.layouts.table import LAYOUTS, read_dataset


def aoi_data(*arguments: str | int | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, DataError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def drawn(folder: Path, count: int = 6, seed: int = 1) -> Path:
    aoi_data("draw", folder, "--count", count, "--size", 200, "--seed", seed, "--least", 1, "--most", 3)
    return folder


def test_boards_are_drawn_checked_split_and_converted(tmp_path: Path) -> None:
    source = drawn(tmp_path / "drawn")
    assert "sound" in aoi_data("check", source)
    assert "train:" in aoi_data("split", source, tmp_path / "split", "--to", "coco", "--shares", "train=0.5,val=0.5")
    aoi_data("convert", tmp_path / "split", tmp_path / "yolo", "--to", "yolo")
    dataset = read_dataset(tmp_path / "yolo")
    assert dataset.splits == ("train", "val") and len(dataset) == 6


def test_the_same_seed_draws_the_same_files(tmp_path: Path) -> None:
    one, other = drawn(tmp_path / "one"), drawn(tmp_path / "other")
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert files and all((one / f).read_bytes() == (other / f).read_bytes() for f in files)


def test_a_broken_data_set_gives_code_1_and_is_not_converted_silently(tmp_path: Path) -> None:
    source = drawn(tmp_path / "drawn")
    next(source.rglob("*.txt")).write_text("1,2,3,open\n")
    report = json.loads(aoi_data("check", source, "--json", "-", code=1))
    assert report["sound"] is False and report["problems"][0]["fault"] == "unreadable label"
    with pytest.raises(DataError, match="1 problems"):
        aoi_data("convert", source, tmp_path / "out", "--to", "yolo")
    assert "left out" in aoi_data("convert", source, tmp_path / "out", "--to", "yolo", "--skip-broken")


@pytest.mark.parametrize("kind", ["bare", "assembled"])
@pytest.mark.parametrize("look", ["ideal", "binary", "line-scan"])
def test_every_kind_and_look_can_be_drawn(tmp_path: Path, kind: str, look: str) -> None:
    options = ("--size", 256, "--px-per-mm", 24, "--colour", "--count", 2)
    aoi_data("draw", tmp_path / "set", "--kind", kind, "--look", look, *options)
    assert len(read_dataset(tmp_path / "set")) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("convert", "drawn", "out", "--to", "pascal"),
        ("split", "drawn", "out", "--shares", "train"),
        ("split", "drawn", "out", "--shares", "mine=1"),
        ("draw", "out", "--least", "5", "--most", "2"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_written(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    drawn(tmp_path / "drawn")
    full = [str(tmp_path / a) if a in ("drawn", "out") else a for a in arguments]
    aoi_data(*full, code=2)
    assert not (tmp_path / "out").exists()


def test_help_names_every_layout() -> None:
    text = aoi_data("convert", "--help")
    assert all(name in text for name in LAYOUTS)
