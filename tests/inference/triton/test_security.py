"""TLS on both sides and a token, asked for by the real server; what does not fit is an error and no silent stand-in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.base import Options
from aoi_app.inference.runtimes.triton import Triton
from aoi_app.inference.runtimes.triton_client import ServerWrong
from aoi_app.inference.yardstick import write_yardstick

from .server import Server, environment

pytest.importorskip("tritonclient.grpc", reason="not installed")

HEADER = "triton-grpc-protocol-station"
"""The server takes a token under any name that begins so."""
VARIABLE, SECRET = "AOI_TEST_TOKEN", "open-sesame"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return read_model(write_yardstick(tmp_path_factory.mktemp("net") / "tiny.onnx", "tiny", size=64, classes=3))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority, what it signed for the server and for a station, and an authority nobody knows."""
    folder = tmp_path_factory.mktemp("keys")
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "rsa:2048", "-nodes")
    for name in ("ca", "stranger"):
        run("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "station"):
        run("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        run("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")
    return folder


@pytest.fixture(scope="module")
def guarded(network: Model, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    tls = (
        "--grpc-use-ssl-mutual=true",
        f"--grpc-server-cert={keys / 'server.pem'}",
        f"--grpc-server-key={keys / 'server.key'}",
        f"--grpc-root-cert={keys / 'ca.pem'}",
    )
    token = f"--grpc-restricted-protocol=inference,metadata,model-config:station={SECRET}"
    client = {
        "ssl": True,
        "root_certificates": str(keys / "ca.pem"),
        "private_key": str(keys / "station.key"),
        "certificate_chain": str(keys / "station.pem"),
    }
    server = Server(environment(), tmp_path_factory.mktemp("server"), network, security=(*tls, token), reach=client)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def options(guarded: Server, keys: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv(VARIABLE, SECRET)
    return {
        "url": guarded.url,
        "token": VARIABLE,
        "token_header": HEADER,
        "ca": str(keys / "ca.pem"),
        "certificate": str(keys / "station.pem"),
        "key": str(keys / "station.key"),
        "shared_memory": "off",
    }


def load(network: Model, options: Options) -> Any:
    return Triton().load(network, "fp32", options, lambda share, text: None)


def test_with_certificates_and_token_it_infers(network: Model, options: dict[str, Any]) -> None:
    session = load(network, options)
    assert session.info.runtime == "Triton"
    assert session.run(np.zeros(network.input_shape(2), np.float32))[0].shape == (2, 7, 84)
    session.close()


def test_a_wrong_token_is_said(network: Model, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "open-barley")
    with pytest.raises(ServerWrong, match="restricted") as caught:
        load(network, options)
    assert "token" in caught.value.hint
    assert SECRET not in str(caught.value) and "open-barley" not in str(caught.value)


def test_a_server_of_another_authority_is_refused(network: Model, options: dict[str, Any], keys: Path) -> None:
    with pytest.raises(ServerWrong, match="CERTIFICATE_VERIFY_FAILED") as caught:
        load(network, {**options, "ca": str(keys / "stranger.pem")})
    assert "certificate" in caught.value.hint


def test_a_certificate_that_is_not_there_is_named(network: Model, options: dict[str, Any], keys: Path) -> None:
    with pytest.raises(ServerWrong, match=r"nobody\.pem"):
        load(network, {**options, "ca": str(keys / "nobody.pem")})


def test_a_server_without_tls_is_told_from_one_that_is_gone(network: Model, tmp_path: Path) -> None:
    server = Server(environment(), tmp_path / "plain", network)
    server.start()
    try:
        with pytest.raises(ServerWrong, match="WRONG_VERSION_NUMBER") as caught:
            load(network, {"url": server.url, "tls": True, "shared_memory": "off"})
        assert "tls" in caught.value.hint
    finally:
        server.kill()
