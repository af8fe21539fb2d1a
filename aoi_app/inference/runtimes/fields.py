"""The options of the runtimes as a form offers them; what else a runtime knows goes through the command line."""

from __future__ import annotations

from aoi_app.core.options import OptionField
from aoi_app.inference.runtimes.ort_providers import PROVIDERS

THREADS = OptionField(
    "threads", "Threads", 0, most=256, note="0: all cores but one, which the rest of the station uses."
)

ONNXRUNTIME = (
    OptionField(
        "provider",
        "Execution provider",
        "cpu",
        choices={name: provider.title for name, provider in PROVIDERS.items()},
        note="What really computes is read back and shown.",
    ),
    THREADS,
)

OPENVINO = (
    OptionField("device", "Device", "CPU", choices={name: name for name in ("CPU", "GPU", "NPU")}),
    OptionField(
        "hint",
        "Aim",
        "latency",
        choices={"latency": "Latency", "throughput": "Throughput"},
        note="Latency: the verdict as soon as possible. Throughput: as many tiles a second as possible.",
    ),
    THREADS,
)

TRITON = (
    OptionField("url", "Server", "localhost:8001", note="Name or address, and the port for gRPC."),
    OptionField("model", "Model on the server", "", note="Empty: what the model's card is called."),
    OptionField(
        "timeout_s", "Time-out", 2.0, least=0.05, most=60.0, note="Seconds for the tiles of a run, retries too."
    ),
    OptionField(
        "local",
        "While it is silent",
        "onnxruntime",
        choices={"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "litert": "LiteRT", "": "Nothing: an error"},
        note="What computes here until the server is back.",
    ),
    OptionField("tls", "TLS", False),
    OptionField("ca", "Certificate authority", "", note="PEM file; with it TLS is used."),
    OptionField("certificate", "Own certificate", "", note="PEM file, where the server asks for one."),
    OptionField("key", "Own key", "", note="PEM file."),
    OptionField(
        "token", "Token from", "", note="Name of the environment variable with the token: no secret is in the settings."
    ),
    OptionField("token_header", "Token's header", "authorization"),
)

TENSORRT = (
    OptionField("device", "GPU", 0, most=31, note="Its number, as nvidia-smi counts."),
    OptionField("batch", "Tiles in a launch", 0, most=64, note="0: measured, and the smallest fast number chosen."),
    OptionField("max_batch", "Tiles in a launch at most", 16, least=1, most=64, note="What the engine is built for."),
    OptionField(
        "optimisation_level", "Optimisation level", 3, most=5, note="0 builds fast, 5 gives the fastest engine."
    ),
    OptionField("workspace_mib", "Workspace", 1024, least=16, most=65_536, note="MiB of GPU memory while it is built."),
    OptionField(
        "golden_mib",
        "Golden board kept on the GPU",
        256,
        most=4096,
        note="MiB. A larger one travels with every board.",
    ),
    OptionField(
        "degrade",
        "Use a higher precision where the GPU lacks this one",
        True,
        note="Otherwise such an engine is refused.",
    ),
)
