"""The version of the program, as installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "aoi-station"


def own_version() -> str:
    """Return the installed version; "not installed" where the program runs from files alone."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "not installed"
