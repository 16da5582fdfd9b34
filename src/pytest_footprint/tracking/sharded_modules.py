"""What FSDP2 keeps of the parameters that it shards, and its calls that move them.

Nothing here loads FSDP: who does not use it pays nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking.around_calls import AroundCalls

_GROUPS = "torch.distributed.fsdp._fully_shard._fsdp_param_group"
_CLASS = "FSDPParamGroup"
CALLS = (
    "__init__",
    "unshard",
    "wait_for_unshard",
    "pre_forward",
    "post_forward",
    "pre_backward",
    "post_backward",
    "_to_sharded",
    "_to_sharded_post_forward",
)
"""Methods of the class by which FSDP does all that it does with a group."""

calls = AroundCalls(lambda: getattr(sys.modules[_GROUPS], _CLASS, None), f"{_GROUPS}.{_CLASS}", CALLS)


def is_loaded() -> bool:
    """Whether the program has loaded FSDP2."""
    return _GROUPS in sys.modules


def groups_of(module: nn.Module) -> Iterator[Any]:
    """The groups of parameters that a module was given by ``fully_shard``."""
    if not is_loaded() or not hasattr(type(module), "_get_fsdp_state"):
        return
    state: Any = module._get_fsdp_state()  # type: ignore[operator]
    groups = getattr(state, "_fsdp_param_groups", None)
    if groups is None:  # torch 2.11 and before know one group a module
        groups = [group] if (group := getattr(state, "_fsdp_param_group", None)) is not None else []
    yield from groups


def is_whole(group: Any) -> bool:
    """Whether the parameters of a group are unsharded, or will be once its all-gather is over."""
    return bool(group.is_unsharded) or group._all_gather_result is not None


def tensors_of(group: Any) -> Iterator[tuple[torch.Tensor, RefType, nn.Module | None]]:
    """All that a group holds by now, what it is, and the module whose it is."""
    for parameter in getattr(group, "fsdp_params", ()):  # none when making it failed
        module = parameter._module_info.module
        sharded = parameter.sharded_param
        yield sharded, RefType.SHARDED_PARAMETER, module
        again = getattr(parameter, "_sharded_post_forward_param_data", None)
        if again is not None:
            yield again, RefType.SHARDED_PARAMETER, None
        for whole in (*parameter.all_gather_outputs, *getattr(parameter, "_unsharded_inner_tensors", ())):
            yield whole, RefType.UNSHARDED_PARAMETER, module
        unsharded = getattr(parameter, "_unsharded_param", None)
        if unsharded is not None and unsharded.grad is not None:
            yield unsharded.grad, RefType.UNSHARDED_GRADIENT, module
        if parameter.unsharded_accumulated_grad is not None:
            yield parameter.unsharded_accumulated_grad, RefType.UNSHARDED_GRADIENT, module
        if sharded.grad is not None:
            yield sharded.grad, RefType.SHARDED_GRADIENT, module
    partial = getattr(group, "_partial_reduce_output", None)
    if partial is not None:
        yield partial, RefType.SHARDED_GRADIENT, None
