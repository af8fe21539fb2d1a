"""Centroid files as the usual programs write them, and as they should not be."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aoi_app.boards import BoardKind, BoardProduct, BoardSpec
from aoi_app.boards.centroid import (
    CentroidError,
    Part,
    components_of,
    outline_of,
    parse_centroid,
    read_centroid,
    write_centroid,
)
from aoi_app.boards.centroid.numbers import read_number
from aoi_app.boards.smt.packages import PACKAGES

ALTIUM = """Altium Designer Pick and Place Locations
C:\\Projects\\Board\\Pick Place for Board.csv

========================================================================================================================
File Design Information:

Date:       02/03/24
Units used: mil

"Designator","Comment","Layer","Footprint","Center-X(mil)","Center-Y(mil)","Ref-X(mil)","Ref-Y(mil)","Rotation"
"R1","10k, 1%","TopLayer","RESC1608X55N","1000.000","500.0","990","500","90"
"U1","STM32","BottomLayer","QFP50P900X900X160-48N","2000","1500","2000","1500","270"
"FID1","","TopLayer","Fiducial_1mm","0","0","0","0","0"
"""

KICAD_POS = """### Footprint positions - created on Mon 05 Feb 2024 ###
### Printed by KiCad version 8.0
## Unit = mm, Angle = deg.
## Side : All
# Ref     Val       Package                PosX       PosY       Rot  Side
C1        100n      C_0402_1005Metric   25.4000   -12.7000   90.0000  top
U1        "RP 2040" QFN-56-1EP_7x7mm    50.8000   -38.1000  270.0000  bottom
## End
"""

KICAD_CSV = 'Ref,Val,Package,PosX,PosY,Rot,Side\n"C1","100n","C_0402",25.4,-12.7,90.0,top\n'

EAGLE = "R1 25.40 12.70 MR90 10k R0603\nU1 50.80 38.10 R270 LM358 SO08\n"

SEMICOLON = "Bauteil;Part;Pos X;Pos Y;Rotation;Side;Value\nx;R1;25,40;12,70;90,0;T;1k5\nx;C1;1.025,4;0,5;0;B;1µ\n"

TABS = "RefDes\tLayer\tLocationX\tLocationY\tLocationRotation\tRotation\nR1\tTop\t25.4mm\t0.5in\t0\t45\n"

ALLEGRO = """UUNITS = MILLIMETERS
#
# REFDES ! COMP_VALUE ! SYM_X ! SYM_Y ! SYM_ROTATE ! SYM_MIRROR ! SYM_NAME
R1 ! 10k ! 25.4 ! 12.7 ! 90.000 ! ! RES0603
U1 ! LM358 ! 50.8 ! 38.1 ! 0.000 ! m ! SOIC8
"""

ODB = """UNITS=INCH
#
# Components
@0 .comp_type
CMP 3 1.0 0.5 90.0 N R1 RES_10K ;0=1
TOP 0 1.0 0.5 90.0 N 0 1 PIN1
CMP 4 2.0 1.5 0.0 M U1 LM358 ;0=2
"""

CHINESE = "位号,封装,坐标X(mm),坐标Y(mm),旋转角度,层\nR1,0603,25.4,12.7,90,顶层\nR2,0603,1,2,0,底层\n"

PROTEL = """Designator Footprint               Mid X         Mid Y         Ref X         Ref Y         Pad X         Pad Y TB      Rotation Comment

