"""What the server of the tests runs: the ONNX file through ONNX Runtime, with faults on request.

A file beside it says what goes wrong: `slow` holds seconds of delay, `empty` makes replies without values, `short`
ones that lack a cell.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        self.home = Path(args["model_repository"]) / args["model_version"]
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(str(self.home / "model.onnx"), options)
        self.source = self.session.get_inputs()[0].name
        self.outputs = [o.name for o in self.session.get_outputs()]

    def execute(self, requests: list[Any]) -> list[Any]:
        slow = self.home / "slow"
        if slow.exists():
            time.sleep(float(slow.read_text()))
        tiles = [pb_utils.get_input_tensor_by_name(r, self.source).as_numpy() for r in requests]
        whole = self.session.run(self.outputs, {self.source: np.concatenate(tiles)})
        replies, start = [], 0
        for part in tiles:
            values = [o[start : start + len(part)] for o in whole]
            start += len(part)
            if (self.home / "empty").exists():
                values = [v[:0] for v in values]
            if (self.home / "short").exists():
                values = [v[..., :-1] for v in values]
            tensors = [pb_utils.Tensor(n, np.ascontiguousarray(v)) for n, v in zip(self.outputs, values, strict=True)]
            replies.append(pb_utils.InferenceResponse(tensors))
        return replies
