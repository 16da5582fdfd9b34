"""The buckets in which `DistributedDataParallel` reduces gradients. It makes them in C++, in its first two steps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking.distributed.around_calls import AroundCalls
from pytest_footprint.tracking.internals import found
from pytest_footprint.tracking.recorder import Recorder

_REDUCER = "torch._C._distributed_c10d.Reducer"
_calls = AroundCalls(lambda: found(_REDUCER), _REDUCER, ("__init__", "_rebuild_buckets"))


@contextmanager
def buckets_are_gradients(recorder: Recorder) -> Generator[None]:
    """What is made when buckets are laid out, once and again in the order in which gradients came, is gradients."""

    def around(_: Any, method: str) -> Callable[[], None]:
        first = len(recorder.trace.nbytes)
        return lambda: recorder.live.label_births(first, RefType.GRADIENT)

    if not torch.distributed.is_available():
        yield
        return
    with _calls.reported_to(around):
        yield
