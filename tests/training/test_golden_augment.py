"""What is done to the golden image beside the scan: twins, far slips, and the exact end of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from aoi_app.training.augment import Augmenter  # noqa: E402
from tests.training.test_augment import STILL, blobs, misfit  # noqa: E402


def scans_with_clean_goldens(count: int, seed: int) -> Any:
    images, boxes, labels = blobs(count, seed)
    images[:, 1] = 255
    return images, boxes, labels


def augmented(seed: int = 3, count: int = 64, **changes: Any) -> Any:
    plan = replace(STILL, **changes)
    return Augmenter(plan, torch.Generator().manual_seed(seed))(*scans_with_clean_goldens(count, seed))


def test_a_twin_stands_in_the_golden_image_and_is_no_defect_any_more() -> None:
    images, _, labels = augmented(twins=1.0)
    scan, golden = (images[:, plane] < 0.5 for plane in (0, 1))
    gone = labels[:, 0] < 0
    assert 16 < int(gone.sum()) < 48
    assert not golden[~gone].any()
    drawn = scan[gone].sum((1, 2))
    kept = (golden & scan)[gone].sum((1, 2))
    assert bool((kept > 0.6 * drawn).all())  # a pixel narrower at the most


def test_without_a_golden_image_every_defect_counts() -> None:
    images, _, labels = augmented(twins=1.0, golden_missing=1.0)
    assert bool((labels >= 0).all())
    assert bool((images[:, 1] == STILL.missing).all())


def test_a_slip_moves_the_golden_image_far_and_the_scan_not_at_all() -> None:
    plan = replace(STILL, golden_shift=1.0, golden_slip=1.0, golden_slip_px=12.0)
    before = blobs(48, 5)
    images, boxes, labels = Augmenter(plan, torch.Generator().manual_seed(5))(*(part.clone() for part in before))
    assert torch.equal(images[:, 0], before[0][:, 0].float() / 255)
    assert misfit(images, boxes, labels) == 0
    off = [
        abs(float(i[1].lt(0.5).nonzero().float().mean(0)[1] - i[0].lt(0.5).nonzero().float().mean(0)[1]))
        for i in images
    ]
    assert max(off) > 4
    assert max(off) <= 12.5


def test_at_the_end_of_a_run_windows_move_but_boxes_stay_exact() -> None:
    plan = replace(STILL, warp=1.0, turn=3.0, stretch=0.2, shift=0.2, dihedral=1.0, offset=0.5, margin=9.5).calm()
    images, boxes, labels = Augmenter(plan, torch.Generator().manual_seed(7))(*blobs(24, 7))
    inside = (boxes[:, 0, :2] > 12).all(1) & (boxes[:, 0, 2:] < 244).all(1)
    assert int(inside.sum()) > 8
    assert misfit(images[inside], boxes[inside], labels[inside]) < 1e-3
    assert not torch.equal(images, blobs(24, 7)[0].float() / 255)
