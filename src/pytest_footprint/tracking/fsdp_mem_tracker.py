"""`FSDPMemTracker`: a `MemTracker` for one root, in the words of torch's tracker for FSDP2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking.compat.fsdp_snapshots import fsdp_module_stats
from pytest_footprint.tracking.compat.fsdp_words import FSDP_WORDS, FSDPModMemStats
from pytest_footprint.tracking.mem_tracker import MemTracker
from pytest_footprint.tracking.storages.owners import tensors_in


class FSDPMemTracker(MemTracker):
    """Records the memory of a model, ``fully_shard``-ed or not, and of its optimizer.

    What it records is what `MemTracker` records, which tells FSDP's reference types apart as well. Its snapshots are
    in torch's words for FSDP (`FSDPRefType`), and taken around what FSDP does with each module (`FSDPModState`):
    plain submodules are among them, and a root without parameters of its own.

    Args:
        mod: the root.
        optm: its optimizer; others that step are recognised by themselves.

    Raises:
        TypeError: ``mod`` is not a module or ``optm`` not an optimizer.
    """

    _words = FSDP_WORDS

    def __init__(self, mod: nn.Module, optm: Optimizer | None = None) -> None:
        super().__init__()
        if not isinstance(mod, nn.Module):
            msg = f"FSDPMemTracker needs the root module, got {type(mod).__name__}"
            raise TypeError(msg)
        if optm is not None and not isinstance(optm, Optimizer):
            msg = f"FSDPMemTracker needs one optimizer or None, got {type(optm).__name__}"
            raise TypeError(msg)
        self.track_external(mod, optm)

    def _stats_by_row(self, first: int, last: int) -> Mapping[int, FSDPModMemStats]:
        return fsdp_module_stats(self.trace, first, last)

    def track_inputs(self, inputs: tuple[Any, ...]) -> None:
        """Count all tensors in ``inputs``, nested containers included, as inputs."""
        for tensor in tensors_in(inputs):
            self._recorder.live.label(tensor, RefType.INPUT)
