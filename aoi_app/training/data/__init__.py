"""Data sets: reading, writing, checking, splitting and drawing them."""
