"""The private names of torch that the trackers use; nothing else here reaches into torch.

Each is looked up once, on import, so using it costs no more than torch's own name. One that this torch lacks does not
fail the import: `self_check` names all that are missing, or do something else than they did, before a recording begins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

TESTED = ("2.11.0", "2.15.0")
"""The oldest and the newest torch that was tried; ``docs/versions.md`` says what was run."""


class UnsupportedTorchError(RuntimeError):
    """This torch lacks, or has changed, something private that the trackers rely on."""


def unsupported(problems: Iterable[str]) -> UnsupportedTorchError:
    """The error that names what is wrong with this torch, and what to do."""
    lines = "".join(f"\n  {problem}" for problem in problems)
    oldest, newest = TESTED
    msg = (
        f"pytest-footprint {version('pytest-footprint')} cannot measure with torch {torch.__version__},"
        f" which differs inside:{lines}\n"
        f"Nothing was recorded. Install a torch from {oldest} to {newest}, or a newer pytest-footprint;\n"
        "if there is none yet, please open an issue with this text."
    )
    return UnsupportedTorchError(msg)


NAMES: list[str] = []
"""What every tracker needs, as dotted paths."""
PROFILER_NAMES: list[str] = []
"""What only `inside_ops` needs."""


def found(path: str) -> Any:
    """What stands at a dotted path below torch.

    Raises:
        AttributeError: nothing does.
    """
    place: Any = torch
    for name in path.split(".")[1:]:
        place = getattr(place, name)
    return place


def _private(path: str, names: list[str] = NAMES) -> Any:
    names.append(path)
    try:
        return found(path)
    except AttributeError:
        return type("Missing", (), {"__init__": lambda *_, **__: _refuse(path)})  # may be called, or be a base class


def _refuse(path: str) -> None:
    raise unsupported([f"{path} is missing"])


# -- backward --------------------------------------------------------------------------------------------------------

current_node: Callable[[], Any] = _private("torch._C._current_autograd_node")
"""The autograd node that runs in this thread, None outside backward."""
graph_task: Callable[[], int] = _private("torch._C._current_graph_task_id")
"""The number of the backward that runs in this thread, -1 outside backward."""
sequence_number: Callable[[], int] = _private("torch._C._autograd._get_sequence_nr")
"""The number that this thread's next autograd node gets."""
when_backward_ends: Callable[[Callable[[], None]], None] = _private(
    "torch.autograd.Variable._execution_engine.queue_callback"
)
"""Have a function called when the backward that runs in this thread is over, if it does not fail."""
Engine: Any = _private("torch._C._ImperativeEngine")
"""The class of the object that runs every backward."""
_will_execute: Callable[[Any], bool] = _private("torch._C._will_engine_execute_node")
BackwardCFunction: type = _private("torch.autograd.function.BackwardCFunction")
"""The nodes of functions that are written in Python."""

ACCUMULATE_GRAD = 2**64 - 1
"""The sequence number of every AccumulateGrad node; its ``variable`` is the leaf."""


def accumulating_leaf() -> Any:
    """The leaf whose gradient the current node, an AccumulateGrad, accumulates."""
    node: Any = current_node()
    return node.variable


def is_reached_by_backward(tensor: torch.Tensor) -> bool:
    """Whether the backward that runs in this thread goes as far as ``tensor``."""
    node = torch.autograd.graph.get_gradient_edge(tensor).node
    try:
        return bool(_will_execute(node))
    except RuntimeError:
        return True  # torch refuses to answer for a leaf that autograd.grad was asked for: its gradient comes


# -- operators and tensors -------------------------------------------------------------------------------------------

if TYPE_CHECKING:
    from torch._ops import OpOverload as OpOverload  # noqa: PLC0414 - others take these four from here
    from torch._subclasses.fake_tensor import FakeTensor as FakeTensor  # noqa: PLC0414
    from torch.utils._python_dispatch import TorchDispatchMode as TorchDispatchMode  # noqa: PLC0414
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass as is_traceable_wrapper_subclass  # noqa: PLC0414
else:
    OpOverload = _private("torch._ops.OpOverload")
    FakeTensor = _private("torch._subclasses.fake_tensor.FakeTensor")
    TorchDispatchMode = _private("torch.utils._python_dispatch.TorchDispatchMode")
    is_traceable_wrapper_subclass = _private("torch.utils._python_dispatch.is_traceable_wrapper_subclass")

