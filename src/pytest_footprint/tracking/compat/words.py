"""The words and records in which torch's MemTracker answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import TypeAlias

import torch

from pytest_footprint.model.ref_type import RefType


@unique
class MemRefType(StrEnum):
    """Reference types under torch's names; each is equal to the plain string."""

    PARAM = "Parameter"
    BUFFER = "Buffer"
    GRAD = "Gradient"
    ACT = "Activation"
    TEMP = "Temp"
    OPT = "Optstate"
    OTH = "Other"


@unique
class ModState(StrEnum):
    """The moments of a module call of which snapshots are kept."""

    PRE_FW = "Pre-Forward"
    POST_FW = "Post-Forward"
    PEAK_FW = "Peak-Forward"
    PRE_BW = "Pre-Backward"
    PRE_FW_AC = "Pre-Forward-AC"
    """Before a recomputation (activation checkpointing)."""
    POST_FW_AC = "Post-Forward-AC"
    POST_BW = "Post-Backward"
    PEAK_BW = "Peak-Backward"


TOTAL = "Total"

Words: TypeAlias = Mapping[RefType, StrEnum]
"""What one of torch's trackers calls each reference type."""

Snapshot: TypeAlias = dict[torch.device, dict[str, int]]
"""Bytes by device and `MemRefType`, and their sum under `TOTAL`."""


@dataclass(slots=True)
class ModMemStats:
    """Bytes of one module, its submodules included, and what was alive in the whole program while it ran."""

    mod_fqn: str
    parameter_mem: int = 0
    """A storage that several parameters share counts once."""
    buffer_mem: int = 0
    input_mem: int = 0
    """Tensors passed to the last forward, positional and by keyword, each storage once."""
    output_mem: int = 0
    local_peak: dict[torch.device, int] = field(default_factory=dict)
    """Total of the latest Peak-Forward or Peak-Backward."""
    snapshots: dict[ModState, list[Snapshot]] = field(default_factory=dict)
    """One for each call, or for each backward of one."""


# Inputs are tensors that came from outside, as the ones that users of torch's tracker register with track_external.
TORCH_WORDS: Words = {
    RefType.PARAMETER: MemRefType.PARAM,
    RefType.SHARDED_PARAMETER: MemRefType.PARAM,
    RefType.UNSHARDED_PARAMETER: MemRefType.PARAM,
    RefType.SHARDED_GRADIENT: MemRefType.GRAD,
    RefType.UNSHARDED_GRADIENT: MemRefType.GRAD,
    RefType.ALL_GATHER: MemRefType.TEMP,
    RefType.REDUCE_SCATTER: MemRefType.TEMP,
    RefType.BUFFER: MemRefType.BUFFER,
    RefType.GRADIENT: MemRefType.GRAD,
    RefType.ACTIVATION: MemRefType.ACT,
    RefType.TEMPORARY: MemRefType.TEMP,
    RefType.OPTIMIZER_STATE: MemRefType.OPT,
    RefType.INPUT: MemRefType.OTH,
    RefType.OTHER: MemRefType.OTH,
}


def snapshot(usage: Mapping[str, Mapping[RefType, int]], words: Words = TORCH_WORDS) -> Snapshot:
    """Bytes by device name and reference type in torch's words; every word is there."""
    found: Snapshot = {}
    for device, by_ref_type in usage.items():
        row: dict[str, int] = dict.fromkeys(type(next(iter(words.values()))), 0)
        for ref_type, nbytes in by_ref_type.items():
            row[words[ref_type]] += int(nbytes)
        row[TOTAL] = sum(row.values())
        found[torch.device(device)] = row
    return found
