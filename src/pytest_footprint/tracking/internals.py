"""The private names of torch that the trackers use, and nothing else of torch's inside."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import torch

current_node = torch._C._current_autograd_node
"""The autograd node that runs in this thread, None outside backward."""
graph_task = torch._C._current_graph_task_id
"""The number of the backward that runs in this thread, -1 outside backward."""
sequence_number = torch._C._autograd._get_sequence_nr
"""The number that this thread's next autograd node gets."""

ACCUMULATE_GRAD = 2**64 - 1
"""The sequence number of every AccumulateGrad node; its ``variable`` is the leaf."""

_STEP_FRAME = ("wrapper", "optimizer.py")
"""Function and file of the frame that runs an optimizer's step and its hooks."""


def never_compiled(function: Callable[..., Any]) -> None:
    """Tell dynamo to leave a function, and all that it calls, alone.

    torch wraps every ``__torch_dispatch__`` to the same end, at a microsecond a call and the import of dynamo.
    """
    frames = torch._C._dynamo.eval_frame
    skip = frames._FrameAction.SKIP
    frames.set_code_exec_strategy(function.__code__, frames._FrameExecStrategy(skip, skip))


class UnsupportedTorchError(RuntimeError):
    """This torch lacks, or has changed, something private that the trackers rely on."""


@functools.cache
def check() -> None:
    """Try each private name once.

    Raises:
        UnsupportedTorchError: one of them is missing or says something else than it did; nothing was recorded.
    """
    problems = []
    seen: list[object] = []
    leaf = torch.zeros(1, requires_grad=True)
    product = leaf * 2
    before = product.grad_fn._sequence_nr() if product.grad_fn is not None else -1
    if before + 1 != sequence_number():
        problems.append("torch._C._autograd._get_sequence_nr does not follow Node._sequence_nr")
    saved = (leaf * leaf).grad_fn
    if not hasattr(saved, "_raw_saved_self"):
        problems.append("autograd nodes have no _raw_saved_* attributes")
    product.register_hook(lambda _: seen.append((current_node(), graph_task())))
    product.sum().backward()
    if not seen or seen[0] == (None, -1):
        problems.append("torch._C._current_autograd_node or _current_graph_task_id is blind in backward")
    if current_node() is not None or graph_task() != -1:
        problems.append("torch._C._current_autograd_node or _current_graph_task_id outlives backward")
    if not hasattr(torch._C._dynamo.eval_frame, "set_code_exec_strategy"):
        problems.append("dynamo has no set_code_exec_strategy")
    if problems:
        msg = f"pytest-footprint does not know torch {torch.__version__}: {'; '.join(problems)}"
        raise UnsupportedTorchError(msg)


def keyword_arguments(depth: int) -> Mapping[str, Any]:
    """The keyword arguments of the module call whose global hook is running.

    torch passes keyword arguments to a module's own hooks only, so they are read from the frame that calls the hook.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    if frame is None or frame.f_code.co_name not in ("inner", "_call_impl"):
        return {}
    found = frame.f_locals.get("kwargs")
    return found if isinstance(found, dict) else {}


def running_steps(most: int) -> int:
    """How many optimizer steps are on this thread's stack, those included that are about to call their hooks.

    Looks no further than for ``most``: the steps that run are near the top, and stacks are deep.
    """
    name, file = _STEP_FRAME
    found = 0
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and found < most:
        code = frame.f_code
        if code.co_name == name and code.co_filename.endswith(file):
            found += 1
        frame = frame.f_back
    return found


def accumulating_leaf() -> Any:
    """The leaf whose gradient the current node, an AccumulateGrad, accumulates."""
    node: Any = current_node()
    return node.variable


def is_reached_by_backward(tensor: torch.Tensor) -> bool:
    """Whether the backward that runs in this thread goes as far as ``tensor``."""
    node = torch.autograd.graph.get_gradient_edge(tensor).node
    try:
        return bool(torch._C._will_engine_execute_node(node))
    except RuntimeError:
        return True  # torch refuses to answer for a leaf that autograd.grad was asked for: its gradient comes


COPIES_PARAMETER = ("torch.nn.parameter", "__deepcopy__")
"""What is cloned here becomes a parameter."""
_NEAR = 12


def runs_within(frame: FrameType | None, function: tuple[str, str]) -> bool:
    """Whether this function (module and name) is among the nearest frames at or above ``frame``."""
    for _ in range(_NEAR):
        if frame is None:
            return False
        if (frame.f_globals.get("__name__"), frame.f_code.co_name) == function:
            return True
        frame = frame.f_back
    return False


def unwrapped(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor below all functorch wrappers (grad, vmap, jvp)."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(tensor):
        tensor = functorch.get_unwrapped(tensor)
    return tensor
