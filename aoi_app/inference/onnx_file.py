"""ONNX files, which are hostile until they have been checked. The home of the `onnx` library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aoi_app.core.errors import ModelError

if TYPE_CHECKING:
    import onnx

MAX_BYTES = 2**31 - 1
"""Protocol buffers hold no more; larger networks keep their weights in files of their own."""
_WEIGHTS = {**dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "MatMul"), 1), "QLinearConv": 3, "QLinearMatMul": 3}
"""Which input of a layer holds its weights."""
_DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.float32),
    10: np.dtype(np.float16),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a graph.

    Attributes
    ----------
    shape
        None for a dimension that is known only when the network runs; None as a whole when not even the rank is known.
    dtype
        None for a type that no detector has; `type_name` says which.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: np.dtype[Any] | None
    type_name: str

    def __str__(self) -> str:
        dims = "of unknown shape" if self.shape is None else ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"{self.name} ({dims}) {self.type_name}"


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """What the file of a network says of itself."""

    path: Path
    sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str]


def load_proto(path: Path) -> onnx.ModelProto:
    """Read and check an ONNX file, weights included.

    Raises
    ------
    ModelError
        Not there, not ONNX, broken, too large, or with weights in files outside its own folder.
    """
    import onnx

    proto = _parse(path, _read(path))
    if not proto.graph.node or not proto.graph.output:
        raise ModelError(f"{path.name} holds no network: it has no nodes or no outputs.", "Export or copy it again.")
    _check_texts_and_types(path, proto)
    _check_versions(path, proto)
    for name in _external_files(proto):
        _check_external(path, name)
    try:
        onnx.load_external_data_for_model(proto, str(path.parent))
        _check(proto)
    except Exception as error:
        raise ModelError(
            f"{path.name} is not a valid ONNX network: {_first_line(error)}.",
            "Export it again with the exporter's own checks switched on.",
        ) from error
    return proto


def _parse(path: Path, data: bytes) -> onnx.ModelProto:
    import onnx

    if data[4:8] == b"TFL3":
        raise ModelError(
            f"{path.name} is a LiteRT file, not an ONNX file.",
            "Choose the runtime litert; the file's name must end in .tflite.",
        )
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # the parser's own errors differ between protobuf versions
        raise ModelError(
            f"{path.name} is not an ONNX file, or it is cut short ({_first_line(error)}).", "Export or copy it again."
        ) from error


def describe(path: Path) -> NetworkFile:
    """Return what the file says of itself. Raises ModelError as `load_proto`."""
    proto = load_proto(path)
    weights = {t.name for t in proto.graph.initializer}
    return NetworkFile(
        path,
        file_hash(path),
        tuple(_spec(v) for v in proto.graph.input if v.name not in weights),
        tuple(_spec(v) for v in proto.graph.output),
        {p.key: p.value for p in proto.metadata_props},
    )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a model: of the file and, after it, of each file beside it that holds its weights.

    Raises ModelError.
    """
    digest = hashlib.sha256(_read(path))
    for beside in weight_files(path):
        digest.update(beside.read_bytes())
    return digest.hexdigest()


def weight_files(path: Path) -> tuple[Path, ...]:
    """Return the files beside a model that hold its weights, by name; none for most. Raises ModelError."""
    return tuple(path.parent / name for name in sorted(_external_files(_parse(path, _read(path)))))


def plain_hash(path: Path) -> str:
    """Return the SHA-256 of one file, whatever it is. Raises ModelError."""
    return hashlib.sha256(_read(path)).hexdigest()


def weight_types(path: Path) -> frozenset[str]:
    """Return the types of the weights of convolutions and matrix products: "float", "float16", "int8", ..."""
    from onnx import TensorProto

    proto = load_proto(path)
    kinds = {t.name: TensorProto.DataType.Name(t.data_type).lower() for t in proto.graph.initializer}
    kinds |= {
        n.output[0]: TensorProto.DataType.Name(n.attribute[0].t.data_type).lower()
        for n in proto.graph.node
        if n.op_type == "Constant" and n.attribute and n.attribute[0].HasField("t")
    }
    quantised = {n.output[0]: n.input[0] for n in proto.graph.node if n.op_type == "DequantizeLinear"}
    # Some files hold floats that are rounded when they are loaded; without a zero point to bytes.
    kinds |= {
        n.output[0]: kinds.get(n.input[2], "uint8") if len(n.input) > 2 else "uint8"
        for n in proto.graph.node
        if n.op_type == "QuantizeLinear" and n.input[0] in kinds
    }
    found = set()
    for node in proto.graph.node:
        place = _WEIGHTS.get(node.op_type)
        if place is not None and len(node.input) > place:
            weight = quantised.get(node.input[place], node.input[place])
            found |= {kinds[weight]} if weight in kinds else set()
    return frozenset(found)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(
                f"{path.name} has {size:,} bytes; an ONNX file has at most {MAX_BYTES:,}.",
                "Keep the weights in a file beside it.",
            )
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", "Give the path of an ONNX model.") from error


