"""What is taken out of the frozen folder: what the system provides, and what then nothing needs."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from steps.errors import SetupError
from steps.prune import needed_libraries, prune

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("objdump") is None, reason="needs objdump, as PyInstaller does"
)

SPEC = importlib.util.find_spec("shiboken6.Shiboken")
assert SPEC is not None and SPEC.origin is not None
EXTENSION = Path(SPEC.origin)


@pytest.fixture
def internal(tmp_path: Path) -> Path:
    """Return a folder with one extension module, and nothing beside it."""
    shutil.copy(EXTENSION, tmp_path / "extension.so")
    return tmp_path


def library(folder: Path, name: str) -> Path:
    """Put a real library into ``folder`` under a name."""
    return Path(shutil.copy(EXTENSION, folder / name))


def test_what_a_library_is_linked_to() -> None:
    assert any(name.startswith("libshiboken6") for name in needed_libraries([EXTENSION]))
    with pytest.raises(SetupError, match="objdump"):
        needed_libraries([Path(__file__)])


def test_what_the_package_depends_on_comes_from_the_system(internal: Path) -> None:
    library(internal, "libstdc++.so.6")
    library(internal, "libglib-2.0.so.0")
    assert {"libstdc++.so.6", "libglib-2.0.so.0"} <= set(prune(internal))
    assert [path.name for path in internal.iterdir()] == ["extension.so"]


def test_what_nothing_needs_any_more_goes_and_the_rest_stays(internal: Path) -> None:
    needed = next(name for name in needed_libraries([EXTENSION]) if name.startswith("libshiboken6"))
    library(internal, needed)
    library(internal, "libleft-over.so.1")
    library(internal, "libpython3.99.so.1.0")
    (internal / "libQt6Core.so.6").symlink_to(library(internal, "wheels-own.so"))
    assert prune(internal) == ["libleft-over.so.1"]
    assert {path.name for path in internal.iterdir()} == {
        "extension.so",
        needed,
        "libpython3.99.so.1.0",
        "libQt6Core.so.6",
        "wheels-own.so",
    }
