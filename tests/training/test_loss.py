"""Assignment, loss and decoding agree with each other, and with the station's own decoder."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from aoi_app.inference.boxes import iou_matrix  # noqa: E402
from aoi_app.inference.boxes import suppress as suppress_numpy  # noqa: E402
from aoi_app.training.boxes import anchors, complete_iou, decode, iou, suppress  # noqa: E402
from aoi_app.training.loss import Weights, assign, detection_loss  # noqa: E402
from aoi_app.training.network import REG_MAX  # noqa: E402

SIDE, CLASSES = 128, 3


def perfect_head(truth: Any, labels: Any) -> Any:
    """The head that says exactly this: sure of the class near a defect, all weight on the true distances."""
    centres, strides = anchors(SIDE, SIDE, "cpu")
    raw = torch.full((len(truth), CLASSES + 4 * REG_MAX, len(centres)), -12.0)
    for picture in range(len(truth)):
        for box, label in zip(truth[picture], labels[picture], strict=True):
            if label < 0:
                continue
            far = torch.cat((centres - box[:2], box[2:] - centres), 1) / strides[:, None]
            for anchor in torch.nonzero((far > 0.2).all(1) & (far < REG_MAX - 1).all(1))[:, 0]:
                raw[picture, label, anchor] = 6.0
                for side in range(4):
                    low = int(far[anchor, side])
                    up = float(far[anchor, side]) - low
                    raw[picture, CLASSES + side * REG_MAX + low, anchor] = float(np.log(max(1 - up, 1e-6)))
                    raw[picture, CLASSES + side * REG_MAX + low + 1, anchor] = float(np.log(max(up, 1e-6)))
    return raw


TRUTH = torch.tensor([[[20.0, 30, 60, 62], [70, 80, 100, 120]], [[10, 10, 40, 50], [0, 0, 0, 0]]])
LABELS = torch.tensor([[0, 2], [1, -1]])


def test_a_perfect_head_is_decoded_exactly_and_costs_little() -> None:
    raw = perfect_head(TRUTH, LABELS)
    found = suppress(raw, CLASSES, SIDE, SIDE, 0.5)
    for rows, boxes, labels in zip(found, TRUTH, LABELS, strict=True):
        wanted = torch.cat((boxes, labels[:, None].float()), 1)[labels >= 0]
        got = rows[:, [0, 1, 2, 3, 5]]
        order = got[:, 4].argsort()
        assert torch.allclose(got[order], wanted[wanted[:, 4].argsort()], atol=0.05)
    good, _ = detection_loss(raw, TRUTH, LABELS, (SIDE, SIDE), CLASSES, Weights())
    bad, _ = detection_loss(torch.zeros_like(raw), TRUTH, LABELS, (SIDE, SIDE), CLASSES, Weights())
    assert good < 0.5 * bad


def test_no_defect_at_all_is_a_finite_loss_that_teaches_silence() -> None:
    raw = torch.zeros(2, CLASSES + 4 * REG_MAX, len(anchors(SIDE, SIDE, "cpu")[0]), requires_grad=True)
    loss, _ = detection_loss(raw, torch.zeros(2, 1, 4), torch.full((2, 1), -1), (SIDE, SIDE), CLASSES, Weights())
    loss.backward()
    assert torch.isfinite(loss)
    assert (raw.grad[:, :CLASSES] > 0).all() and (raw.grad[:, CLASSES:] == 0).all()


def test_every_defect_gets_anchors_inside_it_and_no_anchor_answers_for_two() -> None:
    centres, strides = anchors(SIDE, SIDE, "cpu")
    raw = torch.randn(2, CLASSES + 4 * REG_MAX, len(centres), generator=torch.Generator().manual_seed(0))
    boxes = decode(raw[:, CLASSES:], centres, strides)
    given = assign(raw[:, :CLASSES].sigmoid(), boxes, centres, TRUTH, LABELS, Weights())
    for picture in range(2):
        for index in torch.nonzero(given.positive[picture])[:, 0]:
            box = TRUTH[picture, given.defect[picture, index]]
            assert (centres[index] > box[:2]).all() and (centres[index] < box[2:]).all()
        owners = given.defect[picture][given.positive[picture]].unique().tolist()
        assert owners == torch.nonzero(LABELS[picture] >= 0)[:, 0].tolist()
    assert (given.quality[given.positive] > 0).all() and (given.quality[~given.positive] == 0).all()


def test_overlaps_are_those_of_the_station() -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 50, (40, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 40, (40, 2))], 1).astype(np.float32)
    mine = iou(torch.from_numpy(boxes)[:, None], torch.from_numpy(boxes)[None]).numpy()
    assert np.allclose(mine, iou_matrix(boxes, boxes), atol=1e-5)
    same = complete_iou(torch.from_numpy(boxes), torch.from_numpy(boxes))
    assert torch.allclose(same, torch.ones(40), atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_batched_suppression_is_the_greedy_one(seed: Any) -> None:
    centres, strides = anchors(SIDE, SIDE, "cpu")
    raw = 2 * torch.randn(1, CLASSES + 4 * REG_MAX, len(centres), generator=torch.Generator().manual_seed(seed))
    rows = suppress(raw, CLASSES, SIDE, SIDE, 0.3, overlap=0.5, most=200)[0].numpy()
    scores, labels = raw[0, :CLASSES].sigmoid().max(0)
    scores, order = scores.topk(200)
    boxes = decode(raw[:, CLASSES:], centres, strides)[0][order].numpy()
    sure = scores.numpy() > 0.3
    kept, _ = suppress_numpy(boxes[sure], scores.numpy()[sure], labels[order].numpy()[sure].astype(np.int32), 0.5)
    assert np.allclose(rows[:, :4], boxes[sure][kept], atol=1e-4)
