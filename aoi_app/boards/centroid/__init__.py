"""Centroid (pick-and-place) files: where the parts of an assembled board sit, in whatever dialect."""

from aoi_app.boards.centroid.components import components_of
from aoi_app.boards.centroid.outlines import Outline, outline_of
from aoi_app.boards.centroid.part import CentroidError, CentroidFile, Part
from aoi_app.boards.centroid.reading import parse_centroid, read_centroid
from aoi_app.boards.centroid.writing import write_centroid

__all__ = [
    "CentroidError",
    "CentroidFile",
    "Outline",
    "Part",
    "components_of",
    "outline_of",
    "parse_centroid",
    "read_centroid",
    "write_centroid",
]
