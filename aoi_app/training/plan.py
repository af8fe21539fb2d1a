"""What a training run is to do: everything needed to repeat it, as it stands in the run's config.json."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from aoi_app.inference.card import Channels
from aoi_app.training.augment import Augmentation
from aoi_app.training.corpus import DataError
from aoi_app.training.loss import Weights


class Precision(str, Enum):
    """Arithmetic of training. `AUTO` is BF16 where the GPU has it, else FP16 on a GPU, else FP32."""

    AUTO = "auto"
    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of one run.

    Attributes
    ----------
    network
        Key of `network.SIZES`.
    steps
        Optimiser steps of the whole run.
    epoch_steps
        Steps between two looks at the validation windows.
    batch
        Windows a step, over all GPUs; 0 finds it from the memory of the GPU.
    rate, decay
        Highest learning rate and weight decay of AdamW.
    warm_up, calm
        Shares of the run: rising learning rate at its start, exact boxes at its end (`Augmentation.calm`).
    drawn_share, calm_share
        Share of each batch that comes from the drawn windows, if there are any; the second in the calm part.
    average
        Decay of the exponential moving average of the weights.
    graphs
        Capture the network as CUDA graphs on a single GPU.
    patience
        Epochs without a better figure after which the run ends early; 0 never ends it.
    """

    network: str = "nano"
    steps: int = 12000
    epoch_steps: int = 1000
    batch: int = 32
    rate: float = 3e-3
    decay: float = 0.02
    warm_up: float = 0.03
    calm: float = 0.2
    drawn_share: float = 0.5
    calm_share: float = 0.25
    average: float = 0.9995
    patience: int = 0
    seed: int = 0
    precision: Precision = Precision.AUTO
    graphs: bool = True
    augmentation: Augmentation = field(default_factory=Augmentation)
    weights: Weights = field(default_factory=Weights)

    def of_steps(self, steps: int) -> Plan:
        """Return the same plan for another number of steps, with four epochs at least."""
        return replace(self, steps=steps, epoch_steps=min(self.epoch_steps, max(1, steps // 4)))

    def is_calm(self, first: int, last: int) -> bool:
        """Return whether the epoch of the steps from `first` up to `last` is mostly in the calm part."""
        return first + last >= 2 * round((1 - self.calm) * self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for config.json and checkpoints."""
        return dataclasses.asdict(self) | {"precision": self.precision.value}

    def for_data(self, classes: tuple[str, ...], channels: Channels) -> Plan:
        """Return the plan itself, once it fits what is to be trained.

        Raises
        ------
        DataError
            It was made for a golden channel, or for classes that have negatives, and these have not, or the reverse.
        """
        swaps, golden = self.augmentation.swaps, channels is Channels.GREY_GOLDEN
        if self.augmentation.golden is not golden or (swaps and len(swaps) != len(classes)):
            raise DataError(
                f"The plan is for input {'with' if self.augmentation.golden else 'without'} a golden image"
                f"{f' and {len(swaps)} classes with their negatives' if swaps else ''}; the data are {channels.value} "
                f"with the {len(classes)} classes {', '.join(classes)}.",
                "Take the plan of a run on data of the same kind, or a --schedule.",
            )
        return self

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Plan:
        """Read back what `to_json` gave.

        Raises
        ------
        DataError
            A value is unknown: the run was made by another version.
        """
        try:
            augmentation = Augmentation(**(values["augmentation"] | {"swaps": tuple(values["augmentation"]["swaps"])}))
            return cls(
                **(
                    values
                    | {
                        "precision": Precision(values["precision"]),
                        "augmentation": augmentation,
                        "weights": Weights(**values["weights"]),
                    }
                )
            )
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(f"The run's settings cannot be read: {error}.", "Start a new run.") from error


def rate_at(step: int, plan: Plan) -> float:
    """Return the learning rate of a step: linear rise, then a cosine down to a hundredth."""
    rise = max(1, round(plan.warm_up * plan.steps))
    if step < rise:
        return plan.rate * (step + 1) / rise
    done = min(1.0, (step - rise) / max(1, plan.steps - rise))
    return plan.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def read_plan(path: Path) -> Plan:
    """Return the plan of a run's config.json. Raises DataError where there is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["plan"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} holds no plan: {error!r}.", "Name the config.json of a run.") from error
    return Plan.from_json(values)
