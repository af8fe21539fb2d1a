"""Everything that is to be tried and measured on a GPU machine, in one command that can be called again.

    python -m tests.gpu.lease runs/lease --out OUT --images PLANT_IMAGES [--bring EARLIER] [--only STEP...]

Time on such a machine is short and may end at any moment. So every step is a process of its own with a limit, the next
one begins only where it has time, and after each one all that is known (lease.json, logs, built plans) is copied to
OUT. What is done is not done again: not by the next call on this machine, nor on another one that was given what came
back from the first (--bring). Exit code 3: there is more to do, call again. `AOI_REHEARSAL=1` runs it on stand-ins.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aoi_app.core.folders import IMAGES_VARIABLE
from aoi_app.inference.catalog import ENGINES_VARIABLE, find_model
from tests.gpu import rehearsal

TAIL = 4_000
"""Characters of a step's last words that are kept."""
PIECE = 14 * 2**20
"""Bytes of plans in one file of OUT."""
STATE = "lease.json"
LEVEL = ("--level", "1")
"""Of the yardsticks' engines: at the usual level 8.6 had built none within 400 s. A ratio wants no fastest engine."""
MORE_TO_DO = 3
TRIES = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One process.

    Attributes
    ----------
    limit_s
        It is ended after this; less where less time is left, but not less than `least_s`.
    figures
        JSON that it writes as it goes, in the folder of the run.
    """

    name: str
    command: tuple[str, ...]
    limit_s: float
    least_s: float = 20.0
    figures: str = ""


@dataclass(slots=True)
class Run:
    """Where a run keeps what it knows.

    Attributes
    ----------
    folder
        Kept between calls on the same machine.
    out
        Gets a copy after every step; small files only, no folders.
    copied
        The plans that lie there already.
    """

    folder: Path
    out: Path
    store: Path
    images: Path = Path()
    steps: dict[str, Any] = field(default_factory=dict)
    copied: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def places(self) -> dict[str, str]:
        """Environment of the steps."""
        return {ENGINES_VARIABLE: str(self.store.parent), IMAGES_VARIABLE: str(self.images.resolve())}

    def load(self, bring: Path | None) -> None:
        """Take up what an earlier call left here or elsewhere."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.out.mkdir(parents=True, exist_ok=True)
        if bring is not None and not (self.folder / STATE).is_file():
            for piece in sorted(bring.glob("plans-*.tar")):
                with tarfile.open(piece) as archive:
                    archive.extractall(self.store, filter="data")
            if (bring / STATE).is_file():
                shutil.copy(bring / STATE, self.folder / STATE)
        if (self.folder / STATE).is_file():
            self.steps = json.loads((self.folder / STATE).read_text())
        for told in self.steps.values():  # figures go on where they stopped
            if "figures" in told and not (self.folder / told["file"]).is_file():
                (self.folder / told["file"]).write_text(json.dumps(told["figures"]))

    def done(self, step: Step) -> bool:
        """Whether a step ended by itself, well or not, or was cut off so often that it never will."""
        told = self.steps.get(step.name)
        return told is not None and (told["rc"] is not None or told["tries"] >= TRIES)

    def note(self, step: Step, rc: int | None, seconds: float, said: str) -> None:
        """Keep what came of a step, with the figures it has written."""
        tries = 1 + self.steps.get(step.name, {}).get("tries", 0)
        told: dict[str, Any] = {"rc": rc, "tries": tries, "seconds": round(seconds, 1), "said": said[-TAIL:]}
        figures = read_figures(self.folder / step.figures) if step.figures else None
        if figures is not None:
            told |= {"file": step.figures, "figures": figures}
        self.steps[step.name] = told
        draft = self.folder / f"{STATE}.tmp"
        draft.write_text(json.dumps(self.steps, indent=1))
        draft.replace(self.folder / STATE)
        self.bring_out()

    def bring_out(self) -> None:
        """Copy what is known to OUT: the state, and the plans with their timing caches in pieces."""
        shutil.copy(self.folder / STATE, self.out / STATE)
        kept = sorted(p for p in self.store.glob("*") if p.suffix in (".plan", ".json", ".timing"))
        stamp = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in kept]
        if stamp == self.copied:
            return
        self.copied = stamp
        for old in self.out.glob("plans-*.tar"):
            old.unlink()
        pieces: list[list[Path]] = [[]]
        room = PIECE
        for path in kept:
            if path.stat().st_size > room and pieces[-1]:
                pieces.append([])
                room = PIECE
            pieces[-1].append(path)
            room -= path.stat().st_size
        for number, piece in enumerate(pieces):
            with tarfile.open(self.out / f"plans-{number}.tar", "w") as archive:
                for path in piece:
                    archive.add(path, path.name)


