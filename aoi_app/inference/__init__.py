"""From pixels to detections: models, heads, tiles, merging, precision and runtimes."""
