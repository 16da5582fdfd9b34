"""Programs on which torch's trackers are wrong and which no other test here runs; see docs/torch-trackers.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
import torch
from torch import nn

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.tracking import MemTracker

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "torch-trackers.md"


class Pair(torch.Tensor):
    """A tensor made of two; multiplying it keeps the first and makes a new second."""

    @staticmethod
    def __new__(cls, first: torch.Tensor, second: torch.Tensor) -> Self:
        made: Self = torch.Tensor._make_wrapper_subclass(cls, first.shape, dtype=first.dtype)
        made.first, made.second = first, second
        return made

    first: torch.Tensor
    second: torch.Tensor

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["first", "second"], None

    @staticmethod
    def __tensor_unflatten__(inner: Any, context: Any, size: Any, stride: Any) -> Pair:
        return Pair(inner["first"], inner["second"])

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        pair, *rest = args
        if func is torch.ops.aten.mul.Tensor:
            return Pair(pair.first, func(pair.second, *rest))
        torch.zeros(1 << 20).add_(1)
        return Pair(func(pair.first, *rest), func(pair.second, *rest))


def test_of_two_inner_tensors_each_counts_as_often_as_it_is_new() -> None:
    for _ in range(20):
        pair, tracker = Pair(torch.zeros(1000), torch.zeros(1000)), MemTracker()
        tracker.track_external(pair)

        footprint = tracker.run(lambda pair=pair: pair * 2.0)

        assert footprint.peak.total == 12000


def test_what_a_tensor_subclass_makes_on_the_way_counts() -> None:
    pair = Pair(torch.zeros(10), torch.zeros(10))

    assert MemTracker().run(lambda: pair + 1).peak.total >= 4 << 20


class Opaque(torch.Tensor):
    """A tensor that tells nobody what is inside."""

    hidden: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> Self:
        made: Self = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
        made.hidden = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return Opaque(func(args[0].hidden[:1], *args[1:]))


def test_a_tensor_that_hides_its_inner_one_counts_with_what_that_takes() -> None:
    opaque = Opaque(torch.zeros(10**6))

    assert MemTracker().run(lambda: opaque + 1).peak.total == 4


@pytest.mark.parametrize("view_first", [False, True])
def test_a_parameter_that_is_registered_through_a_view_too_is_a_parameter(*, view_first: bool) -> None:
    model, tracker = nn.Linear(16, 16, bias=False), MemTracker()

    tracker.track_external(*([model.weight.detach(), model] if view_first else [model, model.weight.detach()]))

    assert tracker.get_tracker_snapshot()[CPU]["Parameter"] == model.weight.nbytes


@pytest.mark.parametrize(
    "touch",
    [lambda x: x.view(-1)[:1], lambda x: x.add_(0), lambda x: x.detach()],
    ids=["view", "in-place", "detach"],
)
def test_an_older_tensor_is_not_new_because_it_is_touched(touch: Callable[[torch.Tensor], object]) -> None:
    older = torch.zeros(1000)

    assert MemTracker().run(touch, older).growth.total == 0
    with MemTracker() as tracker:
        kept = touch(older)
    assert kept is not None
    assert tracker.get_tracker_snapshot().get(CPU, {}).get("Total", 0) == 0


def test_a_peak_between_two_operators_is_seen_and_resize_returns_the_storage() -> None:
    with MemTracker() as tracker:
        tensor = torch.zeros(10)
        returned = tensor.untyped_storage().resize_(4_000_000)
        returned.resize_(40)

    assert returned is tensor.untyped_storage()
    assert tracker.get_tracker_snapshot("peak")[CPU]["Total"] == 4_000_000


def test_a_lazy_module_may_be_registered_before_it_has_parameters() -> None:
    model, tracker = nn.LazyLinear(4), MemTracker()
    tracker.track_external(model)

    footprint = tracker.run(lambda: model(torch.randn(4, 8)).sum().backward())

    assert footprint.end.parameters == 4 * 8 * 4 + 4 * 4


def test_what_a_function_saves_for_backward_counts() -> None:
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x * 2)
            return x.clone()

    x = torch.ones(1000, requires_grad=True)
    with MemTracker() as tracker:
        kept = Doubled.apply(x)

    assert kept.requires_grad
    assert tracker.get_tracker_snapshot()[CPU]["Total"] == 8000


def _scaled(model: nn.Module, x: torch.Tensor) -> None:
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu")
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(x).float().sum()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()


def _entered_inside_a_forward(model: nn.Module, x: torch.Tensor) -> None:
    class Around(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tracker = MemTracker()
            tracker.__enter__()
            self.leave = lambda: tracker.__exit__(None, None, None)
            return model(x)

    around = Around()
    around.register_forward_hook(lambda *_: None)
    around(x).sum().backward()
    around.leave()


def _split_over_two_contexts(model: nn.Module, x: torch.Tensor) -> None:
    tracker = MemTracker()
    with tracker:
        loss = model(x).sum()
    tracker.reset_mod_stats()
    with tracker:
        loss.backward()


@pytest.mark.parametrize(
    "program",
    [
        lambda model, x: torch.nn.utils.parametrizations.spectral_norm(model)(x).sum().backward(),
        lambda model, x: torch.autograd.grad(model(x.requires_grad_()).sum(), x),
        lambda model, x: torch.autograd.functional.hessian(lambda x: model(x).sum(), x),
        _scaled,
        _entered_inside_a_forward,
        _split_over_two_contexts,
    ],
    ids=["spectral_norm", "autograd.grad", "hessian", "GradScaler", "entered inside a forward", "two contexts"],
)
def test_programs_run(program: Callable[[nn.Module, torch.Tensor], object]) -> None:
    model, x = nn.Linear(4, 4), torch.randn(2, 4)

    footprint: Footprint = MemTracker().run(program, model, x)

    assert footprint.peak.parameters >= sum(parameter.nbytes for parameter in model.parameters())


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(test_\w+)\.py::(test_\w+)`", PAGE.read_text(encoding="utf-8"))
    files = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}

    assert len(named) > 40
    assert [f"{file}::{test}" for file, test in named if f"def {test}(" not in files.get(file, "")] == []
