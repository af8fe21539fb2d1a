"""The weights that a new run starts from: another run's checkpoint, or a finished model, such as one that ships.

An exported model has its normalisation folded into its convolutions, and a network without it cannot be trained on as
it is. It is put back in: each layer gets the statistics that its inputs have on the run's own windows, with the scale
and offset that undo them. The network then computes what the model does, in training too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from aoi_app.core.errors import ModelError
from aoi_app.inference.model import read_model
from aoi_app.training.checkpoint import read_checkpoint
from aoi_app.training.corpus import DataError

MODEL = ".onnx"


@dataclass(frozen=True, slots=True)
class Start:
    """What a run starts from.

    Attributes
    ----------
    classes, planes
        What the weights know, in their order, and the input channels they are for.
    state
        Averaged weights of a checkpoint; None for a model.
    convolutions
        Kernel and offsets of each convolution of a model, as they are computed; empty for a checkpoint.
    """

    name: str
    classes: tuple[str, ...]
    planes: int
    state: dict[str, Tensor] | None = None
    convolutions: tuple[tuple[Tensor, Tensor], ...] = ()

    def fill(self, network: nn.Module, images: Tensor) -> None:
        """Put the weights into a network, in place.

        Parameters
        ----------
        images
            (B, planes, H, W) as in training; a model's normalisation is made from them.

        Raises
        ------
        DataError
            They are those of a network of another size.
        """
        try:
            if self.state is not None:
                network.load_state_dict(self.state)
            else:
                _unfold(network, self.convolutions, images)
        except (RuntimeError, _Misfit) as error:
            raise DataError(
                f"The weights of {self.name} are not those of this network: {str(error).splitlines()[0]}.",
                "Name the size that it was trained with: --network nano or small.",
            ) from error


def read_start(path: Path) -> Start:
    """Read a checkpoint (last.pt) or a model (.onnx) of ours.

    Raises
    ------
    DataError
        It is neither, or a model of another making.
    """
    if path.suffix != MODEL:
        checkpoint = read_checkpoint(path)
        return Start(path.name, tuple(checkpoint["classes"]), checkpoint["planes"], checkpoint["average"])
    try:
        model = read_model(path)
    except ModelError as error:
        raise DataError(f"{path.name} cannot be started from: {error.what}", error.hint) from error
    if model.card.family != "aoi":
        raise DataError(
            f"{path.name} is a network of another making ({model.card.family}): its layers are not those of ours.",
            "Start from a model of this trainer, or from nothing.",
        )
    return Start(path.name, model.card.classes, model.card.input.channels.planes, None, tuple(_convolutions(path)))


class _Misfit(Exception):
    """A layer has another shape than the weights."""


def _convolutions(path: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the kernels and offsets of a model's convolutions, in the order in which they are computed."""
    graph = onnx.load(str(path)).graph
    values = {value.name: value for value in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv":
            kernel, offsets = (torch.from_numpy(numpy_helper.to_array(values[name]).copy()) for name in node.input[1:3])
            yield kernel.float(), offsets.float()


@torch.no_grad()
def _unfold(network: nn.Module, convolutions: tuple[tuple[Tensor, Tensor], ...], images: Tensor) -> None:
    """Give a network a model's weights, layer by layer as `images` pass through it."""
    behind = {
        convolution: norm
        for module in network.modules()
        if isinstance(module, nn.Sequential)
        for convolution, norm in pairwise(module.children())
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, _BatchNorm)
    }
    left = list(convolutions)
    undone: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def fill_convolution(layer: Any, _: tuple[Tensor, ...]) -> None:
        found, offsets = (part.to(layer.weight.device) for part in (left.pop(0) if left else _NOTHING))
        if found.shape != layer.weight.shape:
            raise _Misfit(f"a layer of {tuple(layer.weight.shape)} weights would get {tuple(found.shape)}")
        if layer in behind:
            factor = _to_first_size(found)
            found = found * factor[:, None, None, None]
            undone[behind[layer]] = offsets, factor
        else:
            layer.bias.copy_(offsets)
        layer.weight.copy_(found)

    def fill_norm(layer: Any, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0].float(), (0, 2, 3), correction=0)
        offsets, factor = undone[layer]
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)
        layer.weight.copy_((variance + layer.eps).sqrt() / factor)
        layer.bias.copy_(offsets + mean / factor)

    fillers = {nn.Conv2d: fill_convolution, _BatchNorm: fill_norm}
    hooks = [
        module.register_forward_pre_hook(fill)
        for module in network.modules()
        for kind, fill in fillers.items()
        if isinstance(module, kind)
    ]
    training = network.training
    try:
        network.eval()(images)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    if left:
        raise _Misfit(f"{len(left)} layers are left over")


def _to_first_size(kernel: Tensor) -> Tensor:
    """Return by how much to enlarge each output of a kernel so that it is as large as an untrained one.

    The normalisation behind it undoes any size; the learning rate suits this one.
    """
    each = kernel.flatten(1)
    size = each.square().mean(1).sqrt()
    return torch.where(size > 0, (3 * each.shape[1]) ** -0.5 / size, 1.0)


_NOTHING = (torch.empty(0), torch.empty(0))
