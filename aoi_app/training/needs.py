"""PyTorch, which only training needs: one place that says so when it is absent."""

from __future__ import annotations

from importlib.util import find_spec

from aoi_app.core.errors import BackendMissing
from aoi_app.core.install import install_line


def require_torch() -> None:
    """Raise `BackendMissing` unless PyTorch can be imported; call it before any module here that imports torch."""
    if find_spec("torch") is None:
        raise BackendMissing("Training needs PyTorch, which is not installed.", f"Run: {install_line('train')}")
