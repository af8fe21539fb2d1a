"""Whatever is done to a window, every box still lies where its defect is."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from aoi_app.training.augment import Augmentation, Augmenter  # noqa: E402

SIDE = 256
STILL = Augmentation(
    dihedral=0,
    warp=0,
    mosaic=0,
    levels=0,
    noise=0,
    blur=0,
    jpeg=0,
    golden=True,
    golden_missing=0,
    golden_shift=0,
    pad=1.0,
)


def blobs(count: Any, seed: Any, margin: Any = 10) -> Any:
    """White windows with one dark rectangle each; labels name first and last pixel and leave a margin."""
    rng = np.random.default_rng(seed)
    images = np.full((count, 2, SIDE, SIDE), 255, np.uint8)
    boxes = np.zeros((count, 1, 4), np.float32)
    for n in range(count):
        x, y, w, h = (int(v) for v in (*rng.integers(90, 140, 2), *rng.integers(8, 30, 2)))
        images[n, :, y : y + h, x : x + w] = 0
        boxes[n, 0] = (x - margin, y - margin, x + w - 1 + margin, y + h - 1 + margin)
    return torch.from_numpy(images), torch.from_numpy(boxes), torch.zeros(count, 1, dtype=torch.long)


def misfit(images: Any, boxes: Any, labels: Any, margin: Any = 10) -> Any:
    """Largest distance of a box from the rectangle it stands for, pixels."""
    worst = 0.0
    for picture, box, label in zip(images, boxes[:, 0], labels[:, 0], strict=True):
        if label < 0:
            continue
        rows, columns = np.nonzero(picture[0].numpy() < 0.5)
        wanted = np.array(
            [columns.min() - margin, rows.min() - margin, columns.max() + margin, rows.max() + margin], np.float32
        )
        worst = max(worst, float(np.abs(box.numpy() - wanted).max()))
    return worst


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_flips_and_quarter_turns_are_exact(seed: Any) -> None:
    plan = Augmentation(**{**fields(STILL), "dihedral": 1.0, "offset": 0.5})
    out = Augmenter(plan, torch.Generator().manual_seed(seed))(*blobs(8, seed))
    assert misfit(*out) == 0


def test_without_the_pixel_offset_a_mirrored_box_is_off_by_one() -> None:
    plan = Augmentation(**{**fields(STILL), "dihedral": 1.0})
    out = Augmenter(plan, torch.Generator().manual_seed(1))(*blobs(16, 1))
    assert misfit(*out) == 1


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_shift_and_stretch_keep_boxes_tight_and_margins_constant(seed: Any) -> None:
    plan = Augmentation(
        **{**fields(STILL), "dihedral": 1.0, "warp": 1.0, "turn": 0.0, "shift": 0.1, "margin": 10.0, "offset": 0.5}
    )
    out = Augmenter(plan, torch.Generator().manual_seed(seed))(*blobs(8, seed))
    assert misfit(*out) <= 1.01


def test_small_turns_keep_the_centre() -> None:
    plan = Augmentation(**{**fields(STILL), "warp": 1.0, "turn": 5.0, "stretch": 0.0, "shift": 0.0, "offset": 0.5})
    images, boxes, _ = Augmenter(plan, torch.Generator().manual_seed(2))(*blobs(8, 2))
    for picture, box in zip(images, boxes[:, 0], strict=True):
        rows, columns = np.nonzero(picture[0].numpy() < 0.5)
        centre = np.array([columns.mean(), rows.mean()])
        assert np.abs((box[:2] + box[2:]).numpy() / 2 - centre).max() < 0.6


def test_a_negative_swaps_classes_and_a_missing_golden_image_is_grey() -> None:
    plan = Augmentation(**{**fields(STILL), "invert": 1.0, "swaps": (1, 0), "golden_missing": 1.0, "pad": 0.0})
    images, boxes, labels = blobs(4, 3)
    out, _, swapped = Augmenter(plan, torch.Generator().manual_seed(0))(images, boxes, labels)
    assert (swapped == 1).all()
    assert torch.equal(out[:, 0], 1 - images[:, 0] / 255)
    assert (out[:, 1] == 128 / 255).all()


def test_a_mosaic_keeps_only_what_is_seen() -> None:
    plan = Augmentation(**{**fields(STILL), "mosaic": 1.0})
    images, boxes, labels = Augmenter(plan, torch.Generator().manual_seed(4))(*blobs(16, 4))
    for picture, row, kinds in zip(images, boxes, labels, strict=True):
        for box in row[kinds >= 0].int():
            assert picture[0, box[1] : box[3], box[0] : box[2]].min() == 0
        assert (row[kinds >= 0] >= 0).all() and (row[kinds >= 0] <= SIDE).all()


def test_the_jpeg_step_is_that_of_a_jpeg_file() -> None:
    images, _, _ = blobs(4, 5)
    source = Augmenter(Augmentation(**{**fields(STILL), "jpeg": 1.0}), torch.Generator().manual_seed(0))
    quality = 70.0
    source._uniform = lambda *shape, low=0.0, high=1.0: torch.full(shape, quality if high > 2 else 0.0)  # type: ignore[method-assign]
    rung = source._jpeg(images.float() / 255).clamp(0, 1) * 255
    for index in range(4):
        file = cv2.imencode(".jpg", images[index, 0].numpy(), [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
        opened = np.asarray(cv2.imdecode(file, 0), float)
        assert np.abs(opened - rung[index, 0].numpy()).mean() < 1.0


def test_the_same_seed_gives_the_same_batch(corpus: Any) -> None:
    c = corpus(6)
    batch = (torch.from_numpy(c.images), torch.from_numpy(c.boxes), torch.from_numpy(c.labels))
    plan = Augmentation(golden=True)
    first = Augmenter(plan, torch.Generator().manual_seed(9))(*batch)
    again = Augmenter(plan, torch.Generator().manual_seed(9))(*batch)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def fields(plan: Any) -> Any:
    return {name: getattr(plan, name) for name in plan.__slots__}
