"""Talking to a Triton server: KServe v2 over gRPC, tiles in flight together, shared memory on one machine."""

from __future__ import annotations

import contextlib
import os
import queue
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import AoiError, EngineError
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.triton_export import HASH_PARAMETER

_TYPES = {"float32": "FP32", "float16": "FP16", "uint8": "UINT8"}
_REFUSED = {
    "restricted": "Check the token: the variable that `token` names, and the header's name in `token_header`.",
    "CERTIFICATE_VERIFY_FAILED": "Check `ca` and the certificate of the server: its name must be the one in `url`.",
    "WRONG_VERSION_NUMBER": "The server does not speak TLS: set `tls` to off and name no certificate.",
}
"""What a server says that will not have us -> what to look at."""
_CHECK_S = 1.0
"""A server may be started again, or load another file, between two boards: this often it is asked what it runs."""
_FORGOTTEN = "Unable to find shared memory region"
"""What a server says that was started again."""
_GRACE_S = 0.5
"""A reply's own time-out comes from the library; this much later it is not waited for any more."""
_LOCAL = ("localhost", "127.0.0.1", "[::1]", "::1")


class ServerSilent(EngineError):
    """The server is gone, too slow or overloaded: it may come back."""


class ServerChanged(ServerSilent):
    """The server is another one than before: it was started again, or runs another version of the model."""


class ServerWrong(EngineError):
    """The server answers, but with another model or with nonsense: waiting does not help."""


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """Where a server is and how it is talked to.

    Attributes
    ----------
    timeout_s
        Of one request, its retries included.
    retries
        Further tries after the server was silent.
    token
        Name of the environment variable that holds the token; secrets are in no settings file.
    ca, certificate, key
        PEM files; TLS is used when `tls` is set or any is given.
    shared_memory
        Hand tiles over in the memory of this machine instead of through the connection.
    """

    url: str = "localhost:8001"
    model: str = ""
    version: str = ""
    timeout_s: float = 2.0
    retries: int = 1
    token: str = ""
    token_header: str = "authorization"
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""
    shared_memory: str = "auto"

    @property
    def share(self) -> bool:
        """Whether tiles go through shared memory."""
        if self.shared_memory == "auto":
            return os.name == "posix" and self.url.rpartition(":")[0] in _LOCAL
        return self.shared_memory == "on"

    @property
    def headers(self) -> dict[str, str]:
        """What authenticates a request. Raises EngineError where the token is missing."""
        if not self.token:
            return {}
        secret = os.environ.get(self.token, "")
        if not secret:
            raise EngineError(
                f"The environment variable {self.token} with the server's token is empty.", "Set it and start again."
            )
        return {self.token_header: f"Bearer {secret}" if self.token_header == "authorization" else secret}


