"""Data sets become windows: larger pictures are cut, smaller ones padded, boxes move with them."""

from __future__ import annotations

import numpy as np
import pytest

from aoi_app.inference.card import Channels
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Dataset, Sample
from aoi_app.training.loading import channels_of, input_in_words, load_corpus


def sample(width: int, lines: int, *boxes: tuple[float, float, float, float], golden: bool = True) -> Sample:
    picture = np.arange(lines * width, dtype=np.uint32).reshape(lines, width).astype(np.uint8)
    labels = tuple(Annotation("open", box) for box in boxes)
    return Sample(f"p{width}x{lines}", picture, labels, "board", 255 - picture if golden else None)


def test_a_large_picture_is_cut_and_every_defect_is_in_some_window() -> None:
    boxes = ((2, 3, 20, 24), (120, 130, 140, 150), (279, 180, 298, 198))
    data = Dataset(("open",), (sample(300, 200, *boxes),))
    corpus = load_corpus(data, Channels.GREY_GOLDEN, 128)
    assert corpus.images.shape == (6, 2, 128, 128)
    whole = data.samples[0].pixels()
    found = set()
    for image, row, labels, stem in zip(corpus.images, corpus.boxes, corpus.labels, corpus.stems, strict=True):
        left, top = (int(v) for v in stem.split("@")[1].split(","))
        assert np.array_equal(image[0], whole[top : top + 128, left : left + 128])
        assert np.array_equal(image[1], 255 - image[0])
        for box in row[labels >= 0] + np.array([left, top, left, top]):
            found |= {wanted for wanted in boxes if np.allclose(box, wanted)}
    assert found == set(boxes)


def test_a_small_picture_is_padded_and_a_cut_defect_is_no_defect() -> None:
    corpus = load_corpus(Dataset(("open",), (sample(90, 70, (80, 60, 120, 100)),)), Channels.GREY, 128)
    assert corpus.images.shape == (1, 1, 128, 128)
    assert (corpus.images[0, 0, 70:] == 114).all() and (corpus.images[0, 0, :, 90:] == 114).all()
    assert corpus.boxes[0, 0].tolist() == [80, 60, 120, 100]


def test_a_missing_golden_picture_is_grey_and_decides_the_channels() -> None:
    with_golden, without = sample(128, 128), sample(128, 128, golden=False)
    assert channels_of(Dataset(("open",), (with_golden,))) is Channels.GREY_GOLDEN
    assert channels_of(Dataset(("open",), (with_golden, without))) is Channels.GREY
    corpus = load_corpus(Dataset(("open",), (without,)), Channels.GREY_GOLDEN, 128)
    assert (corpus.images[0, 1] == 128).all()


def test_colour_becomes_three_planes_in_the_order_asked_for() -> None:
    colour = np.zeros((64, 64, 3), np.uint8)
    colour[..., 0] = 200
    data = Dataset(("open",), (Sample("c", colour, (), "board"),))
    assert channels_of(data) is Channels.RGB
    assert load_corpus(data, Channels.RGB, 64).images[0, :, 0, 0].tolist() == [200, 0, 0]
    assert load_corpus(data, Channels.BGR, 64).images[0, :, 0, 0].tolist() == [0, 0, 200]


def test_a_golden_picture_of_another_size_is_refused() -> None:
    odd = Sample("odd", np.zeros((64, 64), np.uint8), (), "board", np.zeros((64, 65), np.uint8))
    with pytest.raises(DataError, match="65 x 64"):
        load_corpus(Dataset(("open",), (odd,)), Channels.GREY_GOLDEN, 64)
    with pytest.raises(DataError, match="no picture"):
        channels_of(Dataset(("open",), ()))


def test_golden_images_that_nobody_looks_at_are_told() -> None:
    data = Dataset(("open",), (sample(128, 128), sample(128, 130, golden=False)))
    said = input_in_words(data, channels_of(data))
    assert "1 of 2 pictures have none" in said and "--channels grey+golden" in said
    assert input_in_words(data, Channels.GREY_GOLDEN) == "input grey+golden"
