"""How the process ends, in processes of their own: with its status at once where a device was given up."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, time
from aoi_app.cli.ending import ending
from aoi_app.core.errors import EngineError
from aoi_app.inference import device_calls

atexit.register(lambda: (print("cleaned up"), time.sleep(0 if ANSWERS else 600)))
if not ANSWERS:
    device_calls._silent.add(device_calls.gpu_device(0))
print("all is recorded")
with ending():
    HOW
"""


def run(how: str, answers: bool) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.replace("ANSWERS", str(answers)).replace("HOW", how)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('no such file')", 1, "no such file"),
        ("raise EngineError('it broke')", 1, "EngineError: it broke"),
    ],
)
def test_the_status_is_the_same_and_a_silent_device_is_not_waited_for(
    how: str, status: int, said: str, answers: bool
) -> None:
    done = run(how, answers)
    assert done.returncode == status
    assert said in done.stderr
    assert done.stdout.splitlines() == ["all is recorded", *(["cleaned up"] if answers else [])]


COMMAND = """
import threading
from aoi_app.cli.ending import end_when_silent, ending
from aoi_app.inference import device_calls
device_calls.LIMIT_S = 0.5
with ending(), end_when_silent():
    with device_calls.Device("GPU 7"):
        print("in the call", flush=True)
    with device_calls.Device("GPU 8"):
        threading.Event().wait()
"""


def test_a_command_whose_device_hangs_ends_and_says_so() -> None:
    """It waited for ever: nobody but a station looked at the call."""
    done = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == "in the call\n"
    assert "GPU 8 has not answered" in done.stderr and "Traceback" not in done.stderr
