"""`FSDPMemTracker`: a `MemTracker` for one root."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import Optimizer

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking.mem_tracker import MemTracker
from pytest_footprint.tracking.storages import tensors_in


class FSDPMemTracker(MemTracker):
    """Records the memory of a model, ``fully_shard``-ed or not, and of its optimizer.

    All bytes are counted. The reference types of FSDP are not told apart yet: sharded and unsharded parameters and
    gradients, all-gather and reduce-scatter buffers count under those of `MemTracker`, and there are no states around
    FSDP's own hooks. Inputs count as "Other" in torch's words, and as ``inputs`` in a footprint.

    Args:
        mod: the root.
        optm: its optimizer; others that step are recognised by themselves.

    Raises:
        TypeError: ``mod`` is not a module or ``optm`` not an optimizer.
    """

    def __init__(self, mod: nn.Module, optm: Optimizer | None = None) -> None:
        super().__init__()
        if not isinstance(mod, nn.Module):
            msg = f"FSDPMemTracker needs the root module, got {type(mod).__name__}"
            raise TypeError(msg)
        if optm is not None and not isinstance(optm, Optimizer):
            msg = f"FSDPMemTracker needs one optimizer or None, got {type(optm).__name__}"
            raise TypeError(msg)
        self.track_external(mod, optm)

    def track_inputs(self, inputs: tuple[Any, ...]) -> None:
        """Count all tensors in ``inputs``, nested containers included, as inputs."""
        for tensor in tensors_in(inputs):
            self._recorder.live.label(tensor, RefType.INPUT)
