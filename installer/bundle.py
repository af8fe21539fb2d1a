"""Pack the project with every wheel it needs: ``bundle.py [--python 3.11 ...] [--system linux|windows]``.

The result is one zip beside its SHA-256. On the other machine the same two commands work, without network.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from steps.errors import SetupError
from steps.wheels import SYSTEMS, Target, download

ROOT = Path(__file__).resolve().parent.parent


def tracked_files(root: Path) -> list[Path]:
    """Paths, relative to ``root``, of the files under version control.

    Raises
    ------
    SetupError
        If ``root`` is no git checkout, or git is missing.
    """
    if shutil.which("git") is None:
        raise SetupError("git is not on this machine, and a bundle is made from a git checkout")
    listing = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True)
    if listing.returncode != 0:
        raise SetupError(f"a bundle is made from a git checkout, and {root} is none: {listing.stderr.strip()}")
    return [Path(name) for name in listing.stdout.split("\0") if name and (root / name).is_file()]


def pack(archive: Path, root: Path, wheels: Path, folder: str) -> None:
    """Write the zip: the project and its ``wheelhouse`` in one folder, and the SHA-256 of every file.

    Wheels are stored as they are: they are compressed already.
    """
    sums = []
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for relative in tracked_files(root):
            target.write(root / relative, f"{folder}/{relative.as_posix()}")
            sums.append(f"{_sha256(root / relative)}  {relative.as_posix()}")
        for wheel in sorted(wheels.iterdir()):
            target.write(wheel, f"{folder}/wheelhouse/{wheel.name}", zipfile.ZIP_STORED)
            sums.append(f"{_sha256(wheel)}  wheelhouse/{wheel.name}")
        target.writestr(f"{folder}/SHA256SUMS", "\n".join(sums) + "\n")
    beside = archive.with_name(f"{archive.name}.sha256")
    beside.write_text(f"{_sha256(archive)}  {archive.name}\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def main() -> int:
    """Make one bundle; returns the exit status."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=[here], metavar="X.Y", help=f"Python versions (default: {here})")
    parser.add_argument("--system", choices=sorted(SYSTEMS), default="linux", help="system of the other machine")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder to write to (default: dist)")
    chosen = parser.parse_args()
    folder = f"aoi-station-{chosen.system}-py{'-'.join(chosen.python)}"
    archive = chosen.output / f"{folder}.zip"
    try:
        chosen.output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=chosen.output) as scratch:
            wheels = Path(scratch) / "wheelhouse"
            for python in chosen.python:
                locks = [ROOT / "installer" / name for name in ("requirements.lock", "requirements-test.lock")]
                download(locks, Target(chosen.system, python), wheels)
            pack(archive, ROOT, wheels, folder)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{archive}: {archive.stat().st_size / 1e6:.0f} MB\n{archive}.sha256")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
