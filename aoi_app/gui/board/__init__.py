"""The picture of a board: pyramid, boxes, zoom and pan."""