DISABLED_DISPATCH: object = _private("torch._C._disabled_torch_dispatch_impl")
"""The ``__torch_dispatch__`` of tensor types that leave operators alone."""
COMPOSITE: Any = _private("torch._C.DispatchKey.CompositeImplicitAutograd")
"""Operators with a kernel for this key are made of others."""
tree_leaves: Callable[[object], list[Any]] = _private("torch.utils._pytree.tree_leaves")
NAMES.extend(f"torch.fx.experimental.sym_node.SymNode.{name}" for name in ("has_hint", "hint"))
_is_wrapped: Callable[[torch.Tensor], bool] = _private("torch._C._functorch.is_functorch_wrapped_tensor")
_unwrap: Callable[[torch.Tensor], torch.Tensor] = _private("torch._C._functorch.get_unwrapped")
_set_strategy: Callable[[Any, Any], None] = _private("torch._C._dynamo.eval_frame.set_code_exec_strategy")
_Strategy: Any = _private("torch._C._dynamo.eval_frame._FrameExecStrategy")
_SKIP: Any = _private("torch._C._dynamo.eval_frame._FrameAction.SKIP")
_DEFAULT: Any = _private("torch._C._dynamo.eval_frame._FrameAction.DEFAULT")
_tracing_context: Callable[[], object] = _private("torch._guards.TracingContext.try_get")


