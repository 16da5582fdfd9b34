"""gloo's threads hold the tensors of a collective for a moment after the program has its result."""

from __future__ import annotations

import sys
import time
from array import array

_PAUSE = 0.001
_QUIET, _MOST = 3, 20
"""Pauses without an event after which all is over, and pauses in all."""


def wait_for_late_frees(events: array[int]) -> None:
    """Let the threads of collectives free what they hold, so that it does not depend on chance when it counts as gone.

    To free a tensor they need Python's lock, which a pause hands to them. Without a process group of gloo: nothing.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return
    if "gloo" not in distributed.get_backend_config():
        return
    quiet = 0
    for _ in range(_MOST):
        before = len(events)
        time.sleep(_PAUSE)
        quiet = quiet + 1 if len(events) == before else 0
        if quiet == _QUIET:
            return
