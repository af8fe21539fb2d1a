"""TensorRT on the CPU, for what needs a library but no GPU: the names of 8.6 or of 10, ONNX Runtime behind them.

The real builder is tested with TensorRT for RTX (test_build_rtx.py), the real engine on a GPU (tests/gpu); 10 and 11
cannot be had from the registry, so their names are stood in for here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from tests.inference.tensorrt.standin_cuda import StandInCuda, view


class DataType(IntEnum):
    FLOAT = 0
    HALF = 1


class TensorIOMode(IntEnum):
    INPUT = 1
    OUTPUT = 2


class Severity(IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2


def _names(title: str, names: list[str]) -> Any:
    """Return an enumeration as the library has many; nobody reads the numbers."""
    return IntEnum(title, names)


class StandInTrt:
    """A module's worth of names.

    Parameters
    ----------
    version
        "8.6.0" has precision flags, explicit batch and no progress; "10.9.0" has strong typing and progress.
    """

    def __init__(self, cuda: StandInCuda, version: str) -> None:
        newer = not version.startswith("8")
        self.cuda = cuda
        self.__version__ = version
        self.__name__ = "tensorrt"
        self.TensorIOMode = TensorIOMode
        self.DataType = DataType
        self.float32, self.float16 = DataType.FLOAT, DataType.HALF
        self.flags_set: list[str] = []
        self.refuse = False
        self.runs_single = False
        self.spoils = False
        self.cannot_read_cache = False
        self.caches: list[bytes] = []
        self.configs: list[StandInConfig] = []
        self.builds = 0
        self.while_building: Callable[[], object] = lambda: None
        logger = type("ILogger", (), {"Severity": Severity, "__init__": lambda self: None})
        self.ILogger = logger
        self.LayerType = _names("LayerType", ["CONVOLUTION", "QUANTIZE"])
        self.MemoryPoolType = _names("MemoryPoolType", ["WORKSPACE"])
        self.ProfilingVerbosity = _names("ProfilingVerbosity", ["DETAILED"])
        self.LayerInformationFormat = _names("LayerInformationFormat", ["JSON"])
        names = ["STRONGLY_TYPED", "EXPLICIT_BATCH"] if newer else ["EXPLICIT_BATCH"]
        self.NetworkDefinitionCreationFlag = _names("NetworkDefinitionCreationFlag", names)
        flags = ["TF32"] if newer else ["TF32", "FP16", "INT8", "PREFER_PRECISION_CONSTRAINTS"]
        self.BuilderFlag = _names("BuilderFlag", flags)
        if newer:
            self.IProgressMonitor = type("IProgressMonitor", (), {"__init__": lambda self: None})
            self.ExecutionContextAllocationStrategy = _names("Strategy", ["USER_MANAGED"])

    def Builder(self, logger: Any) -> Any:
        self.logger = logger
        return StandInBuilder(self)

    def OnnxParser(self, network: Any, logger: Any) -> Any:
        return StandInParser(network)

    def Runtime(self, logger: Any) -> Any:
        trt = self

        class Runtime:
            def deserialize_cuda_engine(self, plan: bytes) -> Any:
                if trt.refuse:
                    logger.log(Severity.ERROR, "the plan is not from here")
                    return None
                return StandInEngine(trt, plan)

        return Runtime()


class StandInNetwork:
    def __init__(self, flags: int) -> None:
        self.flags = flags
        self.data = b""
        self.num_layers = 0
        self.num_inputs = 1

    def get_input(self, index: int) -> Any:
        kind = onnx.load_model_from_string(self.data).graph.input[0].type.tensor_type.elem_type
        return type("Tensor", (), {"dtype": DataType.HALF if kind == 10 else DataType.FLOAT})


class StandInParser:
    num_errors = 0

    def __init__(self, network: StandInNetwork) -> None:
        self.network = network

    def parse(self, data: bytes, path: str) -> bool:
        self.network.data = data
        return True


class StandInConfig:
    def __init__(self, trt: StandInTrt) -> None:
        self.trt = trt
        self.profiles: list[Any] = []
        self.progress_monitor: Any = None
        self.avg_timing_iterations = 1
        trt.configs.append(self)

    def set_memory_pool_limit(self, pool: Any, nbytes: int) -> None: ...

    def set_flag(self, flag: Any) -> None:
        self.trt.flags_set.append(flag.name)

    def add_optimization_profile(self, profile: Any) -> None:
        self.profiles.append(profile.shapes)

    def create_timing_cache(self, data: bytes) -> Any:
        self.trt.caches.append(data)
        if data and self.trt.cannot_read_cache:
            self.trt.logger.log(Severity.ERROR, "The timing cache will not be used!")
        return type("Cache", (), {"serialize": lambda self: b"tactics"})()

    def set_timing_cache(self, cache: Any, ignore: bool) -> bool:
        self.cache = cache
        return True

    def get_timing_cache(self) -> Any:
        return self.cache


class StandInProfile:
    def set_shape(self, name: str, *shapes: Any) -> None:
        self.shapes = shapes


class StandInBuilder:
    def __init__(self, trt: StandInTrt) -> None:
        self.trt = trt

    def create_network(self, flags: int) -> StandInNetwork:
        return StandInNetwork(flags)

    def create_builder_config(self) -> StandInConfig:
        return StandInConfig(self.trt)

    def create_optimization_profile(self) -> StandInProfile:
        return StandInProfile()

    def build_serialized_network(self, network: StandInNetwork, config: StandInConfig) -> bytes | None:
        self.trt.builds += 1
        self.trt.while_building()
        monitor = config.progress_monitor
        if monitor is not None:
            monitor.phase_start("Building", None, 4)
            for step in range(4):
                if not monitor.step_complete("Building", step):
                    return None
            monitor.phase_finish("Building")
        shapes = config.profiles[0] if config.profiles else None
        return json.dumps({"profile": shapes}).encode() + b"\n" + network.data


class StandInEngine:
    """Runs its network on ONNX Runtime, on the "device" memory."""

    num_layers = 3
    device_memory_size = 4096

    def __init__(self, trt: StandInTrt, plan: bytes) -> None:
        head, _, data = plan.partition(b"\n")
        self.trt = trt
        self.contexts = 0
        self.shares_profile = not trt.__version__.startswith("8")
        self.profile = json.loads(head)["profile"]
        graph = onnx.load_model_from_string(data).graph
        self.tensors = {v.name: (v, True) for v in graph.input} | {v.name: (v, False) for v in graph.output}
        self.num_io_tensors = len(self.tensors)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def __del__(self) -> None:
        self.trt.cuda.wait("~ICudaEngine")

    def get_tensor_name(self, index: int) -> str:
        names: list[str] = list(self.tensors)
        return names[index]

    def get_tensor_shape(self, name: str) -> list[int]:
        given = [d.dim_value or -1 for d in self.tensors[name][0].type.tensor_type.shape.dim]
        if self.tensors[name][1] or -1 not in given[1:]:
            return given
        # The library works out what the file leaves open; here the network tells by running.
        source = self.session.get_inputs()[0]
        least = self.profile[0] if self.profile else source.shape
        zeros = np.zeros(least, np.float16 if "16" in source.type else np.float32)
        return [given[0], *self.session.run([name], {source.name: zeros})[0].shape[1:]]

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType.HALF if self.tensors[name][0].type.tensor_type.elem_type == 10 else DataType.FLOAT

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if self.tensors[name][1] else TensorIOMode.OUTPUT

    def get_tensor_profile_shape(self, name: str, profile: int) -> Any:
        return self.profile

    def create_engine_inspector(self) -> Any:
        half = "float16" in self.session.get_inputs()[0].type and not self.trt.runs_single
        kind = "Half" if half else "Row major linear FP32 format"
        layers = [
            {"Name": "conv", "LayerType": "CaskConvolution", "Inputs": [{"Format/Datatype": kind}]},
            {"Name": "copy", "LayerType": "Reformat", "Inputs": [{"Format/Datatype": "FP32"}]},
        ]
        text = json.dumps({"Layers": layers})
        return type("Inspector", (), {"get_engine_information": lambda self, form: text})()

    def create_execution_context(self, strategy: Any) -> Any:
        return StandInContext(self)

    def create_execution_context_without_device_memory(self) -> Any:
        return StandInContext(self)


class StandInContext:
    device_memory = 0

    def __init__(self, engine: StandInEngine) -> None:
        self.engine = engine
        # 8.6 gives the profile to the first context; later releases share it.
        self.active_optimization_profile = 0 if engine.shares_profile or not engine.contexts else -1
        engine.contexts += 1
        self.addresses: dict[str, int] = {}
        self.shape: tuple[int, ...] = ()

    def __del__(self) -> None:
        self.engine.trt.cuda.wait("~IExecutionContext")

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        self.active_optimization_profile = profile
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert self.active_optimization_profile == 0
        self.shape = shape
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        self.engine.trt.cuda.streams[stream].add(self._run)
        return True

    def _run(self) -> None:
        session = self.engine.session
        source = session.get_inputs()[0]
        feed = view(self.addresses[source.name], self.shape, np.float16 if "16" in source.type else np.float32)
        names = [o.name for o in session.get_outputs()]
        for name, values in zip(names, session.run(names, {source.name: feed}), strict=True):
            factor = np.asarray(0.5 if self.engine.trt.spoils else 1, values.dtype)
            view(self.addresses[name], values.shape, values.dtype)[...] = values * factor