R1         R0603                 1000mil        500mil        990mil        500mil        970mil        500mil T          90.00 10k 1 %
U1         SO8                   2000mil       1500mil       2000mil       1500mil       2000mil       1500mil B         270.00 LM358
"""  # noqa: E501

PADS = (
    "Part Type\tRef.Name\tPart Decal\tPins\tLayer\tOrient.\tX\tY\tSMD\tGlued\n"
    "RES_10K\tR1\tR0603\t2\tTop\t90.000\t25.4\t12.7\tYes\tNo\n"
)

ALLEGRO_REPORT = """Design Name,board.brd
Unit,MILS
REFDES,COMP_DEVICE_TYPE,COMP_VALUE,COMP_TOL,COMP_PACKAGE,SYM_X,SYM_Y,SYM_ROTATE,SYM_MIRROR
R1,RES_10K,10k,,R0603,1000.0,500.0,90.000,NO
U1,LM358,LM358,,SO8,2000,1500,270,YES
"""

MENTOR = """# Reference  Part_Number  Symbol  Geometry  X  Y  Side  Rotation
R1 123-456 sym RES0603 25.4 12.7 1 90
U1 123-457 sym SO8 50.8 38.1 2 270
"""

DIALECTS = {
    "altium": (ALTIUM, ("R1", 25.4, 12.7, 90.0, "top"), "mil", "header", ","),
    "kicad-pos": (KICAD_POS, ("C1", 25.4, -12.7, 90.0, "top"), "mm", "file", " "),
    "kicad-csv": (KICAD_CSV, ("C1", 25.4, -12.7, 90.0, "top"), "mm", "assumed", ","),
    "eagle": (EAGLE, ("R1", 25.4, 12.7, 90.0, "bottom"), "mm", "assumed", " "),
    "semicolon": (SEMICOLON, ("R1", 25.4, 12.7, 90.0, "top"), "mm", "assumed", ";"),
    "tabs": (TABS, ("R1", 25.4, 12.7, 45.0, "top"), "mm", "values", "\t"),
    "allegro": (ALLEGRO, ("R1", 25.4, 12.7, 90.0, "top"), "mm", "file", "!"),
    "odb": (ODB, ("R1", 25.4, 12.7, 270.0, "top"), "inch", "file", " "),
    "protel": (PROTEL, ("R1", 25.4, 12.7, 90.0, "top"), "mm", "values", " "),
    "pads": (PADS, ("R1", 25.4, 12.7, 90.0, "top"), "mm", "assumed", "\t"),
    "allegro-report": (ALLEGRO_REPORT, ("R1", 25.4, 12.7, 90.0, "top"), "mil", "file", ","),
    "mentor": (MENTOR, ("R1", 25.4, 12.7, 90.0, "top"), "mm", "assumed", " "),
    "chinese": (CHINESE, ("R1", 25.4, 12.7, 90.0, "top"), "mm", "header", ","),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_in_every_encoding(name: str, encoding: str) -> None:
    text, first, unit, unit_from, delimiter = DIALECTS[name]
    file = parse_centroid(text.encode(encoding))
    part = file.parts[0]
    assert (part.reference, part.x_mm, part.y_mm, part.rotation, part.side) == pytest.approx(first)
    assert (file.unit, file.unit_from, file.delimiter) == (unit, unit_from, delimiter)


def test_what_else_stands_in_them() -> None:
    altium = parse_centroid(ALTIUM.encode())
    assert altium.parts[0].value == "10k, 1%"
    assert [part.reference for part in altium.of_side("bottom")] == ["U1"]
    assert altium.skipped == ((13, "FID1 is a fiducial mark"),)
    assert parse_centroid(KICAD_POS.encode()).parts[1] == Part(
        "U1", "QFN-56-1EP_7x7mm", "RP 2040", 50.8, -38.1, 270.0, "bottom"
    )
    german = parse_centroid(SEMICOLON.encode("cp1252"))
    assert (german.encoding, german.parts[1].x_mm, german.parts[1].value) == ("cp1252", 1025.4, "1µ")


def test_names_of_two_words_and_texts_with_blanks() -> None:
    one, two = parse_centroid(PROTEL.encode()).parts
    assert one == Part("R1", "R0603", "10k 1 %", 25.4, 12.7, 90.0, "top")
    assert two == Part("U1", "SO8", "LM358", 50.8, 38.1, 270.0, "bottom")


def test_an_empty_cell_among_blanks_moves_no_other_cell() -> None:
    text = KICAD_POS.replace('U1        "RP 2040"', "U1                 ").replace("top\n", "top\n\n")
    whole, empty = parse_centroid(text.encode()).parts
    assert whole.value == "100n"
    assert empty == Part("U1", "QFN-56-1EP_7x7mm", "", 50.8, -38.1, 270.0, "bottom")
    # Nothing of this file stands under anything: the cells after the empty one would be taken for others.
    with pytest.raises(CentroidError, match="Line 2 has 4 cells, the columns have 5 names"):
        parse_centroid(b"Ref Val PosX PosY Rot\nC1 25.4 -12.7 90\nC2 100n 1 2 0\n")


def test_an_eagle_row_without_value_keeps_its_package() -> None:
    parts = parse_centroid(b"R1 25.40 12.70  90  R0603\nU1 50.80 38.10 270 LM 358 SO08\n").parts
    assert [(p.value, p.package) for p in parts] == [("", "R0603"), ("LM 358", "SO08")]


@pytest.mark.parametrize(
    ("column", "cells", "sides"),
    [
        ("Layer", "1 1 1", "top top top"),
        ("Layer", "1 4 1", "top bottom top"),
        ("Side", "0 1 0", "top bottom top"),
        ("Mirror", "1 1 1", "bottom bottom bottom"),
        ("SYM_MIRROR", "NO YES NO", "top bottom top"),
        ("Side", "A B A", "top bottom top"),
    ],
)
def test_sides_by_numbers_and_letters(column: str, cells: str, sides: str) -> None:
    rows = "".join(f"R{k},1,2,{cell}\n" for k, cell in enumerate(cells.split()))
    file = parse_centroid(f"Ref,X,Y,{column}\n{rows}".encode())
    assert [part.side for part in file.parts] == sides.split()


def test_a_file_that_names_no_side_is_that_of_either() -> None:
    file = parse_centroid(b"R1 25.40 12.70 90 10k R0603\n")
    assert not file.sided and file.of_side("bottom") == file.of_side("top") == file.parts
    assert parse_centroid(EAGLE.encode()).of_side("bottom") != parse_centroid(EAGLE.encode()).parts


def test_the_unit_may_be_chosen() -> None:
    assert parse_centroid(KICAD_CSV.encode(), "mil").parts[0].x_mm == pytest.approx(25.4 * 0.0254)
    with pytest.raises(CentroidError, match="furlong"):
        parse_centroid(KICAD_CSV.encode(), "furlong")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a,b\n1,2\n", "No line names the columns"),
        ("", "No line names the columns"),
        ("Designator,Mid X (mm),Mid Y (mm)\nR1,one,2\n", "Line 2: 'one' is no number"),
        ("Designator,Mid X (mm),Mid Y (mm)\nR1,nan,2\n", "no number"),
        ("Designator,Mid X (mm),Mid Y (mm)\nR1,1e999,2\n", "not finite"),
        ("Designator,Mid X (mm),Mid Y (mm)\nR1,1,2\nR1,3,4\n", "R1 is listed twice"),
        ("Designator,Mid X (mm),Mid Y (mm),Layer\nR1,1,2,inside\n", "no side of a board"),
        ("Designator,Mid X (mm),Mid Y (mm)\n", "lists no part"),
        ("Ref,PosX,PosY,Rot\nR1,25,4,12,7,90,0\n", "Line 2 has 7 cells, the columns have 4 names"),
        ("Designator,Mid X (mm),Mid Y (mm)\n,,\n", "lists no part"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(CentroidError, match=what) as caught:
        read_centroid(tmp_path / "bad.csv")
    assert "bad.csv" in caught.value.what and caught.value.hint


@pytest.mark.parametrize("data", [b"PK\x03\x04" + bytes(200), bytes(range(256)) * 4, b"\xff\xfe\x00"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(CentroidError):
        parse_centroid(data)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CentroidError, match="cannot be read"):
        read_centroid(tmp_path / "none.csv")


def test_the_programs_own_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    spec = BoardSpec(BoardKind.ASSEMBLED, width=1200, lines=900, px_per_mm=20.0)
    placements = BoardProduct(spec, seed=3).placements
    assert placements
    write_centroid(placements, tmp_path / "board.csv")
    parts = read_centroid(tmp_path / "board.csv").parts
    assert [(p.reference, p.package, p.value) for p in parts] == [(p.reference, p.package, p.value) for p in placements]
    assert [p.x_mm for p in parts] == pytest.approx([p.x_mm for p in placements], abs=1e-4)
    components = components_of(parts)
    for part, component in zip(parts, components, strict=True):
        assert component.terminations == len(PACKAGES[part.package].pads)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_line_break_in_a_cell_ends_no_row(newline: str) -> None:
    lines = [
        "Designator,Value,Mid X (mm),Mid Y (mm)",
        'R1,"10k',
        '1 %",1,2',
        'R2,0.1" wide,3,4',
        'R3,0.2" wide,5,6',
        'R4,"never closed,7,8',
    ]
    file = parse_centroid(newline.join(lines).encode())
    values = [("R1", "10k 1 %", 1.0), ("R2", '0.1" wide', 3.0), ("R3", '0.2" wide', 5.0)]
    assert [(p.reference, p.value, p.x_mm) for p in file.parts] == values
    assert [number for number, _ in file.skipped] == [6]


names = st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=12)
coordinates = st.floats(-500, 500).map(lambda v: round(v, 4))


@given(
    st.lists(st.tuples(names, coordinates, coordinates, st.integers(0, 359), st.booleans()), min_size=1, max_size=8),
    st.sampled_from(["\t", ";", "|", ","]),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
@example([("0\r", 1.0, 2.0, 0, False), ('"\n\x85', 3.0, 4.0, 0, True)], ";", True, "utf-8")
def test_whatever_is_written_is_read(
    rows: list[tuple[str, float, float, int, bool]], delimiter: str, comma: bool, encoding: str
) -> None:
    out = io.StringIO()
    table = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    table.writerow(["Designator", "Value", "Center-X(mm)", "Center-Y(mm)", "Rotation", "Layer"])
    for k, (value, x, y, turn, bottom) in enumerate(rows):
        numbers = [f"{v:.4f}".replace(".", "," if comma else ".") for v in (x, y)]
        table.writerow([f"R{k}", value, *numbers, turn, "BottomLayer" if bottom else "TopLayer"])
    file = parse_centroid(out.getvalue().encode(encoding))
    assert [(p.x_mm, p.y_mm, p.rotation, p.side) for p in file.parts] == [
        (x, y, turn, "bottom" if bottom else "top") for _, x, y, turn, bottom in rows
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", (1.5, "")),
        ("1,5", (1.5, "")),
        ("1,234.5", (1234.5, "")),
        ("1.234,5", (1234.5, "")),
        ("-.5mm", (-0.5, "mm")),
        ("100 mil", (100.0, "mil")),
        ('0.5"', (0.5, "inch")),
        ("1e-3", (0.001, "")),
    ],
)
def test_numbers(text: str, value: tuple[float, str]) -> None:
    assert read_number(text) == value


@pytest.mark.parametrize("text", ["", "a", "1.2.3", "1 furlong", "--1", "inf"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|finite"):
        read_number(text)


@pytest.mark.parametrize(
    ("package", "pins"),
    [
        ("RESC1608X55N", 2), ("CAPAE530X540", None), ("CP_Elec_6.3x5.4", 2), ("L_0603", 2),
        ("R_0603_1608Metric", 2), ("C0402", 2), ("0805", 2), ("SOIC-8", 8), ("8-SOIC", 8),
        ("SOIC127P600X175-14N", 14), ("TSSOP-20", 20), ("QFP-48", 48), ("LQFP-64_10x10mm_P0.5mm", 64), ("SOT-23", 3),
        ("SOT-23-5", 5), ("QFN-56-1EP_7x7mm", 56), ("SOD-123", 2), ("CASE-B", 2), ("BGA-256", 256), ("SOT-223", 4),
        ("LED0805", 2), ("D_SMA", 2), ("Crystal", None),
    ],
)  # fmt: skip
def test_joints_are_guessed_from_the_package(package: str, pins: int | None) -> None:
    assert outline_of(package).terminations == pins


@given(st.text(max_size=20))
def test_any_package_has_an_outline(package: str) -> None:
    outline = outline_of(package)
    assert outline.w_mm > 0 and outline.h_mm > 0
