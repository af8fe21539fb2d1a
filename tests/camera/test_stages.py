"""Unpacking, flat field, gate and frame ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi_app.camera import stages
from aoi_app.camera.aravis_stream import image_bytes
from aoi_app.camera.assembler import BoardAssembler
from aoi_app.camera.flat_field import Conditions, Corrector, FlatField, check_dark
from aoi_app.camera.frame_ids import CYCLE_16, FrameIds
from aoi_app.camera.gate import BoardEnd, BoardGate, CameraBlock
from aoi_app.camera.gige.block_encoder import fit_width, pack
from aoi_app.camera.gige.features import PIXEL_FORMATS
from aoi_app.camera.gige.gvsp import StreamBlock, chunk_tail
from aoi_app.camera.intake import Intake
from aoi_app.camera.ring import BufferRing
from aoi_app.camera.stages import Stages
from aoi_app.camera.unpack import LAYOUTS, Raw, colour, layout_of, line_bytes, to_eight_bit, unpack
from aoi_app.core.errors import CameraError, CameraLost, FeatureError
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import LineBlock, Pixels, ScanEnd

CONDITIONS = Conditions(64, "Mono8", 50.0, 0.0, 10_000.0)


@pytest.mark.parametrize("name", ["Mono8", "Mono12", "Mono12p"])
def test_what_the_device_packs_is_unpacked(name: str) -> None:
    board = np.random.default_rng(1).integers(0, 256, (7, 34), dtype=np.uint8)
    raw = unpack(np.frombuffer(pack(board, PIXEL_FORMATS[name]), np.uint8), 34, layout_of(name))
    top = (1 << layout_of(name).depth) - 1
    assert int(raw.max()) <= top
    out = np.empty_like(board)
    to_eight_bit(raw, 0, top, out)
    assert np.array_equal(out, board)


def test_mono12packed() -> None:
    # GigE Vision 1.x: high byte, the two low nibbles, high byte
    raw = unpack(np.array([0xAB, 0x5C, 0x12] * 2, np.uint8), 2, layout_of("Mono12Packed"))
    assert raw.tolist() == [[0xABC, 0x125]] * 2


def test_pylon_unpacks_the_same() -> None:
    pylon = pytest.importorskip("pypylon.pylon", reason="pip install pypylon")
    data = np.random.default_rng(2).integers(0, 256, 96 * 10 * 3 // 2, dtype=np.uint8)
    image = pylon.PylonImage()
    image.AttachMemoryView(memoryview(data.tobytes()), pylon.PixelType_Mono12p, 96, 10, 0)
    converter = pylon.ImageFormatConverter()
    converter.OutputPixelFormat = pylon.PixelType_Mono16
    converter.OutputBitAlignment.Value = "LsbAligned"
    theirs = converter.Convert(image).GetArray()
    assert np.array_equal(unpack(data, 96, layout_of("Mono12p")), theirs)


@pytest.mark.parametrize(("name", "rgb"), [("BayerRG8", 0), ("BayerBG8", 2)])
def test_bayer_red_stays_red(name: str, rgb: int) -> None:
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[::2, ::2] = 200  # the first pixel of the first row
    pixels = colour(mosaic, layout_of(name))
    assert pixels.shape == (8, 8, 3)
    assert pixels[4, 4].argmax() == rgb and pixels[4, 4, rgb] == 200


@pytest.mark.parametrize("lines", [0, 1, 2, 5])
def test_the_last_block_of_a_bayer_board_may_be_short(lines: int) -> None:
    pixels = colour(np.full((lines, 8), 90, np.uint8), layout_of("BayerRG8"))
    assert pixels.shape == (lines, 8, 3) and (pixels == 90).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 90), st.integers(8, 40), st.sampled_from(sorted(LAYOUTS)), st.booleans())
def test_strips_change_nothing(lines: int, half_width: int, name: str, correct: bool) -> None:
    layout, width, height = layout_of(name), 2 * half_width, 64
    rng = np.random.default_rng(lines)
    data = rng.integers(0, 256, line_bytes(width, layout) * lines, dtype=np.uint8)
    if layout.bits == 16:
        data = (data.view("<u2") & ((1 << layout.depth) - 1)).view(np.uint8)
    conditions = replace(CONDITIONS, width=width, pixel_format=name)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        options = {}
        if correct:
            shape: tuple[int, ...] = (width,) if layout.channels == 1 else (width, 3)
            shape = (2, width) if layout.bayer is not None else shape
            dark, gain = (rng.uniform(low, high, shape).astype(np.float32) for low, high in ((0.0, 9.0), (0.8, 1.3)))
            FlatField(dark, gain, (3,), conditions).save(Path(folder) / "f.npz")
            options["flat_field"] = str(Path(folder) / "f.npz")
        whole = Stages(conditions, height, options)(data)
        patch.setattr(stages, "STRIP_SAMPLES", 5 * width)
        assert np.array_equal(Stages(conditions, height, options)(data), whole)


def test_lines_that_begin_inside_a_byte_and_halves_of_bayer_pairs_are_refused() -> None:
    with pytest.raises(FeatureError, match="whole bytes"):
        Stages(replace(CONDITIONS, width=63, pixel_format="Mono12p"), 8, {})
    with pytest.raises(FeatureError, match="pairs of BayerRG8"):
        Stages(replace(CONDITIONS, pixel_format="BayerRG8"), 7, {})


def test_half_a_line_is_no_line() -> None:
    assert unpack(np.zeros(64 * 3 + 17, np.uint8), 64, LAYOUTS["Mono8"]).shape == (3, 64)


def test_an_unknown_format_and_a_window_upside_down_are_refused() -> None:
    with pytest.raises(FeatureError, match="Mono99"):
        layout_of("Mono99")
    with pytest.raises(FeatureError, match="window"):
        Stages(CONDITIONS, 8, {"black_level": 200, "white_level": 100})


def corrected(field: FlatField, raw: Raw, black: int = 0, white: int = 255) -> Pixels:
    out = np.empty(raw.shape, np.uint8)
    Corrector(field, raw.shape[0], black, white)(raw, out)
    return out


def test_the_flat_field_evens_out_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    dark, gain = rng.uniform(2, 12, 64), rng.uniform(0.6, 1.4, 64)

    def seen(light: float) -> np.ndarray:
        lines = np.clip(dark + light / gain + rng.normal(0, 0.5, (400, 64)), 0, 255)
        return np.asarray(lines.round(), np.uint8)

    field = FlatField.measure(seen(0), seen(100), 8, CONDITIONS)
    field.save(tmp_path / "f" / "flat.npz")
    out = corrected(FlatField.load(tmp_path / "f" / "flat.npz"), seen(60))
    columns = out.mean(axis=0)
    assert np.abs(columns - columns.mean()).max() < 1.0


def test_the_flat_field_of_a_bayer_pattern_keeps_to_its_colours() -> None:
    rng = np.random.default_rng(4)
    conditions = replace(CONDITIONS, pixel_format="BayerRG8")
    shading = np.linspace(0.7, 1.3, 64)
    sensitivity = np.ones((2, 64))
    sensitivity[0, ::2], sensitivity[1, 1::2] = 0.5, 0.8  # red and blue see less of a white target than green

    def mosaic(light: float, lines: int = 200) -> np.ndarray:
        clean = np.tile(shading * sensitivity * light + 6, (lines // 2, 1))
        return np.asarray(np.clip(clean + rng.normal(0, 0.5, clean.shape), 0, 255).round(), np.uint8)

    dark, bright = mosaic(0), mosaic(150)
    bright[:, 40] = 6
    field = FlatField.measure(dark, bright, 8, conditions)
    assert field.gain.shape == (2, 64) and field.bad_columns == (40,)
    out = corrected(field, mosaic(100))
    assert np.abs(out.mean(axis=0) - out.mean()).max() < 1.5
    pixels = colour(out, layout_of("BayerRG8"))
    assert np.abs(pixels.mean(axis=(0, 1)) - pixels.mean()).max() < 1.5


def test_hot_and_dead_columns_take_their_neighbours() -> None:
    dark, bright = np.full((16, 64), 5, np.uint8), np.full((16, 64), 105, np.uint8)
    dark[:, 9], bright[:, 9] = 200, 230
    bright[:, 20:22] = 5
    field = FlatField.measure(dark, bright, 8, CONDITIONS)
    assert field.bad_columns == (9, 20, 21)
    out = corrected(field, bright)
    assert (out == 100).all()


def test_the_correction_joins_with_the_window() -> None:
    field = FlatField(np.full(64, 100, np.float32), np.full(64, 2, np.float32), (), CONDITIONS)
    raw = np.full((4, 64), 600, np.uint16)
    # (600 - 100) * 2 = 1000; half of the way from 500 to 1500
    assert set(corrected(field, raw, 500, 1_500).ravel().tolist()) <= {127, 128}


@pytest.mark.parametrize(
    "change",
    [{"width": 65}, {"pixel_format": "Mono12"}, {"exposure_time_us": 60.0}, {"gain_db": 3.0},
     {"acquisition_line_rate": 9_000.0}, {"exposure_time_us": None}],
)  # fmt: skip
def test_a_flat_field_of_other_settings_is_refused(change: dict[str, object]) -> None:
    field = FlatField(np.zeros(64, np.float32), np.ones(64, np.float32), (), CONDITIONS)
    field.check(replace(CONDITIONS, exposure_time_us=50.2))
    with pytest.raises(CameraError, match=next(iter(change))):
        field.check(replace(CONDITIONS, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [6, 255])
def test_a_target_that_is_dark_or_saturated_is_refused(level: int) -> None:
    with pytest.raises(CameraError, match="bright target"):
        FlatField.measure(np.full((4, 64), 5, np.uint8), np.full((4, 64), level, np.uint8), 8, CONDITIONS)


def test_dark_lines_with_light_in_them_are_refused() -> None:
    check_dark(np.full((4, 64), 30, np.uint8))
    with pytest.raises(CameraError, match="mean grey level is 115"):
        check_dark(np.full((4, 64), 115, np.uint8))


def test_a_file_that_is_no_flat_field_is_refused(tmp_path: Path) -> None:
    good = FlatField(np.zeros(64, np.float32), np.ones(64, np.float32), (), CONDITIONS)
    good.save(tmp_path / "good.npz")
    data = (tmp_path / "good.npz").read_bytes()
    np.save(tmp_path / "array.npy", good.dark)
    damaged = {
        "nothing": b"nothing",
        "empty": b"",
        "cut": data[: len(data) // 2],
        "changed": data[:200] + b"\x11" + data[201:],
        "array": (tmp_path / "array.npy").read_bytes(),
    }
    for change in ({"dark": good.dark[:9]}, {"gain": 0 * good.gain}, {"bad_columns": (64,)}):
        replace(good, **change).save(tmp_path / "wrong.npz")
        damaged[str(change)] = (tmp_path / "wrong.npz").read_bytes()
    for content in damaged.values():
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(CameraError, match="no flat field"):
            FlatField.load(tmp_path / "x.npz")


@given(st.integers(1, CYCLE_16), st.lists(st.integers(1, 5_000), max_size=60))
def test_frame_ids_unwrap(first: int, steps: list[int]) -> None:
    ids, count, wire = FrameIds(), 0, first
    assert ids.unwrap(first) == 0
    for step in steps:
        count += step
        wire = (wire - 1 + step) % CYCLE_16 + 1
        assert ids.unwrap(wire) == count
        assert ids.unwrap((wire - 2) % CYCLE_16 + 1) < count


def test_frame_ids_of_64_bits_do_not_wrap() -> None:
    ids = FrameIds()
    assert [ids.unwrap(n) for n in (65_534, 65_535, 65_536, 70_000)] == [0, 1, 2, 4_466]


def block(frame_id: int, lines: int = 8, **known: object) -> CameraBlock:
    return CameraBlock(np.zeros((lines, 16), np.uint8), frame_id, 0, **known)  # type: ignore[arg-type]


def flags_of(*blocks: LineBlock | None) -> list[tuple[bool, bool]]:
    return [(b.starts_board, b.ends_board) for b in blocks if b is not None]


def flags(gate: BoardGate, *blocks: CameraBlock) -> list[tuple[bool, bool]]:
    return flags_of(*map(gate.apply, blocks))


def test_the_sensor_ends_a_board_and_the_part_counter_begins_it() -> None:
    on, off = {"board_present": True}, {"board_present": False}
    got = flags(BoardGate(8), block(0, part=0, **on), block(1, part=1, **off), block(5, part=1, **on),
                block(6, part=0, **off))  # fmt: skip
    assert got == [(True, False), (False, True), (False, False), (True, True)]


def test_after_a_lost_block_no_beginning_is_assumed() -> None:
    got = flags(BoardGate(8), block(0, 5), block(1), block(2, 3), block(4))
    assert got == [(False, True), (True, False), (False, True), (False, False)]


def test_boards_of_equal_length_keep_their_place_after_a_loss() -> None:
    gate = BoardGate(8, BoardEnd.LENGTH, board_lines=24)
    got = flags(gate, *(block(n) for n in (0, 1, 2, 4, 5, 6)))
    assert got == [(True, False), (False, False), (False, True), (False, False), (False, True), (True, False)]
    with pytest.raises(FeatureError, match="multiple of Height"):
        BoardGate(8, BoardEnd.LENGTH, board_lines=20)


def test_the_counter_ends_a_board_when_it_counts_anew_or_nothing_comes() -> None:
    now = [0.0]
    gate = BoardGate(8, BoardEnd.COUNTER, quiet_s=1.0, clock_s=lambda: now[0])
    assert flags(gate, block(0, part=0), block(1, part=1), block(2, part=0)) == [(True, False), (False, True)]
    assert gate.quiet() is None
    now[0] = 1.0
    last = gate.quiet()
    assert last is not None and (last.frame_id, last.starts_board, last.ends_board) == (2, True, True)
    assert gate.quiet() is None


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        ((2, 2), (4, 1), True),  # the block that was lost is the first one of the next board
        ((2, 2), (5, 0), False),  # two were lost, of the board before
        ((2, 2), (5, 1), False),  # one of either
        ((2, 2), (3, 3), False),
    ],
)
def test_the_counter_ends_no_board_whose_last_blocks_were_lost(
    before: tuple[int, int], after: tuple[int, int], ends: bool
) -> None:
    gate = BoardGate(8, BoardEnd.COUNTER)
    ((_, ended),) = flags(gate, *(block(number, part=part) for number, part in (before, after)))
    assert ended is ends


@pytest.mark.parametrize("end", [BoardEnd.COUNTER, BoardEnd.TIMEOUT])
def test_a_board_whose_last_block_was_incomplete_does_not_end_by_itself(end: BoardEnd) -> None:
    now = [0.0]
    gate = BoardGate(8, end, quiet_s=1.0, clock_s=lambda: now[0])
    assert flags(gate, block(0, part=0), block(1, part=1)) == [(True, False)]
    now[0] = 0.5
    gate.miss()
    now[0] = 1.25
    assert gate.quiet() is None
    now[0] = 1.5
    last, stand_in = gate.quiet(), gate.quiet()
    assert last is not None and not last.ends_board and gate.quiet() is None
    assert stand_in is not None and stand_in.is_incomplete and stand_in.ends_board
    assert (stand_in.frame_id, stand_in.lines, stand_in.starts_board) == (2, 0, False)
    assert gate.apply(block(3, part=0)) is None
    now[0] = 9.0
    (following,) = flags_of(gate.quiet())
    assert following == (True, True)


@pytest.mark.parametrize("end", [BoardEnd.COUNTER, BoardEnd.TIMEOUT])
def test_boards_whose_last_block_was_incomplete_are_errors_and_the_next_one_is_its_own(end: BoardEnd) -> None:
    now = [0.0]
    gate = BoardGate(8, end, quiet_s=1.0, clock_s=lambda: now[0])
    assembler = BoardAssembler(BufferRing(4, 16 * 64), 8)
    ends: list[ScanEnd] = []

    def feed(*blocks: LineBlock | None) -> None:
        for each in blocks:
            ends.extend(e for e in (assembler.feed(each) if each else ()) if isinstance(e, ScanEnd))

    for first in (0, 3):
        feed(gate.apply(block(first, part=0)), gate.apply(block(first + 1, part=1)))
        gate.miss()
        now[0] += 2.0
        feed(gate.quiet())  # the end is still due when the next board begins
    feed(gate.apply(block(6, part=0)))
    now[0] += 2.0
    feed(gate.quiet())
    assert [(e.completeness.ok, e.completeness.lines, e.completeness.missing_lines) for e in ends] == [
        (False, 16, 8),
        (False, 16, 8),
        (True, 8, 0),
    ]
    assert ends[0].completeness.reasons == ("block 2 is incomplete (8 lines)",)


def test_a_time_out_ends_a_board() -> None:
    now = [0.0]
    gate = BoardGate(8, BoardEnd.TIMEOUT, quiet_s=1.0, clock_s=lambda: now[0])
    assert flags(gate, block(0), block(1)) == [(False, False)]
    now[0] = 2.0
    last = gate.quiet()
    assert last is not None and last.ends_board
    assert flags(gate, block(2), block(3)) == [(True, False)]


@given(st.integers(0, 40), st.integers(16, 60))
def test_the_image_is_found_before_its_chunks(lines: int, width: int) -> None:
    size = lines * width
    data = np.frombuffer(bytes(size) + chunk_tail(size, tuple(range(7))), np.uint8)
    assert image_bytes(data) == size


def test_bytes_that_look_like_endless_chunks_are_none() -> None:
    assert image_bytes(np.zeros(50_000_000, np.uint8)) > 49_000_000


@given(st.binary(max_size=400), st.integers(100, 300))
def test_packets_put_together_are_the_block(body: bytes, packet_size: int) -> None:
    whole = StreamBlock(7, body, 5, 0x01080001, 16, 4, 4, False, packet_size)
    packets = list(whole.packets())
    assert b"".join(bytes(part) for _, part in packets[1:-1]) == body
    assert len(packets) == whole.last_packet + 1
    assert all(len(head) + len(part) + 28 <= packet_size for head, part in packets)


def test_a_narrow_board_gets_black_beside_it() -> None:
    board = np.full((3, 10), 9, np.uint8)
    assert fit_width(board, 12)[0].tolist() == [9] * 10 + [0, 0]
    assert fit_width(board, 6).shape == (3, 6)


def test_a_stream_that_must_not_rest_is_lost_when_it_is_silent() -> None:
    now = [0.0]
    applied = AcquisitionConfig(width=16, height=4)
    intake = Intake(applied, "Mono8", {"silence_s": 2.0, "board_lines": 4}, clock_s=lambda: now[0])
    now[0] = 2.0
    assert intake.take(np.zeros(64, np.uint8), 1, 0) is not None
    now[0] = 4.0
    assert intake.quiet() is None
    now[0] = 4.1
    with pytest.raises(CameraLost, match="for 2 s"):
        intake.quiet()
    for options, rests, patience in (({}, True, 1e9), ({}, False, 10.0), ({"silence_s": 0}, False, 1e9)):
        slow = AcquisitionConfig(width=16, height=40, acquisition_line_rate=40.0)
        intake = Intake(slow, "Mono8", options, rests=rests, clock_s=lambda: now[0])
        now[0] += min(patience, 1e6)
        assert intake.quiet() is None
        now[0] += 0.5
        if patience < 1e6:
            with pytest.raises(CameraLost, match=f"for {patience:g} s"):
                intake.quiet()
    with pytest.raises(FeatureError, match="bell"):
        Intake(applied, "Mono8", {"board_end": "bell"})
