"""The real Triton server, from the environment that `make_env.sh` makes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aoi_app.inference.export_command import export
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.triton_export import server_name

HERE = Path(__file__).parent
READY_S = 60.0
STUB = "triton_python_backend_stub"


def environment() -> Path:
    """Return the environment of the server, or skip."""
    chosen = Path(os.environ.get("AOI_TRITON_ENV", Path.home() / ".cache/aoi-station/triton-env"))
    if not (chosen / "wanted").is_file():  # written last
        pytest.skip(f"no Triton server in {chosen}; bash {HERE / 'make_env.sh'}")
    return chosen


ONE_BY_ONE = "-one-by-one"
"""What is added to the name of the model that the server runs without dynamic batching."""


class Server:
    """tritonserver with its Python backend, on a port of its own.

    Parameters
    ----------
    one_by_one
        Serve the model once more, without dynamic batching.
    security
        Further arguments: TLS, restricted protocols.
    reach
        Arguments of the client that looks whether it is ready.
    """

    def __init__(
        self,
        env: Path,
        home: Path,
        model: Model,
        *,
        one_by_one: bool = False,
        security: Sequence[str] = (),
        reach: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._home = home
        self._name = server_name(model)
        self.repository = home / "repository"
        site = next(env.glob("lib/python3*/site-packages"))
        tree = site / "pytriton" / "tritonserver"
        home.mkdir(exist_ok=True, parents=True)
        backend = home / "backends" / "python"
        backend.mkdir(parents=True)
        version = site.parent.name.removeprefix("python")
        parts = [part for part in (tree / "backends/python").iterdir() if part.is_file()]
        for part in (*parts, tree / "python_backend_stubs" / version / STUB):
            shutil.copy2(part, backend / part.name)
        # As a person makes it; only the backend is another one, since the wheel carries no ONNX Runtime.
        export(model=str(model.path), triton=self.repository, max_batch=4, cpu=True)
        folder = self.repository / self._name
        self.version = folder / "1"
        config = folder / "config.pbtxt"
        config.write_text(config.read_text().replace('platform: "onnxruntime_onnx"', 'backend: "python"'))
        shutil.copy(HERE / "served_model.py", self.version / "model.py")
        if one_by_one:
            other = shutil.copytree(folder, self.repository / f"{self._name}{ONE_BY_ONE}") / "config.pbtxt"
            lines = config.read_text().replace(f'name: "{self._name}"', f'name: "{self._name}{ONE_BY_ONE}"', 1)
            kept = [line for line in lines.splitlines() if not line.startswith("dynamic_batching")]
            other.write_text("\n".join(kept))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._memory = f"aoi-test-{self.port}-"
        prefix = subprocess.run(
            [env / "bin/python", "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=True
        ).stdout.strip()
        self._variables = {
            **os.environ,
            "LD_LIBRARY_PATH": f"{site / 'nvidia_pytriton.libs'}:{prefix}/lib",
            "PATH": f"{env / 'bin'}:{os.environ['PATH']}",
            "VIRTUAL_ENV": str(env),
        }
        self._command = [
            str(tree / "bin/tritonserver"),
            f"--model-repository={self.repository}",
            f"--backend-directory={home / 'backends'}",
            f"--backend-config=python,shm-region-prefix-name={self._memory}",
            f"--grpc-port={self.port}",
            "--grpc-address=127.0.0.1",
            "--allow-http=false",
            "--allow-metrics=false",
            "--exit-timeout-secs=1",
            *security,
        ]
        self._reach, self._headers = dict(reach or {}), dict(headers or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it unless it runs, and wait until it is ready."""
        if self._process is not None and self._process.poll() is None:
            return
        log = (self._home / "server.log").open("ab")
        self._process = subprocess.Popen(
            self._command, env=self._variables, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        import tritonclient.grpc as grpc

        client = grpc.InferenceServerClient(self.url, **self._reach)
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if client.is_server_ready(self._headers) and client.is_model_ready(self._name, "", self._headers):
                    client.close()
                    return
            except Exception:
                time.sleep(0.1)
        pytest.fail(f"the server did not start:\n{(self._home / 'server.log').read_text()[-3000:]}")

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        # A process that is killed leaves its shared memory behind.
        for left in Path("/dev/shm").glob(f"{self._memory}*"):
            left.unlink(missing_ok=True)

    def fault(self, name: str, text: str = "") -> None:
        (self.version / name).write_text(text)

    def mend(self) -> None:
        for name in ("slow", "empty", "short"):
            (self.version / name).unlink(missing_ok=True)
