"""What trackers say that do not begin with this torch."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import torch
from torch.nn.modules import module as torch_module
from torch.optim import optimizer as torch_optimizer

from pytest_footprint.tracking import (
    MemTracker,
    UnsupportedTorchError,
    internals,
    self_check,
)


@contextmanager
def first_uses() -> Iterator[None]:
    """Within, each tracker is the first one of the process."""
    checks = (self_check._check_trackers, self_check._check_profiler)
    for check in checks:
        check.cache_clear()
    try:
        yield
    finally:
        for check in checks:
            check.cache_clear()


def refusal(tracker: Callable[[], AbstractContextManager[object]] = MemTracker) -> str:
    """What a tracker says that does not begin, and leaves nothing in torch."""
    before = _left_in_torch()
    entered = tracker()

    with pytest.raises(UnsupportedTorchError) as refused, entered:
        pytest.fail("it began")

    assert _left_in_torch() == before
    if isinstance(entered, MemTracker):
        assert not entered.trace.events
    return str(refused.value)


def _left_in_torch() -> list[object]:
    return [
        *(dict(registry) for registry in internals.GLOBAL_HOOKS),
        dict(torch_optimizer._global_optimizer_pre_hooks),
        getattr(torch_module, "_has_any_global_hook", None),
        torch.UntypedStorage.resize_,
        torch.UntypedStorage.__init__,
        torch.get_rng_state,
        torch._C._len_torch_dispatch_stack(),
        gc.get_freeze_count(),
    ]
