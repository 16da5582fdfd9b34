"""Runs one program bare, under the allocator's own account and under a tracker, and lists whatever is not the same.

"At an operator's end" is meant to the byte, so one thing is taken out of the allocator's account: the 8 or 16 bytes
into which torch wraps a number (the ``2.0`` of ``x * 2.0``). No operator makes them, so no dispatch mode sees them;
they live as long as the operator, or as long as autograd keeps the number for backward.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch._C._profiler import _EventType, _RecordFunctionFast
from torch.nn.modules import module as torch_module
from torch.optim import optimizer as torch_optimizer
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_footprint.model.usage import DeviceUsage
from pytest_footprint.tracking import MemTracker

Program = Callable[[MemTracker | None], object]
"""Does its work and returns what came of it; gets the tracker that records it, None without one."""

_OPERATOR = "operator:"
_WHOLE = "program"
LARGEST_NUMBER = 16
"""Bytes of a complex number: the largest that torch wraps."""


class _MarkOperators(TorchDispatchMode):
    """Puts every operator into a profiler range, so that memory can be read where it ends."""

    supports_higher_order_operators = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with _RecordFunctionFast(f"{_OPERATOR}{func}"):
            return func(*args, **(kwargs or {}))


@contextmanager
def _marked(owner: Any, name: str) -> Generator[None]:
    """Let a function that is no operator count as one: trackers see what it allocates."""
    inherited, original = name not in vars(owner), getattr(owner, name)

    @functools.wraps(original)
    def marked(*args: Any, **kwargs: Any) -> Any:
        with _RecordFunctionFast(f"{_OPERATOR}{name}"):
            return original(*args, **kwargs)

    setattr(owner, name, marked)
    try:
        yield
    finally:
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)


@dataclass(frozen=True)
class Memory:
    """Bytes above where the program began."""

    peak: int
    """The highest point where an operator returned."""
    end: int


@dataclass(frozen=True)
class _Change:
    """The allocator gave memory, or took it back where ``nbytes`` is below zero."""

    time: int
    nbytes: int
    pointer: int


@dataclass(frozen=True)
class _Operator:
    name: str
    begin: int
    end: int


DIFFER = "results differ"
ANY_MODE = "results differ, as under any dispatch mode"
"""torch's own doing: where a mode is active, some formulas take another way (the gradient of ``prod``)."""


def differences(program: Program, *, values: bool = True) -> list[str]:
    """What tracking changed, or did not see.

    Args:
        program: called three times, each time from the same random state.
        values: compare results too; False where a program reads memory that nobody wrote.
    """
    before = globals_of_torch()
    bare, bare_random = _seeded(lambda: outcome(program, None))
    (marked, truth), _ = _seeded(lambda: allocated(lambda: outcome(program, None)))
    (tracked, seen), tracked_random = _seeded(lambda: _tracked(program))
    found = []
    if _kind(bare) != _kind(tracked):
        found.append(f"outcome: {_kind(tracked)} instead of {_kind(bare)}")
    elif values and not same(bare, tracked):
        found.append(ANY_MODE if same(marked, tracked) else DIFFER)
    if not torch.equal(bare_random, tracked_random):
        found.append("random state differs")
    if seen.peak != truth.peak:
        found.append(f"peak: tracked {seen.peak}, true {truth.peak}")
    if seen.end != truth.end:
        found.append(f"end: tracked {seen.end}, true {truth.end}")
    found += [f"left behind: {name}" for name, value in globals_of_torch().items() if value != before[name]]
    return found


