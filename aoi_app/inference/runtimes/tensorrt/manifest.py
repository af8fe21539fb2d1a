"""What is written beside a plan, and what a plan must be to be loaded here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from aoi_app.core.errors import EngineError

ANY_GPU = "any"
"""Name of the GPU in the key of a plan that every GPU of its library runs."""


class PlanRefused(EngineError):
    """A plan is not what its manifest says, or not what this station needs; it must be built again."""


class PlanMissing(PlanRefused):
    """There is no such plan, or it has no manifest."""


class PlanTruncated(PlanRefused):
    """The plan is shorter or longer than when it was written."""


class PlanAltered(PlanRefused):
    """The plan's bytes are not those that were written."""


class PlanForeign(PlanRefused):
    """The plan was built for another GPU."""


class PlanStale(PlanRefused):
    """The plan was built by another version, from another network or with other settings."""


@dataclass(frozen=True, slots=True)
class PlanKey:
    """Everything that makes one plan another plan.

    Attributes
    ----------
    onnx_sha256
        Of the file that was built, in its final precision.
    library, version
        "tensorrt" or "tensorrt_rtx", and its version: plans run on the version that built them.
    gpu, compute_capability
        Name and number, e.g. "NVIDIA H200" and "9.0"; `ANY_GPU` twice for plans that are not bound to one.
    batches
        Fewest, tuned and most tiles of a run.
    """

    model: str
    onnx_sha256: str
    precision: str
    library: str
    version: str
    gpu: str
    compute_capability: str
    batches: tuple[int, int, int]
    size: tuple[int, int]
    optimisation_level: int
    workspace_mib: int

    @property
    def file_name(self) -> str:
        """Name of the plan: readable, and different for every key."""
        text = "|".join(map(str, (self.onnx_sha256, self.library, self.version, self.gpu, self.compute_capability,
                                  self.batches, self.size, self.optimisation_level, self.workspace_mib)))  # fmt: skip
        model = re.sub(r"[^\w.-]+", "-", self.model)  # a card may call it anything
        return f"{model}-{self.precision}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.plan"


class Manifest(BaseModel):
    """What is known of a plan; JSON beside it, `<plan>.json`.

    Attributes
    ----------
    driver
        CUDA version of the driver that built it.
    layers
        Precision by layer as the engine inspector told, e.g. "FP16 in 61 of 63 layers".
    tile_ms
        Least device time of a tile over all batches, milliseconds; 0 until it has been measured.
    certificate
        What the gate measured, with the plan's hash; None until it has passed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    model: str
    precision: str
    plan_sha256: str
    plan_bytes: int
    onnx_sha256: str
    library: str
    version: str
    gpu: str
    compute_capability: str
    driver: str = ""
    batches: tuple[int, int, int]
    size: tuple[int, int]
    optimisation_level: int
    workspace_mib: int
    built_at: str = ""
    build_seconds: float = 0.0
    layers: str = ""
    device_bytes: int = 0
    tile_ms: float = 0.0
    certificate: dict[str, Any] | None = Field(default=None)


HIGHER = {"fp16": ("fp32",), "int8": ("fp16", "fp32")}
"""Precisions that one is chosen instead of, because it is faster."""


def slower_than(manifest: Manifest, others: Iterable[Manifest]) -> Manifest | None:
    """Return the engine of higher precision for the same model and GPU that is faster all the same, if there is one."""
    same = ("model", "library", "version", "gpu", "batches", "size")
    rivals = [
        other
        for other in others
        if other.precision in HIGHER.get(manifest.precision, ())
        and all(getattr(other, name) == getattr(manifest, name) for name in same)
        and 0 < other.tile_ms < manifest.tile_ms
    ]
    return min(rivals, key=lambda other: other.tile_ms, default=None)


def manifest_of(key: PlanKey, plan: bytes, *, driver: str, built_at: str, build_seconds: float) -> Manifest:
    """Return the manifest of a plan that was just built."""
    return Manifest(
        model=key.model,
        precision=key.precision,
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        onnx_sha256=key.onnx_sha256,
        library=key.library,
        version=key.version,
        gpu=key.gpu,
        compute_capability=key.compute_capability,
        driver=driver,
        batches=key.batches,
        size=key.size,
        optimisation_level=key.optimisation_level,
        workspace_mib=key.workspace_mib,
        built_at=built_at,
        build_seconds=round(build_seconds, 1),
    )


def check_key(manifest: Manifest, key: PlanKey, name: str) -> None:
    """Refuse a plan whose manifest does not fit what is needed.

    Raises
    ------
    PlanForeign, PlanStale
        Names what was found and what is needed.
    """
    if (manifest.gpu, manifest.compute_capability) != (key.gpu, key.compute_capability):
        raise PlanForeign(
            f"{name} was built for {manifest.gpu} (compute capability {manifest.compute_capability}); "
            f"this station has {key.gpu} ({key.compute_capability}).",
            "Build it here: aoi engine build.",
        )
    for field, found, wanted in (
        ("library", manifest.library, key.library),
        ("version", manifest.version, key.version),
        ("network (SHA-256)", manifest.onnx_sha256[:12], key.onnx_sha256[:12]),
        ("precision", manifest.precision, key.precision),
        ("batches", manifest.batches, key.batches),
        ("input size", manifest.size, key.size),
        ("optimisation level", manifest.optimisation_level, key.optimisation_level),
        ("workspace", manifest.workspace_mib, key.workspace_mib),
    ):
        if found != wanted:
            raise PlanStale(
                f"{name} is out of date: its {field} is {found}, {wanted} is needed.",
                "Build it again: aoi engine build.",
            )


def check_bytes(manifest: Manifest, plan: bytes, name: str) -> None:
    """Refuse a plan whose bytes are not those that were built.

    Raises
    ------
    PlanTruncated, PlanAltered
    """
    if len(plan) != manifest.plan_bytes:
        raise PlanTruncated(
            f"{name} has {len(plan):,} bytes, {manifest.plan_bytes:,} were written.",
            "Build it again: aoi engine build.",
        )
    found = hashlib.sha256(plan).hexdigest()
    if found != manifest.plan_sha256:
        raise PlanAltered(
            f"{name} was altered: its SHA-256 is {found[:12]}..., {manifest.plan_sha256[:12]}... was written.",
            "Build it again: aoi engine build.",
        )
