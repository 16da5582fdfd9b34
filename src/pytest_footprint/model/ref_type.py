"""Why memory is alive: the closed set of reference types."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class RefType(StrEnum):
    """Why a storage is alive. The value is the word in files, reports and `Usage` attributes."""

    PARAMETER = "parameters"
    BUFFER = "buffers"
    GRADIENT = "gradients"
    ACTIVATION = "activations"
    """Made by a forward (or its recomputation) and still needed when that forward returns."""
    TEMPORARY = "temporaries"
    """Dead before the forward, backward or optimizer step that made it is over."""
    OPTIMIZER_STATE = "optimizer_states"
    INPUT = "inputs"
    OTHER = "other"
    SHARDED_PARAMETER = "sharded_parameters"
    UNSHARDED_PARAMETER = "unsharded_parameters"
    SHARDED_GRADIENT = "sharded_gradients"
    UNSHARDED_GRADIENT = "unsharded_gradients"
    ALL_GATHER = "all_gather"
    REDUCE_SCATTER = "reduce_scatter"


BY_ROOT = frozenset(
    {RefType.PARAMETER, RefType.OPTIMIZER_STATE, RefType.SHARDED_PARAMETER, RefType.UNSHARDED_PARAMETER}
)
"""Types that baselines and comparisons sum up by root module and dtype: the structure names each of their tensors."""
