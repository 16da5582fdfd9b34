"""The words and records in which torch's FSDPMemTracker answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, unique

import torch

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking.compat.words import Snapshot


@unique
class FSDPRefType(StrEnum):
    """Reference types under torch's names; each is equal to the plain string."""

    SHARDED_PARAM = "Sharded Param"
    UNSHARDED_PARAM = "Unsharded Param"
    """What is not sharded at all is among them: ``ignored_params``, or a model without FSDP."""
    BUFFER = "Buffer"
    SHARDED_GRAD = "Sharded Grad"
    UNSHARDED_GRAD = "Unsharded Grad"
    ACT = "Activation"
    TEMP = "Temp"
    ALL_GATHER = "All Gather"
    REDUCE_SCATTER = "Reduce Scatter"
    OPT = "OptState"
    INP = "Inputs"
    OTH = "Other"
    """Not one of torch's: what is older than the recording and none of the above."""


@unique
class FSDPModState(StrEnum):
    """The moments of a module call of which snapshots are kept."""

    BEF_PRE_FW = "Before Pre-Forward"
    """Before FSDP gathers the parameters; so for the other three pairs around what FSDP does."""
    AFT_PRE_FW = "After Pre-Forward"
    BEF_POST_FW = "Before Post-Forward"
    AFT_POST_FW = "After Post-Forward"
    BEF_PRE_BW = "Before Pre-Backward"
    AFT_PRE_BW = "After Pre-Backward"
    BEF_POST_BW = "Before Post-Backward"
    AFT_POST_BW = "After Post-Backward"
    PRE_FW_AC = "Pre-Forward AC"
    """Before a recomputation (activation checkpointing)."""
    POST_FW_AC = "Post-Forward AC"
    PEAK_FW = "Peak Forward"
    PEAK_BW = "Peak Backward"


@dataclass(slots=True)
class FSDPModMemStats:
    """What was alive in the whole program, in bytes, while one module ran."""

    mod_fqn: str
    local_peak: dict[torch.device, int] = field(default_factory=dict)
    """Total of the latest Peak Forward or Peak Backward."""
    snapshots: dict[FSDPModState, list[Snapshot]] = field(default_factory=dict)
    """One for each call, or for each backward of one."""


FSDP_WORDS = {
    RefType.PARAMETER: FSDPRefType.UNSHARDED_PARAM,
    RefType.BUFFER: FSDPRefType.BUFFER,
    RefType.GRADIENT: FSDPRefType.UNSHARDED_GRAD,
    RefType.ACTIVATION: FSDPRefType.ACT,
    RefType.TEMPORARY: FSDPRefType.TEMP,
    RefType.OPTIMIZER_STATE: FSDPRefType.OPT,
    RefType.INPUT: FSDPRefType.INP,
    RefType.OTHER: FSDPRefType.OTH,
    RefType.SHARDED_PARAMETER: FSDPRefType.SHARDED_PARAM,
    RefType.UNSHARDED_PARAMETER: FSDPRefType.UNSHARDED_PARAM,
    RefType.SHARDED_GRADIENT: FSDPRefType.SHARDED_GRAD,
    RefType.UNSHARDED_GRADIENT: FSDPRefType.UNSHARDED_GRAD,
    RefType.ALL_GATHER: FSDPRefType.ALL_GATHER,
    RefType.REDUCE_SCATTER: FSDPRefType.REDUCE_SCATTER,
}
