"""Set up what is missing: ``prepare.py ready|prepare run|test -- [arguments of the program]``.

``ready`` answers with its exit status (0: nothing to do) and takes milliseconds; ``prepare`` does the work.
"""

import os
import sys
from pathlib import Path

from steps.errors import SetupError
from steps.plan import Plan, extras_from, wants_window


def main(arguments: list[str]) -> int:
    """Carry out one command; returns the exit status."""
    action, target, _, *rest = arguments
    root = Path(__file__).resolve().parent.parent
    try:
        plan = Plan(
            root,
            tests=target == "test",
            window=target == "run" and wants_window(rest),
            extras=extras_from(os.environ.get("AOI_EXTRAS", ""), root),
        )
        if action == "ready":
            return 0 if plan.ready() else 1
        plan.carry_out()
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}. Is the folder {root} yours to write to, and the disk not full?", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next start sets up anew.", file=sys.stderr)
        return 130
    print("Set-up complete.", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
