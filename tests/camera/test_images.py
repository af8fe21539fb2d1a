from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.camera.decoding import damage, overheard
from aoi_app.camera.images import list_images, read_board
from aoi_app.core.errors import ImageError
from aoi_app.core.image_header import image_size, tiff_pages

GREY = np.random.default_rng(1).integers(0, 256, (37, 53), dtype=np.uint8)
COLOUR = np.random.default_rng(2).integers(0, 256, (37, 53, 3), dtype=np.uint8)


def png_of_size(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".jpg", ".webp", ".pgm"])
def test_grey_files_stay_grey(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"board{suffix}"
    cv2.imwrite(str(file), GREY)
    board = read_board(file)
    expected = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert expected is not None
    if expected.ndim == 2:  # webp knows no grey
        assert board.shape == GREY.shape and np.array_equal(board, expected)
    else:
        assert np.array_equal(board, expected[..., ::-1])
    assert not board.flags.writeable


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_colour_files_are_rgb(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"board{suffix}"
    cv2.imwrite(str(file), COLOUR[..., ::-1])
    assert np.array_equal(read_board(file), COLOUR)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".jp2", ".ppm", ".pgm"])
def test_the_size_is_known_before_decoding(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"board{suffix}"
    cv2.imwrite(str(file), GREY if suffix == ".pgm" else COLOUR)
    data = file.read_bytes()
    assert image_size(data) == (53, 37)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert image_size(mapped) == (53, 37)
    for end in range(40):  # cut short it is told or not, and nothing else
        assert image_size(data[:end]) in (None, (53, 37))


def test_the_size_of_other_webp_and_pnm_files() -> None:
    lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 52 | 36 << 14) + bytes(8)
    extended = b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + (52).to_bytes(3, "little") + (36).to_bytes(3, "little")
    assert image_size(lossless) == image_size(extended) == (53, 37)
    assert image_size(b"P5 # by a camera\n#and more\n53\n37\n255\n") == (53, 37)
    assert image_size(b"P5 x 37\n") is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("pages", [1, 2])
def test_the_size_and_pages_of_a_big_tiff(order: str, pages: int) -> None:
    mark = b"II+\0" if order == "<" else b"MM\0+"
    data = mark + struct.pack(order + "HHQ", 8, 0, 16)
    for page in range(pages):
        entries = [(256, 3, 53), (257, 16, 37)]
        body = struct.pack(order + "Q", len(entries))
        for tag, kind, value in entries:
            held = struct.pack(order + "H6x", value) if kind == 3 else struct.pack(order + "Q", value)
            body += struct.pack(order + "HHQ", tag, kind, 1) + held
        after = len(data) + len(body) + 8 if page + 1 < pages else 0
        data += body + struct.pack(order + "Q", after)
    assert image_size(data) == (53, 37)
    assert tiff_pages(data) == pages


def test_transparency_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "board.png"
    cv2.imwrite(str(file), np.dstack([COLOUR[..., ::-1], GREY]))
    assert np.array_equal(read_board(file), COLOUR)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_images_are_windowed_by_their_bits(tmp_path: Path, bits: int) -> None:
    file = tmp_path / "board.png"
    top = (1 << bits) - 1
    deep = np.linspace(0, top, 37 * 53).astype(np.uint16).reshape(37, 53)
    cv2.imwrite(str(file), deep)
    board = read_board(file)
    assert (board[0, 0], board[-1, -1]) == (0, 255)
    assert np.abs(board.astype(float) - deep * (255 / top)).max() <= 0.51


def test_a_window_cuts_below_black_and_above_white(tmp_path: Path) -> None:
    file = tmp_path / "board.png"
    cv2.imwrite(str(file), np.tile(np.array([[0, 999, 1000, 1500, 2000, 60_000]], np.uint16), (4, 4)))
    assert read_board(file, window=(1000, 2000))[0, :6].tolist() == [0, 0, 0, 127, 255, 255]


