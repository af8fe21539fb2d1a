"""Stamps: what has been set up, and for which inputs, so that the second start does nothing."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path


class Stamps:
    """The notes ``.venv/aoi-setup`` of the parts that stand, each with a key of all that it was made from.

    A note is written after its part is complete. While something is being installed a marker stands there too;
    a marker found at the start means that the last set-up was interrupted, and nothing of it can be trusted.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / ".venv" / "aoi-setup"

    @property
    def interrupted(self) -> bool:
        """Whether an earlier set-up ended half-way."""
        return (self._folder / "installing").exists()

    def begin(self) -> None:
        """Note that packages are about to change."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "installing").touch()

    def end(self) -> None:
        """Note that packages are whole again."""
        (self._folder / "installing").unlink(missing_ok=True)

    def holds(self, part: str, key: str) -> bool:
        """Whether ``part`` stands, made from just the inputs of ``key``."""
        try:
            return (self._folder / part).read_text(encoding="utf-8") == key
        except OSError:
            return False

    def write(self, part: str, key: str) -> None:
        """Note that ``part`` stands."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / part).write_text(key, encoding="utf-8")

    def key(self, inputs: Sequence[Path | str]) -> str:
        """Digest of the inputs (a file's content, or a text), the Python version and where the project lies.

        The place counts because an editable install and the programs of a virtual environment hold absolute paths.
        """
        digest = hashlib.sha256(f"{sys.version_info[:2]} {self._root}".encode())
        for item in inputs:
            data = item.read_bytes() if isinstance(item, Path) else item.encode()
            digest.update(hashlib.sha256(data).digest())
        return digest.hexdigest()
