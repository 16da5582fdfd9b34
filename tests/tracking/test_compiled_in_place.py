"""Modules that are compiled in place, by ``module.compile()``: one opaque region under the module's own name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from pytest_footprint.tracking import MemTracker, ModTracker


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x: torch.Tensor, *, fail: bool = False) -> torch.Tensor:
        if fail:
            message = "as told"
            raise ArithmeticError(message)
        return self.down(torch.relu(self.up(x)))


@pytest.fixture(autouse=True)
def compiled() -> Iterator[list[int]]:
    """Fills with one entry a graph that is compiled."""
    torch._dynamo.reset()
    _GRAPHS.clear()
    yield _GRAPHS
    torch._dynamo.reset()


_GRAPHS: list[int] = []


def _backend(graph: torch.fx.GraphModule, _: object) -> Callable[..., Any]:
    _GRAPHS.append(len(graph.graph.nodes))
    return graph.forward


def _compiled(module: nn.Module) -> nn.Module:
    module.compile(backend=_backend)
    return module


def test_what_a_compiled_model_makes_and_keeps_has_its_name(compiled: list[int]) -> None:
    model = _compiled(Block())

    footprint = MemTracker().run(model, torch.randn(4, 8))

    assert len(compiled) == 1
    assert footprint.forward == ("Block",)
    assert [(row.fqn, row.op) for row in footprint.saved] == [("Block", "aten.relu")]


@pytest.mark.parametrize("when", ["before", "while recording"])
def test_compiled_parts_of_a_model_have_their_names(when: str, compiled: list[int]) -> None:
    def step() -> None:
        if when == "while recording" and model[0]._compiled_call_impl is None:
            _compiled(model[0])
        model(torch.randn(4, 8)).sum().backward()

    model = nn.Sequential(Block(), nn.Tanh())
    if when == "before":
        _compiled(model[0])

    footprint = MemTracker().run(step, steps=2)

    assert len(compiled) == 1
    assert footprint.forward == ("Sequential", "Sequential.0", "Sequential.1")
    assert footprint.backward == ("Sequential", "Sequential.1", "Sequential.0")


def test_a_module_that_torch_does_not_compile_after_all_is_entered_once() -> None:
    model = nn.Sequential(_compiled(nn.Linear(8, 8)), nn.Tanh())  # dynamo leaves calls of torch's own modules alone

    footprint = MemTracker().run(lambda: model(torch.randn(4, 8)).sum().backward())

    assert footprint.forward == ("Sequential", "Sequential.0", "Sequential.1")


def test_the_mod_tracker_knows_compiled_modules_and_calls_its_hooks_once(compiled: list[int]) -> None:
    model = nn.Sequential(_compiled(Block()), nn.Tanh())
    heard: list[str | None] = []
    tracker = ModTracker()
    tracker.register_user_hooks(
        pre_fw_hook=lambda module, _: heard.append(tracker.get_known_fqn(module)),
        post_fw_hook=lambda module, _, __: heard.append(tracker.get_known_fqn(module)),
    )

    order = tracker.run(lambda: model(torch.randn(4, 8)).sum().backward())

    assert len(compiled) == 1
    assert order.forward == ("Sequential", "Sequential.0", "Sequential.1")
    assert heard == ["Sequential", "Sequential.0", "Sequential.0", "Sequential.1", "Sequential.1", "Sequential"]


def test_a_module_that_is_compiled_between_two_recordings_keeps_its_name(compiled: list[int]) -> None:
    model, tracker = nn.Sequential(Block(), nn.Tanh()), ModTracker()

    with tracker:
        model(torch.randn(4, 8))
    _compiled(model[0])
    order = tracker.run(lambda: model(torch.randn(4, 8)))

    assert len(compiled) == 1
    assert order.forward == ("Sequential", "Sequential.0", "Sequential.1")


def test_a_compiled_forward_that_fails_is_over() -> None:
    model = _compiled(Block())
    tracker = MemTracker()

    with tracker:
        with pytest.raises(ArithmeticError):
            model(torch.randn(4, 8), fail=True)
        kept = torch.ones(100)
        footprint = tracker.footprint()

    assert footprint.end.total >= kept.nbytes
    assert not tracker._recorder.state().frames


def test_modules_are_as_before_when_all_recordings_are_over(compiled: list[int]) -> None:
    model = _compiled(Block())
    x, before = torch.randn(4, 8), model._compiled_call_impl
    model(x)
    outer, inner = MemTracker(), MemTracker()

    outer.__enter__()
    outer.track_external(model)
    inner.run(model, x)
    outer.__exit__(None, None, None)
    model(x)

    assert model._compiled_call_impl is before
    assert len(compiled) == 1
    assert outer.footprint().forward == ("Block",)
