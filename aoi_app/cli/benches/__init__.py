"""What `aoi bench` can measure: one file each, a function from options to figures."""
