"""Centroid (pick-and-place) files: where the parts of an assembled board sit, in whatever dialect."""

from aoi_app.boards.centroid.components import components_of
from aoi_app.boards.centroid.outlines import Outline, outline_of
from aoi_app.boards.centroid.part import CentroidError, CentroidFile, Part, Side
from aoi_app.boards.centroid.placing import fitted_frame, outside, usual_frame, with_parts
from aoi_app.boards.centroid.reading import parse_centroid, read_centroid
from aoi_app.boards.centroid.writing import write_centroid

__all__ = [
    "CentroidError",
    "CentroidFile",
    "Outline",
    "Part",
    "Side",
    "components_of",
    "fitted_frame",
    "outline_of",
    "outside",
    "parse_centroid",
    "read_centroid",
    "usual_frame",
    "with_parts",
    "write_centroid",
]
