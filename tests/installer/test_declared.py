"""Every library that the program imports is declared, so that a fresh environment has it."""

import ast
import re
import sys
from pathlib import Path

import tomli

ROOT = Path(__file__).resolve().parents[2]

DISTRIBUTION = {
    "argon2": "argon2-cffi",
    "cuda": "cuda-python",
    "cv2": "opencv-python-headless",
    "pynvml": "nvidia-ml-py",
    "PySide6": "PySide6-Essentials",
    "shiboken6": "PySide6-Essentials",
    "tensorrt_rtx": "tensorrt-rtx",
    "zxingcpp": "zxing-cpp",
}
"""What is installed under another name than it is imported by."""


def imported() -> dict[str, Path]:
    """Return the libraries that the program imports by name, each with a file that does."""
    found: dict[str, Path] = {}
    for file in sorted((ROOT / "aoi_app").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            else:
                continue
            found.update((name.split(".")[0], file.relative_to(ROOT)) for name in names)
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names and name != "aoi_app"}


def test_every_import_is_declared() -> None:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomli.load(stream)["project"]
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    declared = {re.split(r"[^\w.-]", text)[0].lower().replace("_", "-") for text in [*project["dependencies"], *extras]}
    libraries = imported()
    assert libraries
    undeclared = {
        name: str(file)
        for name, file in libraries.items()
        if DISTRIBUTION.get(name, name).lower().replace("_", "-") not in declared
    }
    assert not undeclared, "imported, but not in pyproject.toml"
