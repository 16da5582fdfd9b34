"""What outlives the function that made it, and who holds it."""

from __future__ import annotations

import functools
import gc
import re
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from pytest_footprint.tracking import MemTracker

KEPT: list[Any] = []
CACHE: dict[Any, Any] = {}
MODEL = nn.Sequential(nn.Linear(8, 8))


class _Trainer:
    history: list[Any] = []  # noqa: RUF012 - the mistake that is looked for

    def __init__(self) -> None:
        self.losses: deque[Any] = deque()
        self.model: nn.Module | None = None
        self.error: BaseException | None = None
        self.hook: Any = None
        self.slotted: Any = None


class _Slotted:
    __slots__ = ("value",)


TRAINER = _Trainer()


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    yield
    KEPT.clear()
    CACHE.clear()
    _Trainer.history.clear()
    TRAINER.__init__()  # type: ignore[misc] # as it was
    MODEL.zero_grad()
    _cached.cache_clear()


def _said(fn: Callable[..., object], *args: object, warmup: int = 0) -> str:
    with pytest.raises(AssertionError) as caught:
        MemTracker().assert_released(fn, *args, warmup=warmup)
    return str(caught.value)


def _holders(fn: Callable[..., object]) -> list[str]:
    return re.findall(r"^    held by (.*)$", _said(fn), re.MULTILINE)


def _train() -> nn.Module:
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU())
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 16)).sum().backward()
    optimizer.step()
    return model


def _leave_a_cycle() -> None:
    cycle: list[Any] = [torch.zeros(4)]
    cycle.append(cycle)


@pytest.mark.parametrize("fn", [_train, _leave_a_cycle, lambda: torch.zeros(4)])
def test_what_is_dropped_and_what_is_returned_is_released(fn: Callable[[], object]) -> None:
    MemTracker().assert_released(fn)


def test_what_was_there_before_is_not_looked_at() -> None:
    KEPT.append(torch.zeros(4))

    MemTracker().assert_released(lambda: KEPT[0].add_(1))


def test_the_failure_names_the_tensor_its_maker_its_line_and_its_holder() -> None:
    def build() -> None:
        KEPT.append(torch.zeros(4, 4))

    headline, blank, tensor, holder = _said(build).splitlines()

    assert headline == f"a tensor (64 B) that build() made is still alive, held by {__name__}.KEPT[0]"
    assert not blank
    assert re.fullmatch(r"  64 B activations: float32\[4, 4\] from aten.zeros, .*test_release\.py:\d+", tensor)
    assert holder == f"    held by {__name__}.KEPT[0]"


def _in_a_dict() -> None:
    CACHE["k", 1] = {"v": torch.zeros(4)}


def _in_an_attribute() -> None:
    TRAINER.losses.append(torch.zeros(4))


def _in_a_class() -> None:
    _Trainer.history.append(torch.zeros(8)[:2])


def _in_a_slot() -> None:
    TRAINER.slotted = _Slotted()
    TRAINER.slotted.value = torch.zeros(4)


def _in_a_traceback() -> None:
    try:
        big = torch.zeros(4)
        raise ValueError(big.shape)  # noqa: TRY301 - its traceback is the holder
    except ValueError as error:
        TRAINER.error = error


def _in_a_bound_method() -> None:
    TRAINER.hook = [torch.zeros(4)].append


def _in_a_generator() -> None:
    def batches() -> Iterator[int]:
        ahead = torch.zeros(4)
        yield ahead.numel()

    TRAINER.hook = batches()
    next(TRAINER.hook)


class _Odd:
    @property
    def __dict__(self) -> Any:  # type: ignore[override] # the oddness
        raise RuntimeError

    __slots__ = ("value",)


def _in_an_odd_object() -> None:
    TRAINER.hook = _Odd()
    TRAINER.hook.value = [torch.zeros(4)]


def _in_a_partial() -> None:
    TRAINER.hook = functools.partial(print, torch.zeros(4))


