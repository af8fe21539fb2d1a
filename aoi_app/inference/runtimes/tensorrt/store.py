"""The folder of built engines: plans, their manifests, the timing caches, and a lock for the one builder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aoi_app.core.errors import EngineError
from aoi_app.inference.runtimes.tensorrt.manifest import (
    Manifest,
    PlanAltered,
    PlanKey,
    PlanMissing,
    PlanRefused,
    check_bytes,
    check_key,
)


class BuilderBusy(EngineError):
    """Another program is building an engine."""


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan of the store; `problem` says why it cannot be used, '' when nothing speaks against it."""

    path: Path
    manifest: Manifest | None
    problem: str = ""


class EngineStore:
    """Plans in one folder.

    Parameters
    ----------
    root
        Made when the first plan is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: PlanKey) -> Path:
        """Return where the plan of `key` lies, whether it is there or not."""
        return self.root / key.file_name

    def timing_cache(self, key: PlanKey) -> Path:
        """Return the file of tactics measured for this library and GPU."""
        gpu = "".join(c if c.isalnum() else "-" for c in key.gpu)
        return self.root / f"{key.library}-{key.version}-{gpu}.timing"

    def load(self, key: PlanKey) -> tuple[bytes, Manifest]:
        """Return a plan that is in every way the one that is needed: not a byte is interpreted before that is known.

        Raises
        ------
        PlanRefused
            By name: missing, truncated, altered, foreign or stale.
        """
        path = self.path(key)
        manifest = self._manifest(path)
        check_key(manifest, key, path.name)
        plan = _read(path)
        check_bytes(manifest, plan, path.name)
        return plan, manifest

    def save(self, key: PlanKey, plan: bytes, manifest: Manifest) -> Path:
        """Write plan and manifest; a crash leaves the old pair, the new one, or a plan without manifest."""
        path = self.path(key)
        self.root.mkdir(parents=True, exist_ok=True)
        manifest_path(path).unlink(missing_ok=True)
        _write(path, plan)
        self.note(path, manifest)
        return path

    def note(self, path: Path, manifest: Manifest) -> None:
        """Write the manifest of a plan anew, e.g. with the gate's certificate."""
        _write(manifest_path(path), manifest.model_dump_json(indent=2).encode() + b"\n")

    def discard(self, key: PlanKey) -> None:
        """Remove a plan, and the tactics measured on its GPU: a build that takes them would make the same plan."""
        path = self.path(key)
        for file in (manifest_path(path), path, self.timing_cache(key)):
            file.unlink(missing_ok=True)

    def plans(self) -> tuple[StoredPlan, ...]:
        """Return all plans, whole or not, by name."""
        return tuple(self.verify(path) for path in sorted(self.root.glob("*.plan")))

    def admitted_at(self, plan_sha256: str) -> str:
        """Return when the gate admitted the plan with this hash; '' where it refused it, or has not seen it."""
        for plan in self.plans():
            said = plan.manifest.certificate if plan.manifest is not None else None
            if said is not None and plan.manifest is not None and plan.manifest.plan_sha256 == plan_sha256:
                return str(said.get("checked_at", "")) if said.get("admitted") else ""
        return ""

    def verify(self, path: Path) -> StoredPlan:
        """Check a plan against its manifest; not whether it fits this station."""
        try:
            manifest = self._manifest(path)
        except PlanRefused as error:
            return StoredPlan(path, None, str(error))
        try:
            check_bytes(manifest, _read(path), path.name)
        except PlanRefused as error:
            return StoredPlan(path, manifest, str(error))
        return StoredPlan(path, manifest)

    def _manifest(self, path: Path) -> Manifest:
        if not path.is_file():
            raise PlanMissing(f"There is no plan {path.name} yet.", "Build it: aoi engine build.")
        beside = manifest_path(path)
        if not beside.is_file():
            raise PlanMissing(f"{path.name} has no manifest beside it, so nothing is known of it.", "Build it again.")
        try:
            return Manifest.model_validate_json(beside.read_bytes())
        except (OSError, ValidationError) as error:
            what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise PlanAltered(f"The manifest {beside.name} cannot be used: {what}.", "Build the plan again.") from error

    @contextmanager
    def building(self, wait_s: float = 0.0, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the builder's lock: two builds at once would measure each other.

        Parameters
        ----------
        waiting
            Called again and again while another program holds it; raises to wait no longer.

        Raises
        ------
        BuilderBusy
            Another program holds it for longer than `wait_s` seconds.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / "builder.lock"
        with path.open("a+b") as file:
            deadline = time.monotonic() + wait_s
            while not _try_lock(file):
                if time.monotonic() >= deadline:
                    raise BuilderBusy(
                        f"Another program is building an engine in {self.root}.",
                        "Wait until it is done, then try again.",
                    )
                waiting()
                time.sleep(0.1)
            try:
                yield
            finally:
                _unlock(file)


def manifest_path(plan: Path) -> Path:
    """Return where the manifest of a plan lies."""
    return plan.with_name(plan.name + ".json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlanMissing(f"{path} cannot be read: {error.strerror}.", "Build it again: aoi engine build.") from error


def _write(path: Path, data: bytes) -> None:
    """Write so that a crash, or a lost power supply, leaves the old file or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise EngineError(
            f"{path} cannot be written: {error.strerror}.", "Free some space or check the rights."
        ) from error


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: Any) -> bool:
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: Any) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: Any) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(file: Any) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
