"""What image libraries write to standard error while they decode: the only sign of some damage, and no use as it is."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STANDARD_ERROR = 2
DAMAGE = ("Corrupt JPEG data", "Premature end of JPEG", "Invalid SOS", "Inconsistent progression")
"""Beginnings of what libjpeg says of a picture that it decodes all the same, with grey or shifted parts in it."""

_LIBRARIES = re.compile(rb"libpng |\[ ?(?:WARN|ERROR|FATAL):\d+@|" + b"|".join(text.encode() for text in DAMAGE))
_one_at_a_time = threading.Lock()


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Collect what image libraries write to standard error; the list is filled when the block ends.

    They have no other way to say that a picture is damaged, and their words mean nothing to people at a line. What
    others write meanwhile comes out unchanged, after the block.
    """
    said: list[str] = []
    with _one_at_a_time:
        try:
            real = os.dup(STANDARD_ERROR)
        except OSError:  # a program with a window may have none
            yield said
            return
        with tempfile.TemporaryFile() as heard:
            os.dup2(heard.fileno(), STANDARD_ERROR)
            try:
                yield said
            finally:
                os.dup2(real, STANDARD_ERROR)
                os.close(real)
                heard.seek(0)
                for line in heard:
                    if _LIBRARIES.match(line):
                        said.append(line.decode("utf-8", "replace").strip())
                    elif line.strip():
                        os.write(STANDARD_ERROR, line)


def damage(said: list[str]) -> str:
    """Return the first sign of damage in what was overheard, or ''."""
    return next((line for line in said if line.startswith(DAMAGE)), "")
