from __future__ import annotations

from aoi_app.boards import BoardSpec
from aoi_app.training.data.draw import BoxStyle, DrawnSamples


def test_boxes_of_drawn_defects_are_labelled_as_asked() -> None:
    spec = BoardSpec(width=320, lines=320, defects=(3, 6))
    plain, fitted = (
        DrawnSamples(spec, 2, 5, style).samples for style in (BoxStyle(), BoxStyle(0.75, pixel_boxes=True))
    )
    pairs = [(a, b) for x, y in zip(plain, fitted, strict=True) for a, b in zip(x.labels, y.labels, strict=True)]
    assert pairs
    for drawn, labelled in pairs:
        assert labelled.defect_code == drawn.defect_code
        assert [b - a for a, b in zip(drawn.box, labelled.box, strict=True)] == [0.75, 0.75, -1.75, -1.75]