class TritonClient:
    """One model on one server, for one thread.

    Parameters
    ----------
    batch
        Tiles of one run; each is a request of its own, so that the server can put tiles of all stations together.
    shapes
        What the outputs of a request must be like, its tiles apart; of those that may vary, nothing.

    Raises
    ------
    ServerSilent
        Nobody answers.
    ServerWrong
        The server has no such model, or one with other inputs, outputs or weights.
    """

    def __init__(
        self, access: ServerAccess, model: Model, sha256: str, batch: int, shapes: Mapping[str, tuple[int, ...]]
    ) -> None:
        import tritonclient.grpc as grpc

        self._grpc: Any = grpc
        self._access = access
        self._model = model
        self._headers = access.headers
        _check_readable(access)
        self._client: Any = grpc.InferenceServerClient(
            access.url,
            ssl=access.tls or bool(access.ca or access.certificate),
            root_certificates=access.ca or None,
            private_key=access.key or None,
            certificate_chain=access.certificate or None,
        )
        self._batch, self._sha256, self._shapes = batch, sha256, dict(shapes)
        self._region: _Region | None = None
        self._served = ""
        """Version of the model that computed last."""
        try:
            self._meet()
        except BaseException:
            self.close()
            raise

    def alive(self) -> bool:
        """Whether the server answers and the model is ready."""
        with contextlib.suppress(Exception):
            return bool(
                self._client.is_model_ready(
                    self._access.model, self._access.version, self._headers, client_timeout=self._access.timeout_s
                )
            )
        return False

    def run(self, tiles: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the outputs for (n, ...) tiles, n up to `batch`. Raises ServerSilent, ServerWrong."""
        until = time.monotonic() + self._access.timeout_s
        for attempt in range(self._access.retries + 1):
            try:
                if time.monotonic() - self._checked > _CHECK_S:
                    self.known_hash = self._check()
                try:
                    return self._run_once(tiles, max(until - time.monotonic(), 0.001))
                except ServerChanged:
                    self._meet()
                    return self._run_once(tiles, max(until - time.monotonic(), 0.001))
            except ServerSilent:
                if attempt == self._access.retries or time.monotonic() >= until:
                    raise
                time.sleep(min(0.05 * 2**attempt, max(until - time.monotonic(), 0)))
        raise AssertionError("unreachable")

    def _meet(self) -> None:
        """See what the server runs, and have memory with it. Raises ServerSilent, ServerWrong."""
        if self._region is not None:
            self._region.close()
            self._region = None
        self.known_hash = self._check()
        if self._access.share:
            self._region = _Region(self._client, self._headers, self._model, self._batch, self._access.timeout_s)

    def _run_once(self, tiles: NDArray[Any], left_s: float) -> list[NDArray[Any]]:
        if self._region is not None:
            self._region.write(tiles)
        step = self._model.batch or 1
        starts = range(0, len(tiles), step)
        try:
            replies = self._all([self._request(tiles, start, step) for start in starts], left_s)
        except Exception as error:
            raise self._failure(error) from error
        served = {str(reply.get_response().model_version) for reply in replies}
        before, self._served = self._served, max(served)
        if len(served) > 1 or (before and before not in served):
            raise ServerChanged(
                f"The server runs another version of {self._access.model}.", "Look at the server's log."
            )
        parts = [[reply.as_numpy(name) for name in self._model.output_names] for reply in replies]
        for part in parts:
            for name, values in zip(self._model.output_names, part, strict=True):
                shape = () if values is None else values.shape
                if 0 in shape or not shape or shape[0] != step:
                    raise ServerWrong(
                        f"The server's reply for {name} is empty or has the shape {shape}, for {step} tiles.",
                        "Look at the server's log; its Python models need numpy below 2.",
                    )
                right = (step, *self._shapes.get(name, shape)[1:])
                if shape != right:
                    raise ServerWrong(
                        f"The server's reply for {name} has the shape {shape}, not {right}.",
                        "Export this model to the server: aoi engine export --triton DIR.",
                    )
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _request(self, tiles: NDArray[Any], start: int, step: int) -> Any:
        source = self._grpc.InferInput(
            self._model.input_name, list(self._model.input_shape(step)), _TYPES[self._model.dtype.name]
        )
        if self._region is None:
            source.set_data_from_numpy(np.ascontiguousarray(tiles[start : start + step]))
        else:
            self._region.refer(source, start, step)
        return source

    def _all(self, sources: Sequence[Any], left_s: float) -> list[Any]:
        """Send all requests at once and return their replies in order. Raises TimeoutError and the client's errors."""
        arrived: queue.SimpleQueue[tuple[int, Any, Exception | None]] = queue.SimpleQueue()
        wanted = [self._grpc.InferRequestedOutput(name) for name in self._model.output_names]
        tickets = [
            self._client.async_infer(
                self._access.model,
                [source],
                callback=lambda result, error, number=number: arrived.put((number, result, error)),
                model_version=self._access.version,
                outputs=wanted,
                headers=self._headers,
                client_timeout=left_s,
            )
            for number, source in enumerate(sources)
        ]
        replies: dict[int, Any] = {}
        until = time.monotonic() + left_s + _GRACE_S
        try:
            while len(replies) < len(tickets):
                number, result, error = arrived.get(timeout=max(until - time.monotonic(), 0.001))
                if error is not None:
                    raise error
                replies[number] = result
        except BaseException as error:
            for ticket in tickets:
                ticket.cancel()
            if isinstance(error, queue.Empty):
                raise TimeoutError(f"no reply within {left_s:.1f} s") from error
            raise
        return [replies[number] for number in range(len(tickets))]

    def _check(self) -> bool:
        """Compare what the server has with the model; return whether it tells its hash."""
        sha256, self._checked = self._sha256, time.monotonic()
        name, version, seconds = self._access.model, self._access.version, self._access.timeout_s
        try:
            facts = self._client.get_model_metadata(name, version, self._headers, client_timeout=seconds)
            config = self._client.get_model_config(name, version, self._headers, client_timeout=seconds).config
        except Exception as error:
            raise self._failure(error) from error
        wanted = [1 if i == 0 else d for i, d in enumerate(self._model.input_shape(1))]
        sources = {t.name: (t.datatype, [int(d) for d in t.shape]) for t in facts.inputs}
        kind, shape = sources.get(self._model.input_name, ("", []))
        fits = len(shape) == 4 and all(d in (-1, w) for d, w in zip(shape[1:], wanted[1:], strict=True))
        missing = set(self._model.output_names) - {t.name for t in facts.outputs}
        if kind != _TYPES[self._model.dtype.name] or not fits or missing:
            has = ", ".join(f"{n} {k} {s}" for n, (k, s) in sources.items())
            raise ServerWrong(
                f"The server's model {name} takes {has} and gives {', '.join(t.name for t in facts.outputs)}; "
                f"{self._model.path.name} takes {self._model.input_name} {wanted[1:]} and gives "
                f"{', '.join(self._model.output_names)}.",
                "Export this model to the server: aoi engine export --triton DIR.",
            )
        served = config.parameters[HASH_PARAMETER].string_value if HASH_PARAMETER in config.parameters else ""
        if served and served != sha256:
            raise ServerWrong(
                f"The server runs another file as {name}: SHA-256 {served[:12]}..., not {sha256[:12]}...",
                "Export this model to the server again, in this precision.",
            )
        return bool(served)

    def _failure(self, error: Exception) -> EngineError:
        """Tell a server that is gone or slow from one that is wrong."""
        if isinstance(error, AoiError):
            return error if isinstance(error, EngineError) else EngineError(str(error))
        status = str(getattr(error, "status", lambda: "")() or "")
        text = str(getattr(error, "message", lambda: str(error))() or error).splitlines()[0]
        where = f"{self._access.model} on {self._access.url}"
        # The library says UNAVAILABLE to these as well; but they do not mend themselves.
        for sign, hint in _REFUSED.items():
            if sign in text:
                return ServerWrong(f"The Triton server refuses {where}: {text}.", hint)
        silent = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "RESOURCE_EXHAUSTED", "unavailable", "not ready")
        if _FORGOTTEN in text:
            return ServerChanged(f"The Triton server was started again: {text}.", "See whether it runs.")
        gone = any(word in status or word in text for word in silent) or isinstance(error, TimeoutError)
        if gone:
            return ServerSilent(f"The Triton server does not answer for {where}: {text}.", "See whether it runs.")
        return ServerWrong(f"The Triton server refuses {where}: {text}.", "Look at the server's log.")

    def close(self) -> None:
        """Let go of the server and of the shared memory. May be called twice."""
        if self._region is not None:
            self._region.close()
            self._region = None
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close()
            self._client = None


