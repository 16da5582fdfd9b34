"""What is given to a model from outside."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import OUTSIDE, Phase
from pytest_footprint.tracking.recorder import Recorder


def label_inputs(recorder: Recorder, tensors: Iterable[torch.Tensor]) -> None:
    """What a root is given is an input unless a module or a graph made it."""
    trace = recorder.trace
    for tensor in tensors:
        if tensor.grad_fn is not None:
            continue
        storage = recorder.live.row(tensor)
        outside = storage < 0 or (
            trace.scope[storage] == OUTSIDE and trace.phase[storage] in (Phase.FORWARD, Phase.EXISTING)
        )
        if outside:
            recorder.live.label(tensor, RefType.INPUT)
