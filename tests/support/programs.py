"""Random programs: small steps over a pool of tensors, modules and optimizers.

A step may fail, as in real programs: then the type of its error is part of what the program returns. Indices are taken
modulo what is there, so that any list of steps is a program, and hypothesis can drop and shrink steps freely.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial

import torch
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

from pytest_footprint.tracking import MemTracker

WIDTH = 8
_MOST_ALIVE = 12


@dataclass
class State:
    """What a program has at hand while it runs."""

    tracker: MemTracker | None
    pool: list[torch.Tensor] = field(default_factory=list)
    modules: list[nn.Module] = field(default_factory=list)
    optimizers: list[torch.optim.Optimizer] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def tensor(self, which: int) -> torch.Tensor:
        """One of the pool; a new one where there is none."""
        if not self.pool:
            self.keep(torch.randn(4, WIDTH, requires_grad=True))
        return self.pool[which % len(self.pool)]

    def matrix(self, which: int) -> torch.Tensor:
        """One of the pool, brought into the shape that modules take."""
        flat = self.tensor(which).to_dense().reshape(-1).float()
        rows = max(1, flat.numel() // WIDTH)
        return flat.new_ones(1, WIDTH) if flat.numel() < WIDTH else flat[: rows * WIDTH].view(rows, WIDTH)

    def module(self, which: int) -> nn.Module:
        """One of the modules; a new one where there is none."""
        if not self.modules:
            self.modules.append(nn.Linear(WIDTH, WIDTH))
        return self.modules[which % len(self.modules)]

    def keep(self, *tensors: torch.Tensor) -> None:
        """Put tensors into the pool; the oldest fall out."""
        self.pool.extend(tensors)
        del self.pool[:-_MOST_ALIVE]


Action = Callable[[State, int, int], None]
ACTIONS: dict[str, Action] = {}
"""What a step may do; gets the state and two numbers."""


def action(do: Action) -> Action:
    """Register under the function's name."""
    ACTIONS[do.__name__] = do
    return do


@dataclass(frozen=True)
class Step:
    """One action."""

    name: str
    a: int = 0
    b: int = 0

    def run(self, state: State) -> None:
        """Do it; an error is noted and forgotten."""
        try:
            ACTIONS[self.name](state, self.a, self.b)
        except Exception as error:  # noqa: BLE001 - whatever torch raises, it must raise the same when tracked
            state.log.append(f"{self.name}: {type(error).__name__}")


@dataclass(frozen=True)
class Block:
    """Steps inside a context, or inside a function that autograd recomputes."""

    context: str
    body: tuple[Step, ...]

    def run(self, state: State) -> None:
        """Do them all."""
        try:
            CONTEXTS[self.context](state, self.body)
        except Exception as error:  # noqa: BLE001 - as above
            state.log.append(f"{self.context}: {type(error).__name__}")


def run_program(steps: tuple[Step | Block, ...], tracker: MemTracker | None) -> object:
    """Run a program; what is alive at its end, and the errors that it met."""
    state = State(tracker)
    for step in steps:
        step.run(state)
    gradients = [parameter.grad for module in state.modules for parameter in module.parameters()]
    states = [optimizer.state_dict()["state"] for optimizer in state.optimizers]
    return {
        "pool": state.pool,
        "modules": [module.state_dict() for module in state.modules],
        "gradients": gradients,
        "optimizers": states,
        "state": state,  # keeps alive what the program had; of its class alone one can say that it is the same
        **dict.fromkeys(state.log),
    }


# -- contexts ------------------------------------------------------------------------------------------------------


class PlannedError(Exception):
    """An error that the program raises on purpose."""


def _all(state: State, body: tuple[Step, ...]) -> None:
    for step in body:
        step.run(state)


def _within(make: Callable[[State], AbstractContextManager[object]], state: State, body: tuple[Step, ...]) -> None:
    with make(state):
        _all(state, body)


def _raising(state: State, body: tuple[Step, ...]) -> None:
    _all(state, body)
    held = state.matrix(0).exp()
    msg = f"with {held.shape} in a frame"
    raise PlannedError(msg)


def _same_tracker(state: State) -> AbstractContextManager[object]:
    return state.tracker or nullcontext()


def _other_tracker(state: State) -> AbstractContextManager[object]:
    return MemTracker() if state.tracker else nullcontext()


def _both_trackers(state: State) -> AbstractContextManager[object]:
    stack = ExitStack()
    stack.enter_context(_other_tracker(state))
    stack.enter_context(_same_tracker(state))
    return stack


def _checkpointed(state: State, body: tuple[Step, ...], *, reentrant: bool, fails: bool = False) -> None:
    """The steps that make a tensor of a tensor, as a checkpointed function; recomputed when some step goes backward."""
    calls = 0

    def function(x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if fails and calls > 1:
            msg = "in the recomputation"
            raise PlannedError(msg)
        for step in body:
            x = torch.tanh(nn.functional.linear(x, weight)) * (1 + step.a % 3) if step.b % 2 else module(x).exp()
        return x

    module, weight = state.module(0), torch.randn(WIDTH, WIDTH, requires_grad=True)
    state.keep(checkpoint(function, state.matrix(0), use_reentrant=reentrant))


CONTEXTS: dict[str, Callable[[State, tuple[Step, ...]], None]] = {
    "no_grad": partial(_within, lambda _: torch.no_grad()),
    "enable_grad": partial(_within, lambda _: torch.enable_grad()),
    "inference_mode": partial(_within, lambda _: torch.inference_mode()),
    "autocast": partial(_within, lambda _: torch.autocast("cpu", torch.bfloat16)),
    "save_on_cpu": partial(_within, lambda _: torch.autograd.graph.save_on_cpu()),
    "raising": _raising,
    "same tracker again": partial(_within, _same_tracker),
    "another tracker": partial(_within, _other_tracker),
    "another and the same": partial(_within, _both_trackers),
    "checkpoint": partial(_checkpointed, reentrant=False),
    "checkpoint, reentrant": partial(_checkpointed, reentrant=True),
    "checkpoint that fails": partial(_checkpointed, reentrant=False, fails=True),
}

_NUMBERS = st.integers(0, 11)


def programs(most: int = 25) -> st.SearchStrategy[tuple[Step | Block, ...]]:
    """Programs of up to ``most`` steps and blocks."""
    step = st.builds(Step, st.sampled_from(sorted(ACTIONS)), _NUMBERS, _NUMBERS)
    block = st.builds(Block, st.sampled_from(sorted(CONTEXTS)), st.lists(step, min_size=1, max_size=5).map(tuple))
    return st.lists(st.one_of(step, step, step, block), min_size=1, max_size=most).map(tuple)
