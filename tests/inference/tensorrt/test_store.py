"""Plans and their manifests: what does not fit is refused by name, before a byte of it is interpreted."""

from __future__ import annotations

import dataclasses
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from aoi_app.core.errors import EngineError
from aoi_app.inference.runtimes.tensorrt.manifest import (
    PlanAltered,
    PlanForeign,
    PlanKey,
    PlanMissing,
    PlanRefused,
    PlanStale,
    PlanTruncated,
    manifest_of,
)
from aoi_app.inference.runtimes.tensorrt.store import BuilderBusy, EngineStore, manifest_path

KEY = PlanKey("board", "ab" * 32, "fp16", "tensorrt", "8.6.0", "NVIDIA H200", "9.0", (1, 8, 16), (640, 640), 3, 1024)
PLAN = bytes(range(256)) * 40


def saved(root: Path, key: PlanKey = KEY) -> EngineStore:
    store = EngineStore(root)
    store.save(key, PLAN, manifest_of(key, PLAN, driver="13.0", built_at="2026-11-20T00:00:00", build_seconds=180.2))
    return store


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    plan, manifest = saved(tmp_path).load(KEY)
    assert plan == PLAN
    assert (manifest.gpu, manifest.driver, manifest.build_seconds, manifest.batches) == (
        "NVIDIA H200",
        "13.0",
        180.2,
        (1, 8, 16),
    )
    assert {p.suffix for p in tmp_path.iterdir()} == {".plan", ".json"}, "no draft is left behind"


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda p: p.write_bytes(PLAN[:-1]), PlanTruncated),
        (lambda p: p.write_bytes(b""), PlanTruncated),
        (lambda p: p.write_bytes(PLAN + b"\0"), PlanTruncated),
        (lambda p: p.write_bytes(PLAN[:700] + b"!" + PLAN[701:]), PlanAltered),
        (lambda p: p.unlink(), PlanMissing),
        (lambda p: manifest_path(p).unlink(), PlanMissing),
        (lambda p: manifest_path(p).write_text("{"), PlanAltered),
        (lambda p: manifest_path(p).write_text('{"schema_version": 1}'), PlanAltered),
    ],
)
def test_a_spoiled_plan_is_refused_by_name(tmp_path: Path, spoil: Any, error: type[PlanRefused]) -> None:
    store = saved(tmp_path)
    spoil(store.path(KEY))
    with pytest.raises(error) as refusal:
        store.load(KEY)
    assert KEY.file_name in str(refusal.value)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"gpu": "NVIDIA L4", "compute_capability": "8.9"}, PlanForeign, "built for NVIDIA H200"),
        ({"compute_capability": "8.9"}, PlanForeign, r"this station has NVIDIA H200 \(8\.9\)"),
        ({"version": "10.9.0"}, PlanStale, "its version is 8.6.0, 10.9.0 is needed"),
        ({"library": "tensorrt_rtx"}, PlanStale, "library"),
        ({"onnx_sha256": "cd" * 32}, PlanStale, "network"),
        ({"batches": (1, 4, 4)}, PlanStale, "batches"),
        ({"workspace_mib": 5}, PlanStale, "workspace"),
    ],
)
def test_a_plan_from_elsewhere_is_refused_by_name(
    tmp_path: Path, change: dict[str, Any], error: type[PlanRefused], words: str
) -> None:
    """Copied from another station under the name that is looked for here."""
    store, wanted = saved(tmp_path), dataclasses.replace(KEY, **change)
    assert wanted.file_name != KEY.file_name, "each key has a file of its own"
    store.path(KEY).rename(store.path(wanted))
    manifest_path(store.path(KEY)).rename(manifest_path(store.path(wanted)))
    with pytest.raises(error, match=words):
        store.load(wanted)


def test_a_card_may_call_a_model_anything(tmp_path: Path) -> None:
    assert EngineStore(tmp_path).path(dataclasses.replace(KEY, model="../a b/板: 2")).parent == tmp_path


def test_the_certificate_is_kept_beside_the_plan(tmp_path: Path) -> None:
    store = saved(tmp_path)
    _, manifest = store.load(KEY)
    store.note(store.path(KEY), manifest.model_copy(update={"certificate": {"lost_boxes": 0}}))
    assert store.load(KEY)[1].certificate == {"lost_boxes": 0}


def test_the_list_names_what_is_wrong(tmp_path: Path) -> None:
    store = saved(tmp_path)
    other = dataclasses.replace(KEY, precision="fp32")
    saved(tmp_path, other)
    store.path(other).write_bytes(b"short")
    good, bad = store.plans()
    assert (good.problem, good.manifest is not None) == ("", True)
    assert "has 5 bytes" in bad.problem


def test_a_full_disk_leaves_the_old_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = saved(tmp_path)
    _, manifest = store.load(KEY)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EngineError, match="No space left"):
        store.note(store.path(KEY), manifest)
    assert store.load(KEY)[0] == PLAN


def hold(root: Path, held: Any, release: Any) -> None:
    with EngineStore(root).building():
        held.set()
        release.wait(30)


def test_one_builder_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, held, release))
    other.start()
    assert held.wait(30)
    try:
        with pytest.raises(BuilderBusy), EngineStore(tmp_path).building():
            pass
        asked = 0

        def no_longer() -> None:
            nonlocal asked
            asked += 1
            if asked == 3:
                raise InterruptedError

        with pytest.raises(InterruptedError), EngineStore(tmp_path).building(60.0, no_longer):
            pass
    finally:
        release.set()
        other.join(30)
    with EngineStore(tmp_path).building():
        pass