def _in_a_default() -> None:
    def hook(value: torch.Tensor = torch.zeros(4)) -> torch.Tensor:  # noqa: B008 - the mistake that is looked for
        return value

    TRAINER.hook = hook


@functools.lru_cache
def _cached(n: int) -> torch.Tensor:
    return torch.zeros(n)


def _makes_a_closure() -> Callable[[], None]:
    kept: list[torch.Tensor] = []

    def hook() -> None:
        kept.append(torch.zeros(4))

    return hook


CLOSURE = _makes_a_closure()


@pytest.mark.parametrize(
    ("fn", "way"),
    [
        (_in_a_dict, "CACHE[('k', 1)]['v']"),
        (_in_an_attribute, "TRAINER.losses[0]"),
        (_in_a_class, "_Trainer.history[0]"),
        (_in_a_slot, "TRAINER.slotted.value"),
        (_in_a_traceback, "TRAINER.error.__traceback__ -> frame.big"),
        (_in_a_bound_method, "TRAINER.hook.__self__[0]"),
        (_in_a_partial, "TRAINER.hook.args[0]"),
        (_in_a_generator, "TRAINER.hook.ahead"),
        (_in_an_odd_object, "TRAINER.hook -> list[0]"),
        (_in_a_default, "TRAINER.hook defaults[0]"),
        (lambda: _cached(4), "_cached cached result"),
        (CLOSURE, "CLOSURE closure kept[0]"),
    ],
)
def test_the_holder_is_the_way_from_a_global(fn: Callable[[], object], way: str) -> None:
    assert _holders(fn) == [f"{__name__}.{way}"]


def test_a_model_that_is_kept_is_told_parameter_by_parameter_as_one_writes_them() -> None:
    def build() -> None:
        TRAINER.model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    assert _holders(build) == [f"{__name__}.TRAINER.model[0].weight", f"{__name__}.TRAINER.model[0].bias"]


class _Warns:
    @property
    def __class__(self) -> type:
        warnings.warn("deprecated", FutureWarning, stacklevel=2)
        return object

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise NotImplementedError


class _Raises:
    @property
    def __class__(self) -> type:
        msg = "asked for its class"
        raise RuntimeError(msg)

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("odd", [_Warns, _Raises])
@pytest.mark.filterwarnings("error")
def test_the_search_runs_no_code_of_the_objects_that_it_passes(odd: type) -> None:
    def keep() -> None:
        thing = odd()
        KEPT.extend([thing, torch.zeros(4)])

    assert _holders(keep) == [f"{__name__}.KEPT[1]"]


def test_gradients_on_a_model_from_outside_are_alive() -> None:
    assert _holders(lambda: MODEL(torch.ones(4, 8)).sum().backward()) == [
        f"{__name__}.MODEL[0].weight.grad",
        f"{__name__}.MODEL[0].bias.grad",
    ]


def test_what_only_a_graph_holds_is_told_with_its_chain() -> None:
    def keep() -> None:
        KEPT.append(-MODEL(torch.ones(4, 8)).exp().sum())

    text = _said(keep)

    way = f"{__name__}.KEPT[0]"
    assert re.findall(r"^  (\S+ \S+) .*from (\S+),.*\n    held by (.*)$", text, re.MULTILINE) == [
        ("128 B", "aten.ones", f"{way}.grad_fn: NegBackward0 -> ... (2 more) -> AddmmBackward0 (saved mat1)"),
        ("128 B", "aten.exp", f"{way}.grad_fn: NegBackward0 -> SumBackward0 -> ExpBackward0 (saved result)"),
        ("4 B", "aten.neg", way),
    ]


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.big = x * 2
        return x.sum()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0] * ctx.big