def _check(proto: onnx.ModelProto) -> None:
    """Run the library's checker. An output without a shape is no fault here: running the network tells it."""
    import onnx

    open_ended = [o for o in proto.graph.output if not o.type.tensor_type.HasField("shape")]
    for output in open_ended:
        output.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(proto)
    finally:
        for output in open_ended:
            output.type.tensor_type.ClearField("shape")


def _check_texts_and_types(path: Path, proto: onnx.ModelProto) -> None:
    """Refuse what the library's checker lets pass: names that are no text, and types that there are not."""
    from onnx import TensorProto

    graph = proto.graph
    names: list[object] = [n for node in graph.node for n in (node.op_type, node.domain, *node.input, *node.output)]
    names += [v.name for v in (*graph.initializer, *graph.input, *graph.output)]
    names += [text for p in proto.metadata_props for text in (p.key, p.value)]
    # The parser hands over bytes where a text is not UTF-8.
    broken = next((name for name in names if not isinstance(name, str)), None)
    known = set(TensorProto.DataType.values())
    kinds = {t.data_type for t in graph.initializer}
    kinds |= {v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)}
    if broken is not None or kinds - known:
        what = f"the name {broken!r}" if broken is not None else f"the type {min(kinds - known)}"
        raise ModelError(f"{path.name} is damaged: it holds {what}.", "Export or copy it again.")


def _check_versions(path: Path, proto: onnx.ModelProto) -> None:
    """Refuse a file of a newer ONNX than the library knows: it cannot check what it has not heard of."""
    import onnx

    standard = max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=0)
    for what, found, newest in (
        ("IR version", proto.ir_version, onnx.IR_VERSION),
        ("opset", standard, onnx.defs.onnx_opset_version()),
    ):
        if found > newest:
            raise ModelError(
                f"{path.name} was written for {what} {found} of ONNX; ONNX {onnx.__version__}, which is installed "
                f"here, reads up to {newest}.",
                "Export it for an older opset (17 suits every runtime), or update the station.",
            )


def _external_files(proto: onnx.ModelProto) -> set[str]:
    from onnx import TensorProto
    from onnx.external_data_helper import ExternalDataInfo

    tensors = [*_tensors(proto.graph), *(t for f in proto.functions for node in f.node for t in _node_tensors(node))]
    return {ExternalDataInfo(t).location for t in tensors if t.data_location == TensorProto.EXTERNAL}


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a graph, with those of the branches and loops in it."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _node_tensors(node)


def _node_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _tensors(inner)


def _check_external(path: Path, name: str) -> None:
    """Refuse weights anywhere but in a plain file beside the model: a path could point at any file of the machine."""
    beside = path.parent / name
    if not name or Path(name).name != name or "\\" in name or beside.is_symlink():
        raise ModelError(
            f"{path.name} wants to read its weights from {name!r}, which is not a plain file beside it.",
            "Export it again with the weights inside or in a file beside it.",
        )
    if not beside.is_file():
        raise ModelError(f"{path.name} keeps its weights in {name}, which is missing.", "Copy that file beside it.")


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    from onnx import TensorProto

    if not value.type.HasField("tensor_type"):
        return TensorSpec(value.name, None, None, value.type.WhichOneof("value") or "untyped")
    tensor = value.type.tensor_type
    shape: tuple[int | None, ...] | None = None
    if tensor.HasField("shape"):
        dims = tensor.shape.dim
        # Exporters write an unknown dimension as a name, as 0, as -1, or leave it out.
        shape = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in dims)
    return TensorSpec(
        value.name, shape, _DTYPES.get(tensor.elem_type), TensorProto.DataType.Name(tensor.elem_type).lower()
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