def _check_readable(access: ServerAccess) -> None:
    """Look at the PEM files before the library does: it leaves half a client behind. Raises ServerWrong."""
    for name in filter(None, (access.ca, access.certificate, access.key)):
        try:
            with Path(name).open("rb"):
                pass
        except OSError as error:
            raise ServerWrong(
                f"The certificate {name} cannot be read: {error.strerror}.",
                "Name the PEM files in `ca`, `certificate` and `key`.",
            ) from error


class _Region:
    """A piece of this machine's memory that the server reads tiles from."""

    def __init__(self, client: Any, headers: dict[str, str], model: Model, batch: int, timeout_s: float) -> None:
        import tritonclient.utils.shared_memory as shm

        self._shm: Any = shm
        self._client, self._headers, self._timeout_s = client, headers, timeout_s
        self._tile_bytes = int(np.prod(model.input_shape(1))) * model.dtype.itemsize
        self._name = f"aoi-{uuid.uuid4().hex[:16]}"
        size = self._tile_bytes * batch
        self._handle: Any = shm.create_shared_memory_region(self._name, f"/{self._name}", size)
        try:
            client.register_system_shared_memory(
                self._name, f"/{self._name}", size, headers=headers, client_timeout=timeout_s
            )
        except Exception as error:
            self.close()
            raise ServerSilent(
                f"The server does not take shared memory: {error}.", "Set shared_memory to off, or let the server."
            ) from error

    def write(self, tiles: Sequence[NDArray[Any]] | NDArray[Any]) -> None:
        self._shm.set_shared_memory_region(self._handle, [np.ascontiguousarray(tiles)])

    def refer(self, source: Any, first: int, count: int) -> None:
        source.set_shared_memory(self._name, self._tile_bytes * count, self._tile_bytes * first)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._client.unregister_system_shared_memory(
                self._name, headers=self._headers, client_timeout=self._timeout_s
            )
        if self._handle is not None:
            with contextlib.suppress(Exception):
                self._shm.destroy_shared_memory_region(self._handle)
            self._handle = None