@contextmanager
def one_thread() -> Generator[None]:
    """Run with one thread, in which operators allocate the same at every call; what was frozen is thawed at the end."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)


def outcome(program: Program, tracker: MemTracker | None) -> object:
    """What the program returned, or the type of what it raised."""
    try:
        return program(tracker)
    except Exception as error:  # noqa: BLE001 - whatever it raises is its outcome
        return type(error)


def _tracked(program: Program) -> tuple[object, Memory]:
    tracker = MemTracker()
    with tracker:
        result = outcome(program, tracker)
        footprint = tracker.footprint()
    start = _total(footprint.start)
    return result, Memory(_total(footprint.peak) - start, _total(footprint.end) - start)


def _total(usage: DeviceUsage) -> int:
    return sum(int(each.total) for each in usage.values())


def _seeded(run: Callable[[], Any]) -> tuple[Any, torch.Tensor]:
    torch.manual_seed(0)
    gc.collect()
    gc.freeze()  # what lives now is not looked at again: a sweep over all of torch's objects takes 0.2 s
    gc.disable()
    try:
        return run(), torch.get_rng_state()
    finally:
        gc.enable()


def _kind(result: object) -> str:
    return result.__name__ if isinstance(result, type) else "a value"


# -- the allocator's account ---------------------------------------------------------------------------------------


def allocated(run: Callable[[], object]) -> tuple[object, Memory]:
    """Run under the profiler: what ``run`` returned, and what the allocator says of it."""
    with (
        profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as recorded,
        _marked(torch, "get_rng_state"),
        _marked(torch.UntypedStorage, "resize_"),
        _marked(torch.UntypedStorage, "__init__"),
        _marked(torch.UntypedStorage, "clone"),
        _MarkOperators(),
        _RecordFunctionFast(_WHOLE),
    ):
        result = run()
    changes: list[_Change] = []
    operators: list[_Operator] = []
    whole = _Operator(_WHOLE, 0, 0)
    for node in _nodes(recorded):
        if node.tag == _EventType.Allocation:
            changes.append(_Change(node.start_time_ns, node.extra_fields.alloc_size, node.extra_fields.ptr))
        elif node.name.startswith(_OPERATOR):
            operators.append(_Operator(node.name, node.start_time_ns, node.end_time_ns))
        elif node.name == _WHOLE:
            whole = _Operator(_WHOLE, node.start_time_ns, node.end_time_ns)
    changes = sorted((each for each in changes if whole.begin < each.time < whole.end), key=lambda each: each.time)
    operators.sort(key=lambda each: each.begin)
    return result, _read(changes, operators)


def _nodes(recorded: profile) -> Iterator[Any]:
    assert recorded.profiler is not None
    assert recorded.profiler.kineto_results is not None
    nodes = list(recorded.profiler.kineto_results.experimental_event_tree())
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children)
        yield node


def _read(changes: list[_Change], operators: list[_Operator]) -> Memory:
    numbers = _wrapped_numbers(changes, operators)
    ends = iter(sorted(operator.end for operator in operators))
    end, level, peak = next(ends, None), 0, 0
    for place, change in enumerate(changes):
        while end is not None and end <= change.time:
            peak, end = max(peak, level), next(ends, None)
        if place not in numbers:
            level += change.nbytes
    return Memory(max(peak, level) if end is not None else peak, level)


def _wrapped_numbers(changes: list[_Change], operators: list[_Operator]) -> set[int]:
    """Both changes of each number: given outside all operators, and not for ``torch.tensor``, which shows it."""
    found: set[int] = set()
    alive: dict[int, int] = {}
    begun, open_until = 0, 0
    for place, change in enumerate(changes):
        while begun < len(operators) and operators[begun].begin <= change.time:
            open_until = max(open_until, operators[begun].end)
            begun += 1
        if 0 < change.nbytes <= LARGEST_NUMBER and change.time > open_until:
            if begun < len(operators) and "aten.lift" not in operators[begun].name:
                alive[change.pointer] = place
                found.add(place)
        elif change.nbytes < 0 and change.pointer in alive:
            del alive[change.pointer]
            found.add(place)
    return found


# -- what is left, what came out -----------------------------------------------------------------------------------


def globals_of_torch() -> Mapping[str, object]:
    """Whatever a tracker might leave in torch."""
    return {
        "forward pre-hooks": list(torch_module._global_forward_pre_hooks),
        "forward hooks": list(torch_module._global_forward_hooks),
        "backward hooks": list(torch_module._global_backward_hooks),
        "always called": list(torch_module._global_forward_hooks_always_called),
        "step pre-hooks": list(torch_optimizer._global_optimizer_pre_hooks),
        "step post-hooks": list(torch_optimizer._global_optimizer_post_hooks),
        "announces hooks": torch_module._has_any_global_hook,
        "UntypedStorage.resize_": torch.UntypedStorage.resize_,
        "UntypedStorage.__init__": torch.UntypedStorage.__init__,
        "rebuilds": torch._utils._rebuild_tensor,
        "get_rng_state": torch.get_rng_state,
        "modes": torch._C._len_torch_dispatch_stack(),
        "grad mode": torch.is_grad_enabled(),
    }


def same(one: object, other: object) -> bool:
    """Whether two results are the same, their tensors bit for bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return _same_tensor(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and _all_same(one.values(), other.values())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and _all_same(one, other)
    return type(one) is type(other)


def _all_same(some: Iterable[object], others: Iterable[object]) -> bool:
    return all(same(one, other) for one, other in zip(some, others, strict=True))


def _same_tensor(one: torch.Tensor, other: torch.Tensor) -> bool:
    facts = [
        (each.layout, each.dtype, each.device, each.requires_grad, each.is_nested, type(each)) for each in (one, other)
    ]
    if facts[0] != facts[1]:
        return False
    if one.is_nested:
        return _all_same(one.unbind(), other.unbind())
    if one.shape != other.shape:
        return False
    if one.layout is not torch.strided:
        return _all_same(_parts(one), _parts(other))
    return _bits(one) == _bits(other)


def _parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    if tensor.layout is torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in {torch.sparse_csr, torch.sparse_bsr}:
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in {torch.sparse_csc, torch.sparse_bsc}:
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return [tensor.to_dense()]  # mkldnn


def _bits(tensor: torch.Tensor) -> bytes:
    if tensor._is_zerotensor():  # forward-mode AD's: it has no memory
        return b"zero"
    plain = tensor.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
    return bytes(plain.reshape(-1).view(torch.uint8).numpy().tobytes()) if plain.numel() else b""
