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
from pytest_footprint.tracking.distributed.around_calls import AroundCalls
from pytest_footprint.tracking.internals import unsupported

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

_OF_GROUP = ("fsdp_params", "modules", "is_unsharded", "_all_gather_result", "_training_state")
_OF_PARAMETER = (
    "_module_info",
    "_sharded_param_data",
    "sharded_param",
    "all_gather_outputs",
    "unsharded_accumulated_grad",
)
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


def check(group: Any) -> None:
    """See that a group has what is read of it; in the thread that met it, before anything is read.

    Raises:
        UnsupportedTorchError: this torch's groups, or their parameters, lack something.
    """
    missing = [f"{_GROUPS}.{_CLASS}().{name} is missing" for name in _OF_GROUP if not hasattr(group, name)]
    for parameter in tuple(getattr(group, "fsdp_params", ()))[:1]:
        missing += [
            f"{type(parameter).__name__}().{name} is missing" for name in _OF_PARAMETER if not hasattr(parameter, name)
        ]
    if missing:
        raise unsupported(missing)


def is_whole(group: Any) -> bool:
    """Whether the parameters of a group are unsharded, or will be once its all-gather is over."""
    return bool(group.is_unsharded) or group._all_gather_result is not None


Held = Iterator[tuple[torch.Tensor, RefType, nn.Module | None]]
"""Tensors of a group, what each is, and the module whose it is."""


def held(group: Any) -> Held:
    """All that a group has by now."""
    for each in (shards, resharded, wholes, gradients):
        yield from each(group)


def shards(group: Any) -> Held:
    """This rank's part of each parameter, which `lazy_init` and loading may replace."""
    for parameter in getattr(group, "fsdp_params", ()):  # none when making the group failed
        yield parameter._sharded_param_data, RefType.SHARDED_PARAMETER, parameter._module_info.module


def resharded(group: Any) -> Held:
    """Parts that are kept between forward and backward because ``reshard_after_forward`` is a number."""
    for parameter in group.fsdp_params:
        again = getattr(parameter, "_sharded_post_forward_param_data", None)
        if again is not None:
            yield again, RefType.SHARDED_PARAMETER, None


def wholes(group: Any) -> Held:
    """Gathered parameters; their storages stay, and are empty while they are sharded."""
    for parameter in group.fsdp_params:
        for whole in (*parameter.all_gather_outputs, *getattr(parameter, "_unsharded_inner_tensors", ())):
            yield whole, RefType.UNSHARDED_PARAMETER, parameter._module_info.module


def gradients(group: Any) -> Held:
    """Those of parts and of whole parameters."""
    for parameter in group.fsdp_params:
        module = parameter._module_info.module
        unsharded = getattr(parameter, "_unsharded_param", None)
        if unsharded is not None and unsharded.grad is not None:
            yield unsharded.grad, RefType.UNSHARDED_GRADIENT, module
        if parameter.unsharded_accumulated_grad is not None:
            yield parameter.unsharded_accumulated_grad, RefType.UNSHARDED_GRADIENT, module
        if parameter.sharded_param.grad is not None:
            yield parameter.sharded_param.grad, RefType.SHARDED_GRADIENT, module
    partial = getattr(group, "_partial_reduce_output", None)
    if partial is not None:
        yield partial, RefType.SHARDED_GRADIENT, None