def test_names_that_are_not_ascii(tmp_path: Path) -> None:
    file = tmp_path / "板子 №1.png"
    file.write_bytes(cv2.imencode(".png", GREY)[1].tobytes())
    assert np.array_equal(read_board(file), GREY)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.png", b"", "is empty"),
        ("a.png", b"no image", "is not an image"),
        ("a.png", png_of_size(30_000, 10), "30000 x 10 px"),
        ("a.png", png_of_size(100, 70_000), "100 x 70000 px"),
        ("a.png", png_of_size(4, 4), "4 x 4 px"),
        ("a.jpg", cv2.imencode(".jpg", GREY)[1].tobytes()[:-200], "cut short"),
        ("a.jpg", b"\xff\xd8\xff", "cut short"),
        ("a.tif", b"II*\0\xff\xff\xff\xff", "is not an image"),
        ("a.bmp", b"BM" + b"\0" * 10, "is not an image"),
    ],
)
def test_hostile_files_are_refused_with_the_reason(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ImageError, match=says) as caught:
        read_board(file)
    assert str(file) in caught.value.what and caught.value.hint


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_cut_short_is_never_a_board(tmp_path: Path, suffix: str, share: float) -> None:
    whole = cv2.imencode(suffix, np.repeat(GREY, 8, axis=0))[1].tobytes()
    file = tmp_path / f"a{suffix}"
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ImageError):
        read_board(file)


def test_float_images_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    cv2.imwrite(str(file), GREY.astype(np.float32))
    with pytest.raises(ImageError, match="float32"):
        read_board(file)


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_that_is_damaged_in_its_middle_is_no_board(
    tmp_path: Path, progressive: int, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (320, 400), np.uint8)
    data = bytearray(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes())
    data[len(data) // 2 : len(data) // 2 + 200] = b"\xff\xd9" * 100 if progressive else bytes(200)
    file = tmp_path / "a.jpg"
    file.write_bytes(data)
    with pytest.raises(ImageError, match="damaged"):
        read_board(file)
    assert capfd.readouterr().err == ""


def test_what_libraries_say_of_a_picture_stays_among_us(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, suffix in (("a.png", ".png"), ("a.tif", ".tif"), ("a.webp", ".webp")):
        file = tmp_path / name
        file.write_bytes(cv2.imencode(suffix, COLOUR)[1].tobytes()[:-400])
        with pytest.raises(ImageError):
            read_board(file)
    assert capfd.readouterr().err == ""


def test_what_others_say_meanwhile_comes_through(capfd: pytest.CaptureFixture[str]) -> None:
    with overheard() as said:
        os.write(2, b"libpng error: bad\n\nengine: warm\nCorrupt JPEG data: 3 extraneous bytes")
    assert capfd.readouterr().err == "engine: warm\n"
    assert damage(said) == "Corrupt JPEG data: 3 extraneous bytes" and said[0] == "libpng error: bad"


def test_a_tiff_of_several_pictures_is_not_one_board(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    cv2.imwritemulti(str(file), [GREY, GREY])
    assert tiff_pages(file.read_bytes()) == 2
    with pytest.raises(ImageError, match="holds 2 pictures, where one board is expected"):
        read_board(file)


def test_smaller_copies_in_a_tiff_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    cv2.imwritemulti(str(file), [GREY, GREY])
    data = bytearray(file.read_bytes())
    # The kind of the second picture, in its directory: 254 (kind), a long, one, of pages.
    kind = data.rfind(struct.pack("<HHI", 254, 4, 1))
    assert kind > 0
    data[kind + 8 : kind + 12] = struct.pack("<I", 1)
    assert tiff_pages(bytes(data)) == 1
    for cut in range(0, len(data), 7):  # wherever it ends, it is counted or not, and nothing else
        assert tiff_pages(bytes(data[:cut])) in (1, 2)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        read_board(tmp_path / "none.png")
    with pytest.raises(ImageError, match="cannot be read"):
        read_board(tmp_path)


def test_boards_larger_than_a_buffer_are_refused_before_decoding(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png_of_size(16_000, 60_000))
    with pytest.raises(ImageError, match="larger than a board buffer"):
        read_board(file, max_bytes=1_000_000)


def test_files_come_in_the_order_that_people_expect(tmp_path: Path) -> None:
    for name in ("b10.png", "b2.PNG", "a.jpg", "notes.txt", "b2a.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "sub.png").mkdir()
    assert [p.name for p in list_images(tmp_path)] == ["a.jpg", "b2.PNG", "b2a.png", "b10.png"]
