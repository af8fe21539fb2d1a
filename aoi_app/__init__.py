"""Automated optical inspection of circuit boards from a line-scan camera."""

import os

# ONNX Runtime tells its maker which models are opened, and keeps what it could not send in the user's cache. It looks
# here once, when it is loaded. What a plant inspects is the plant's own; who wants to tell it sets 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