def read_figures(file: Path) -> Any:
    """Return what a step has written; None where it was ended before its first figure."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None


def steps(model: Path, images: Path, folder: Path, store: Path, quick: bool) -> tuple[Step, ...]:
    """Return what is to be done, the answers that are waited for most first.

    Parameters
    ----------
    quick
        On stand-ins: few boards.
    """
    station = ("-m", "aoi_app")
    own_files = ("--model", str(model), "--images", str(images))
    built = (*own_files, "--store", str(store))
    figures = ("-m", "tests.gpu.figures", str(folder / "figures.json"), "--store", str(store), "--models", str(store))
    own = (*figures, "--network", str(model), "--images", str(images))
    few = ("--frames", "2", "--boards", "2", "--swaps", "2") if quick else ()
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    layouts = ("-m", "tests.gpu.int8_layouts", str(model), "--images", str(images))
    return (
        Step("gpu", (*station, "engine", "gpu"), 60),
        Step("kernels", (*tests, "tests/gpu/test_kernels.py"), 120),
        Step("overhead", ("-m", "tests.gpu.overhead", str(folder / "overhead.json"), "--model", str(model), "--images",
                          str(images), *(("--frames", "8", "--network-ms", "0") if quick else ())), 60, 30,
             "overhead.json"),
        Step("int8 layouts", (*layouts, "--out", str(folder / "int8.json")), 240, 60, "int8.json"),
        Step("build fp32", (*station, "engine", "build", "--precision", "fp32", *built), 200, 60),
        Step("build fp16", (*station, "engine", "build", "--precision", "fp16", *built), 420, 90),
        Step("window", (*own, *few, "--only", "gpu", "bus", "real", "own fp16 1", "own fp32 1"), 150, 45,
             "figures.json"),
        Step("build int8", (*station, "engine", "build", "--precision", "int8", *built), 300, 90),
        Step("detector", (*tests, "tests/gpu/test_detector.py"), 400, 120),
        Step("fallback", (*tests, "tests/gpu/test_fallback.py"), 300, 120),
        Step("bench", (*station, "bench", "--tensorrt", *own_files, "--json", str(folder / "bench.json")), 400, 90,
             "bench.json"),
        Step("compare", (*station, "bench", "--compare", "--model", str(model), "--batch", "1", "--batch", "16",
                         "--boards", "2", "--report", str(folder / "compare.html"),
                         "--json", str(folder / "compare.json")), 400, 120, "compare.json"),
        Step("figures", (*own, *few, "--only", "own", "accuracy", "16k", "drift", "swaps"), 400, 60, "figures.json"),
        Step("build yolov8n", ("-m", "tests.gpu.build_plans", str(store), "yolov8n:fp16", *LEVEL), 400, 150),
        Step("build yolov8s", ("-m", "tests.gpu.build_plans", str(store), "yolov8s:fp16", *LEVEL), 400, 150),
        Step("yardsticks", (*figures, "--precisions", "fp16", *LEVEL, "--only", "yolov8"), 200, 60, "figures.json"),
    )  # fmt: skip


def run_step(step: Step, limit_s: float, log: Path, places: Mapping[str, str]) -> tuple[int | None, str]:
    """Run a step; return its exit code, None where it was ended at its limit, and its last words.

    Parameters
    ----------
    places
        Environment: where engines and the plant's images are.
    """
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [*rehearsal.python(), *step.command],
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **places},
        )
        try:
            code: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a build cannot be stopped in another way, and holds the GPU
            process.wait()
            code = None
    return code, log.read_text(encoding="utf-8", errors="replace")


def go(run: Run, todo: Sequence[Step], seconds: float) -> bool:
    """Do the steps that are left while there is time; tell whether all are done."""
    started = time.monotonic()
    whole = True
    # What was cut off once waits until all else had its turn.
    for step in sorted(todo, key=lambda step: step.name in run.steps):
        if run.done(step):
            continue
        left = seconds - (time.monotonic() - started)
        if left < step.least_s:
            print(f"{step.name}: not begun, {left:.0f} s are left", flush=True)
            whole = False
            continue
        limit = min(step.limit_s, left)
        begun = time.monotonic()
        code, said = run_step(step, limit, run.folder / f"{step.name.replace(' ', '-')}.log", run.places)
        spent = time.monotonic() - begun
        run.note(step, code, spent, said)
        told = "done" if code == 0 else f"ended after {limit:.0f} s" if code is None else f"exit code {code}"
        print(f"=== {step.name}: {told}, {spent:.0f} s\n{said[-1500:].strip()}", flush=True)
        whole = whole and code is not None
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the run keeps what it knows on this machine")
    parser.add_argument("--out", type=Path, required=True, help="gets a copy of all of it after every step")
    parser.add_argument("--images", type=Path, required=True, help="labelled boards with their golden boards")
    parser.add_argument("--model", default="")
    parser.add_argument("--engines", type=Path, default=Path("engines"), help="plans go into its folder built")
    parser.add_argument("--bring", type=Path, help="what came back from an earlier call elsewhere")
    parser.add_argument("--seconds", type=float, default=560.0, help="no step begins that this leaves no time for")
    parser.add_argument("--only", nargs="+", default=[], help="names of steps")
    parser.add_argument("--again", nargs="+", default=[], help="steps to be done although they are done")
    given = parser.parse_args()
    run = Run(given.folder, given.out, given.engines.resolve() / "built", given.images)
    run.load(given.bring)
    every = steps(find_model(given.model), given.images, given.folder, run.store, rehearsal.asked())
    for name in given.again:
        run.steps.pop(name, None)
    todo = [step for step in every if not given.only or step.name in given.only]
    whole = go(run, todo, given.seconds)
    unwell = [step.name for step in todo if run.steps.get(step.name, {}).get("rc") != 0]
    print(f"not well, or not done: {', '.join(unwell) or 'none'}", flush=True)
    raise SystemExit(0 if whole else MORE_TO_DO)


if __name__ == "__main__":
    main()