def unwrapped(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor below all functorch wrappers (grad, vmap, jvp)."""
    while _is_wrapped(tensor):
        tensor = _unwrap(tensor)
    return tensor


def never_compiled(function: Callable[..., Any], *, what_it_calls: bool = True) -> None:
    """Tell dynamo to leave a function, and all that it calls, alone.

    torch wraps every ``__torch_dispatch__`` to the same end, at a microsecond a call and the import of dynamo.
    """
    _set_strategy(function.__code__, _Strategy(_SKIP, _SKIP if what_it_calls else _DEFAULT))


def is_traced() -> bool:
    """Whether a compiler follows what autograd does now.

    What it traces is no backward of the program yet, and compiled autograd would compile our hooks into its graph.
    """
    compiled = sys.modules.get("torch._dynamo.compiled_autograd")
    if getattr(compiled, "compiled_autograd_enabled", False):
        return True
    return _tracing_context() is not None or torch.compiler.is_compiling()


# -- what `patches` replaces or reads --------------------------------------------------------------------------------

has_any_global_hook: Callable[[], bool] = _private("torch.nn.modules.module._has_any_global_hook")
HOOK_KINDS = ("backward_pre", "backward", "forward_pre", "forward")
GLOBAL_HOOKS: tuple[Mapping[int, Any], ...] = tuple(
    _private(f"torch.nn.modules.module._global_{kind}_hooks") for kind in HOOK_KINDS
)
_calls_forward: Any = _private("torch.nn.Module._call_impl")
_private("torch.nn.Module._wrapped_call_impl")
_KNOWN_HOOKS = {f"_{where}{kind}_hooks" for where in ("", "global_") for kind in HOOK_KINDS}
is_jit_tracing: Callable[[], object] = _private("torch._C._get_tracing_state")
"""Not None while ``torch.jit.trace`` follows the program."""


def has_known_hooks_only() -> bool:
    """Whether a module without hooks of the kinds that we know, and without global ones, only calls its forward."""
    names = _calls_forward.__code__.co_names
    return {name for name in names if name.endswith("_hooks")} == _KNOWN_HOOKS


_private("torch._utils._rebuild_tensor")

# -- frames of torch's own functions ---------------------------------------------------------------------------------

CALLS_MODULE_HOOKS = ("inner", "_call_impl")
"""Functions of ``torch.nn.Module`` that call hooks, and have a module call's ``kwargs``."""
_STEP_FRAME = ("wrapper", "optimizer.py")
"""Function and file of the frame that runs an optimizer's step and its hooks."""
COPIES_PARAMETER = ("torch.nn.parameter", "__deepcopy__")
"""What is cloned here becomes a parameter."""
_NEAR = 12


def keyword_arguments(depth: int) -> Mapping[str, Any]:
    """The keyword arguments of the module call whose global hook is running.

    torch passes keyword arguments to a module's own hooks only, so they are read from the frame that calls the hook.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    if frame is None or frame.f_code.co_name not in CALLS_MODULE_HOOKS:
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


_TORCH = str(Path(torch.__file__).parent)
CALLED_BY_PROGRAMS = tuple(
    str(Path(_TORCH, *part.split("/"))) for part in ("nn", "optim", "autograd", "distributed/fsdp")
)
"""Parts of torch that DTensor does not call."""
TORCH_OR_OURS = (_TORCH, str(Path(__file__).parent), "<")
"""What the files of torch's frames, and of our own, begin with; ``<`` is generated code."""
_COMPILERS = tuple(
    str(Path(_TORCH, *folder.split("/")))
    for folder in ("_dynamo/backends", "_functorch/_aot_autograd", "_higher_order_ops", "_inductor")
)


def is_compilers(graph: torch.fx.GraphModule, frame: FrameType | None) -> bool:
    """Whether torch made a graph that is called at or above ``frame``, to compile with, and not the user."""
    if "dynamo_compile_id" in graph.meta:
        return True  # the user's own backend may call it
    while frame is not None and not frame.f_code.co_filename.startswith(_TORCH):
        frame = frame.f_back  # the hooks themselves
    while frame is not None and frame.f_code.co_filename.startswith(TORCH_OR_OURS):
        if frame.f_code.co_filename.startswith(_COMPILERS):
            return True
        frame = frame.f_back
    return False


def runs_within(frame: FrameType | None, function: tuple[str, str]) -> bool:
    """Whether this function (module and name) is among the nearest frames at or above ``frame``."""
    for _ in range(_NEAR):
        if frame is None:
            return False
        if (frame.f_globals.get("__name__"), frame.f_code.co_name) == function:
            return True
        frame = frame.f_back
    return False


# -- what autograd and compiled modules keep --------------------------------------------------------------------------

SavedTensor: type = _private("torch._C._autograd.SavedTensor")
"""What ``_raw_saved_*`` are, and what a checkpoint keeps its inputs in."""
NAMES.extend(f"torch._C._autograd.SavedTensor.{name}" for name in ("data", "unpack_hook"))
CHECKPOINT = "torch.utils.checkpoint"
CHECKPOINT_HOLDS = ("recompute_fn", "saved_args", "storage", "val")
"""Attributes there: a region's function and arguments, what a selective checkpoint has cached, and what wraps that."""
COMPILED_CALL = "_compiled_call_impl"
"""The attribute in which ``Module.compile`` keeps what is called instead of ``forward`` and its hooks."""
NAMES.append(f"torch.nn.Module.{COMPILED_CALL}")

# -- the profiler ----------------------------------------------------------------------------------------------------

EventType: Any = _private("torch._C._profiler._EventType", PROFILER_NAMES)
ExperimentalConfig: Any = _private("torch._C._profiler._ExperimentalConfig", PROFILER_NAMES)
RecordFunctionFast: Any = _private("torch._C._profiler._RecordFunctionFast", PROFILER_NAMES)
ProfilerActivity: Any = _private("torch.autograd.ProfilerActivity", PROFILER_NAMES)
ProfilerConfig: Any = _private("torch.autograd.ProfilerConfig", PROFILER_NAMES)
ProfilerState: Any = _private("torch.autograd.ProfilerState", PROFILER_NAMES)
prepare_profiler: Callable[..., None] = _private("torch.autograd._prepare_profiler", PROFILER_NAMES)
enable_profiler: Callable[..., None] = _private("torch.autograd._enable_profiler", PROFILER_NAMES)
disable_profiler: Callable[[], Any] = _private("torch.autograd._disable_profiler", PROFILER_NAMES)
profiler_enabled: Callable[[], bool] = _private("torch.autograd._profiler_enabled", PROFILER_NAMES)
