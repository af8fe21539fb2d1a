"""Inference on a Triton server that several stations share, with the station's own runtime behind it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from numpy.typing import NDArray

from aoi_app.core.errors import EngineError
from aoi_app.inference.model import Model
from aoi_app.inference.precision import PrecisionFile, in_precision
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Options, Session, SessionInfo, chosen_options
from aoi_app.inference.runtimes.session import freed, images_of
from aoi_app.inference.runtimes.triton_client import ServerAccess, ServerSilent, TritonClient
from aoi_app.inference.runtimes.triton_export import output_shapes, server_name

_log = logging.getLogger(__name__)
_ACCESS: Options = asdict(ServerAccess())
_DEFAULTS: Options = {**_ACCESS, "batch": 8, "local": "onnxruntime", "ask_again_s": 5.0, "calibration": ""}


class Triton:
    """Runs a model on a server.

    Options: those of `ServerAccess` (`model` empty for the card's name), `batch` (tiles of a board in flight
    together), `local` (runtime that takes over while the server is silent; empty for none), `ask_again_s` (so often
    a silent server is asked whether it is back), `calibration`: folder of images for INT8.
    """

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> TritonSession:
        """Return a session. Raises EngineError where neither the server nor a local runtime answers."""
        chosen = chosen_options("Triton", options, _DEFAULTS)
        if not chosen["model"]:
            chosen["model"] = server_name(model)
        file = in_precision(model, precision, images=images_of(chosen), progress=progress)
        given: dict[str, Any] = {name: chosen[name] for name in _ACCESS}
        access = ServerAccess(**given)
        batch = max(1, int(chosen["batch"])) * (model.batch or 1)
        local = _local_runtime(str(chosen["local"]), model, batch, progress)
        return TritonSession(file, access, batch, local, float(chosen["ask_again_s"]))


def _local_runtime(name: str, model: Model, batch: int, progress: Progress) -> Callable[[], Session] | None:
    if not name:
        return None
    from aoi_app.inference.runtimes.table import RUNTIMES, load_runtime

    if name in RUNTIMES and RUNTIMES[name].remote:
        raise EngineError(f"{name} runs on a server itself.", "Choose a runtime of this machine as the local one.")
    runtime = load_runtime(name)
    return lambda: runtime.load(model, "fp32", {"batch": batch}, progress)


class TritonSession:
    """A model on a server, and its stand-in on this machine.

    While the server is silent the stand-in computes; from time to time the server is asked, and when it answers it
    takes over again. Both changes are announced. A server that answers wrongly is an error: it does not mend itself.
    """

    def __init__(
        self,
        file: PrecisionFile,
        access: ServerAccess,
        batch: int,
        local: Callable[[], Session] | None,
        ask_again_s: float,
    ) -> None:
        self._file, self._access, self._batch = file, access, batch
        self._open_local, self._ask_again_s = local, ask_again_s
        self._shapes = output_shapes(file.model)
        self._client: TritonClient | None = None
        self._local: Session | None = None
        self._silent_since: float | None = None
        self._asked = 0.0
        self._closed = self._distrusted = False
        try:
            self._client = TritonClient(access, file.model, file.sha256, batch, self._shapes)
        except ServerSilent as error:
            if local is None:
                raise
            self._stand_in(error)

    @property
    def info(self) -> SessionInfo:
        """What computes now."""
        if self._silent_since is not None and self._local is not None:
            here = self._local.info
            detail = f"in place of the server {self._access.url}, which is silent"
            return replace(here, detail=detail, stand_in=True)
        told = self._client is not None and self._client.known_hash
        return SessionInfo(
            "Triton",
            self._file.precision,
            f"server {self._access.url}",
            "" if told else "the server does not tell which file it runs",
            self._file.sha256,
        )

    @property
    def batch(self) -> int:
        """Tiles of one run, in flight together."""
        return self._batch

    @property
    def fixed_batch(self) -> bool:
        """Whether every run must have exactly `batch` tiles."""
        return self._file.model.batch is not None

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the outputs, from the server or from its stand-in. Raises EngineError."""
        if self._closed:
            raise freed()
        expected = self._file.model.input_shape(len(batch))
        if batch.shape != expected or not 1 <= len(batch) <= self._batch:
            raise EngineError(f"A run takes up to {self._batch} tiles of {expected[1:]}, {batch.shape} was given.")
        if self._silent_since is not None:
            self._ask_again()
        if self._client is not None and self._silent_since is None:
            try:
                return self._client.run(batch)
            except ServerSilent as error:
                if self._open_local is None:
                    raise
                self._stand_in(error)
        assert self._local is not None  # a stand-in is there whenever the server is not
        return self._local.run(batch)

    def close(self) -> None:
        """Let go of server and stand-in. May be called twice."""
        self._closed = True
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._local is not None:
            self._local.close()
            self._local = None

    def _stand_in(self, error: ServerSilent) -> None:
        assert self._open_local is not None
        if self._local is None:
            self._local = self._open_local()
        self._silent_since = self._asked = time.monotonic()
        _log.warning(error.what)
        _log.warning(f"{self._local.info.runtime} computes on this station until the server is back.")

    def _ask_again(self) -> None:
        """Ask a silent server, not too often, and take it back when it answers."""
        now = time.monotonic()
        if now - self._asked < self._ask_again_s or self._silent_since is None:
            return
        self._asked = now
        if self._client is not None and not self._client.alive():
            return
        try:
            # Anew: a server that was started again has forgotten the shared memory, and may have another model.
            fresh = TritonClient(self._access, self._file.model, self._file.sha256, self._batch, self._shapes)
        except ServerSilent:
            return
        if self._client is None and not fresh.known_hash:
            # It was silent when this engine was compared, so nothing at all is known of what it runs.
            fresh.close()
            if not self._distrusted:
                _log.warning(
                    f"The server {self._access.url} does not tell which file it runs, and was never compared: "
                    "it is not used. Choose it again while it answers."
                )
            self._distrusted = True
            return
        if self._client is not None:
            self._client.close()
        self._client = fresh
        _log.warning(f"The server {self._access.url} is back after {now - self._silent_since:.0f} s.")
        self._silent_since = None