def test_what_a_custom_function_put_on_its_ctx_is_told() -> None:
    leaf = torch.ones(4, requires_grad=True)

    assert f"{__name__}.KEPT[0].grad_fn: _DoubledBackward (ctx.big)" in _holders(
        lambda: KEPT.append(_Doubled.apply(leaf))
    )


class _Sealed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        big = x * 2
        ctx.scale = lambda grad: grad * big
        return x.sum()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return ctx.scale(grads[0])


def test_what_a_function_on_a_ctx_has_in_its_closure_is_told() -> None:
    leaf = torch.ones(4, requires_grad=True)

    assert f"{__name__}.KEPT[0].grad_fn: _SealedBackward (closure)" in _holders(
        lambda: KEPT.append(_Sealed.apply(leaf))
    )


def test_what_a_checkpoint_holds_is_told_with_the_graph_that_holds_it() -> None:
    leaf = torch.ones(4, requires_grad=True)

    def keep() -> None:
        h = leaf.exp()
        KEPT.append(checkpoint(lambda z: (z * h).sum(), h, use_reentrant=False, preserve_rng_state=False))

    assert sorted(_holders(keep)) == [
        f"{__name__}.KEPT[0]",
        f"{__name__}.KEPT[0].grad_fn: SumBackward0 -> MulBackward0 (closure)",
    ]


def test_a_node_that_is_kept_without_its_tensor_holds_too() -> None:
    leaf = torch.ones(4, requires_grad=True)

    assert _holders(lambda: KEPT.append(leaf.exp().sum().grad_fn)) == [
        f"{__name__}.KEPT[0]: SumBackward0 -> ExpBackward0 (saved result)"
    ]


def test_a_local_of_the_test_is_a_holder() -> None:
    kept: list[torch.Tensor] = []

    assert _holders(lambda: kept.append(torch.zeros(4))) == [
        f"kept[0] (local of {test_a_local_of_the_test_is_a_holder.__name__})"
    ]


def test_a_local_of_another_thread_is_a_holder() -> None:
    over, taken, batches = Event(), Event(), SimpleQueue[torch.Tensor]()

    def consume() -> None:
        batch = batches.get()
        taken.set()
        over.wait()
        del batch

    def produce() -> None:
        batches.put(torch.zeros(4))
        taken.wait()

    consumer = Thread(target=consume)
    consumer.start()
    try:
        [holder] = _holders(produce)
    finally:
        over.set()
        consumer.join()

    assert holder == f"batch (local of {consume.__qualname__}, in another thread)"


def test_what_the_first_call_caches_is_allowed_by_a_warm_up() -> None:
    assert "cached result" in _said(_cached, 4)
    _cached.cache_clear()

    MemTracker().assert_released(_cached, 4, warmup=1)


def test_a_call_after_the_warm_up_that_leaves_more_fails() -> None:
    assert _said(_in_an_attribute, warmup=1).startswith("a tensor (16 B) that _in_an_attribute() made is still alive")


def test_the_search_keeps_nothing_alive_and_changes_nothing() -> None:
    frozen = gc.get_freeze_count()
    text = _said(_in_an_attribute)
    kept = weakref.ref(TRAINER.losses[0])

    TRAINER.losses.clear()

    assert "TRAINER.losses[0]" in text
    assert kept() is None
    assert gc.get_freeze_count() == frozen


def test_it_works_inside_another_recording_which_sees_it_too() -> None:
    with MemTracker() as tracker:
        tracker.assert_released(_train)
        with pytest.raises(AssertionError, match=r"held by \S+\.CACHE\[\('k', 1\)\]\['v'\]"):
            tracker.assert_released(_in_a_dict)

    assert tracker.footprint().end.activations == 16
    assert tracker.footprint().peak.optimizer_states > 0


def test_what_cannot_be_called_is_told() -> None:
    with pytest.raises(TypeError, match=r"^fn must be a function, got Tensor: pass fn=lambda: train_step\(model\)$"):
        MemTracker().assert_released(torch.zeros(3))  # type: ignore[arg-type]
