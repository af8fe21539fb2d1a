"""Automated optical inspection of circuit boards from a line-scan camera."""
