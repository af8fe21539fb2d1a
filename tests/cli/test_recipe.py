"""`aoi recipe`: a recipe from a golden board, its components, its checks; then used by `aoi inspect`."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from aoi_app.boards import BoardKind, BoardProduct, BoardSpec
from aoi_app.boards.centroid import write_centroid
from aoi_app.cli import build_app
from aoi_app.core.errors import AoiError, ImageError, RecipeError
from aoi_app.core.image_resolution import pixel_size_um
from aoi_app.core.inspection import Defect, Inspection, Verdict
from aoi_app.core.recipe import Recipe, recipe_text
from aoi_app.core.scan import BoardScan, Completeness, PixelFormat, ScanEnd
from aoi_app.station.golden import GoldenFiles
from aoi_app.storage.audit import Audit
from aoi_app.storage.backup import back_up, restore
from aoi_app.storage.database import Place
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.store import Store

RECIPE = Recipe(name="demo")
PRODUCT = BoardProduct(BoardSpec(BoardKind.ASSEMBLED, width=1200, lines=900, px_per_mm=20.0), seed=3)


def aoi(*arguments: str | Path) -> Result:
    words = [str(word) for word in arguments]
    return CliRunner().invoke(build_app(words), words)


def run(*arguments: str | Path) -> Result:
    result = aoi(*arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    file = tmp_path / "golden.png"
    cv2.imwrite(str(file), PRODUCT.golden)
    write_centroid(PRODUCT.placements, tmp_path / "parts.csv")
    return file


def test_a_recipe_from_a_golden_board_has_its_size_image_and_components(tmp_path: Path, golden: Path) -> None:
    data = tmp_path / "data"
    result = run(
        "recipe", "new", "demo", "--golden", golden, "--pixel-size", "50x50", "--centroid", tmp_path / "parts.csv",
        "--y-down", "--pattern", r"A\d+", "--by", "Ida", "--data", data,
    )  # fmt: skip
    assert result.exit_code == 0
    recipe = RecipeBook(data).load("demo")
    assert (recipe.width_px, recipe.pixel_size_um, recipe.align_golden) == (1200, (50.0, 50.0), True)
    assert recipe.min_lines < 900 < recipe.max_lines
    assert len(recipe.components) == len(PRODUCT.placements)
    assert recipe.changeover.fits("A12")
    assert recipe.opportunity_count is not None
    files = GoldenFiles(None, lambda file: cv2.imread(str(file), cv2.IMREAD_UNCHANGED), lambda: Place(data).images)  # type: ignore[arg-type,return-value]
    image = files.image(recipe)
    assert image is not None and np.array_equal(image, PRODUCT.golden)
    entry = next(iter(Audit(Place(data)).entries()))
    assert (entry.who, entry.act, entry.subject) == ("Ida", "save recipe", "recipe demo, revision 1")
    assert "50 x 50 µm" in result.output


def test_components_are_laid_by_two_places_and_shown_before(tmp_path: Path, golden: Path) -> None:
    data = tmp_path / "data"
    run("recipe", "new", "demo", "--golden", golden, "--data", data)
    first, last = PRODUCT.placements[0], PRODUCT.placements[-1]
    places = [f"{p.reference}={p.x_mm * 20:.1f},{p.y_mm * 20:.1f}" for p in (first, last)]
    command = ("recipe", "components", "demo", "--centroid", tmp_path / "parts.csv", "--y-down", "--data", data)
    at = ("--at", places[0], "--at", places[1])
    shown = run(*command, *at, "--preview")
    assert first.reference in shown.output
    assert RecipeBook(data).load("demo").revision == 1
    run(*command, *at)
    recipe = RecipeBook(data).load("demo")
    assert recipe.revision == 2
    assert recipe.component_frame.px_per_mm == pytest.approx((20.0, 20.0), rel=0.01)


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        ((), "no pixel size"),
        (("--at", "R999=1,2", "--at", "R998=3,4"), "does not list R998, R999"),
        (("--side", "bottom"), "no part on the bottom"),
    ],
)
def test_components_that_cannot_be_laid_are_refused(
    tmp_path: Path, golden: Path, extra: tuple[str, ...], what: str
) -> None:
    data = tmp_path / "data"
    run("recipe", "new", "demo", "--golden", golden, "--data", data)
    with pytest.raises(RecipeError, match=what):
        run("recipe", "components", "demo", "--centroid", tmp_path / "parts.csv", "--data", data, *extra)
    assert RecipeBook(data).load("demo").revision == 1


def test_a_golden_board_that_cannot_be_read_makes_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(ImageError):
        run("recipe", "new", "demo", "--golden", tmp_path / "bad.png", "--data", tmp_path / "data")
    assert RecipeBook(tmp_path / "data").names() == ()


@pytest.mark.parametrize("size", ["x", "0", "-3x2", "nan"])
def test_a_pixel_size_that_is_none_is_refused(tmp_path: Path, golden: Path, size: str) -> None:
    result = aoi("recipe", "new", "demo", "--golden", golden, "--pixel-size", size, "--data", tmp_path / "data")
    assert result.exit_code != 0 or isinstance(result.exception, AoiError)


@pytest.mark.parametrize("place", ["R1", "R1=1", "R1=a,b", "R1=nan,4", "R1=1,inf"])
def test_a_place_that_is_none_is_refused(tmp_path: Path, golden: Path, place: str) -> None:
    data = tmp_path / "data"
    run("recipe", "new", "demo", "--golden", golden, "--data", data)
    command = ("recipe", "components", "demo", "--centroid", tmp_path / "parts.csv", "--at", place, "--data", data)
    assert aoi(*command).exit_code == 2


def test_a_pattern_that_is_none_is_said_in_a_sentence(tmp_path: Path, golden: Path) -> None:
    with pytest.raises(RecipeError, match=r"can be made: changeover.pattern: it is no regular.*position 0\. ") as e:
        run("recipe", "new", "demo", "--golden", golden, "--pattern", "(a", "--data", tmp_path / "data")
    assert "pydantic" not in str(e.value)


def test_somebody_stands_for_every_save(tmp_path: Path, golden: Path) -> None:
    run("recipe", "new", "demo", "--golden", golden, "--data", tmp_path / "data")
    assert RecipeBook(tmp_path / "data").history("demo")[0].saved_by == getpass.getuser()


def test_check_finds_goldens_that_changed_and_patterns_that_clash(tmp_path: Path, golden: Path) -> None:
    data = tmp_path / "data"
    for name, pattern in (("a", r"A\d+"), ("b", r".\d{3}")):
        run("recipe", "new", name, "--golden", golden, "--pattern", pattern, "--data", data)
    found = run("recipe", "check", "--data", data)
    assert found.exit_code == 1
    assert "a and b: both match 'A000'" in found.output
    stored = Place(data).images / RecipeBook(data).load("a").golden
    stored.write_bytes(stored.read_bytes() + b" ")
    assert "is not the one that the recipe was made with" in run("recipe", "check", "--data", data).output


def test_a_backup_holds_the_golden_boards_even_without_pictures(tmp_path: Path, golden: Path) -> None:
    data, copy, other = tmp_path / "data", tmp_path / "copy", tmp_path / "other"
    run("recipe", "new", "a", "--golden", golden, "--data", data)
    back_up(Place(data), copy, pictures=False)
    restore(Place(other), copy)
    recipe = RecipeBook(other).load("a")
    assert (Place(other).images / recipe.golden).is_file()
    assert run("recipe", "check", "--data", other).exit_code == 0


def test_revisions_are_compared_and_come_back(tmp_path: Path, golden: Path) -> None:
    data = tmp_path / "data"
    run("recipe", "new", "a", "--golden", golden, "--data", data)
    run("recipe", "new", "a", "--golden", golden, "--like", "a", "--opportunities", "812", "--data", data)
    assert "opportunities" in run("recipe", "difference", "a", "1", "--data", data).output
    run("recipe", "roll-back", "a", "1", "--by", "Ida", "--data", data)
    assert RecipeBook(data).load("a").opportunities is None
    assert RecipeBook(data).history("a")[0].saved_by == "Ida"


def test_names_are_shown_as_they_are_written(tmp_path: Path, golden: Path) -> None:
    data, name = tmp_path / "data", "[red]mb[/x]"
    run("recipe", "new", name, "--golden", golden, "--like", "", "--data", data)
    run("recipe", "new", name, "--golden", golden, "--product", "[dim]p[/y]", "--data", data)
    assert name in run("recipe", "list", "--data", data).output
    assert "[dim]p[/y]" in run("recipe", "difference", name, "1", "--data", data).output


def test_a_trial_shows_what_a_draft_would_change(tmp_path: Path) -> None:
    data = tmp_path / "data"
    book = RecipeBook(data)
    recipe = book.save(book.save(RECIPE))
    store = Store(data)
    for number, confidence in enumerate((0.6, 0.9)):
        defect = Defect("open", confidence, (10, 10, 20, 20), component="R12")
        scan = BoardScan(f"b{number}", f"S{number}", np.zeros((40, 64), np.uint8), PixelFormat.MONO8, 0, 1)
        whole = Completeness(40)
        inspection = Inspection(
            scan.board_id, scan.serial, Verdict.FAILED, "1 x open", (defect,), recipe.name, 1, None, whole, "", 1,
            number + 2, 64,
        )  # fmt: skip
        store.record(inspection, ScanEnd(scan, whole, "", 0))
    store.close()
    draft = recipe.model_copy(update={"default_rule": recipe.default_rule.model_copy(update={"min_confidence": 0.8})})
    (tmp_path / "draft.json").write_text(recipe_text(draft))
    result = run("recipe", "trial", tmp_path / "draft.json", "--data", data)
    assert "S0" in result.output and "R12 open" in result.output
    assert "2 boards: 1 that failed would pass, 0 that passed would not; 1 defects less" in result.output


def test_the_size_of_a_pixel_is_read_from_the_file(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def png(per_metre: int) -> bytes:
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))

    assert pixel_size_um(png(50_000)) == pytest.approx((20.0, 20.0))
    assert pixel_size_um(png(2_835)) is None  # 72 dots an inch: nobody's
    assert pixel_size_um(png(0)) is None
    jfif = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1" + struct.pack(">BHH", 2, 500, 250)
    assert pixel_size_um(jfif) == pytest.approx((20.0, 40.0))
    assert pixel_size_um(b"II*\0") is None
    assert pixel_size_um(json.dumps({}).encode()) is None
