from __future__ import annotations

import copy
import dataclasses
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from pytest_footprint.tracking import MemTracker, ModTracker, ModuleTracker

BOTH = pytest.mark.parametrize("kind", [ModuleTracker, ModTracker])
Kind = type[ModuleTracker]


class MatmulParents(TorchDispatchMode):
    """Notes the parents at each matrix product of a backward."""

    def __init__(self, tracker: ModuleTracker) -> None:
        super().__init__()
        self.tracker = tracker
        self.seen: list[set[str]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        parents = self.tracker.parents if self.tracker.is_bw else None
        if func is torch.ops.aten.mm.default and parents is not None:
            self.seen.append(parents)
        return func(*args, **(kwargs or {}))


def backward_parents(kind: Kind, model: nn.Module, *args: Any, **kwargs: Any) -> list[set[str]]:
    with kind() as tracker, MatmulParents(tracker) as log:
        out = model(*args, **kwargs)
        (out if isinstance(out, torch.Tensor) else out.y).sum().backward()
    return log.seen


@contextmanager
def names_of_calls(kind: Kind) -> Iterator[tuple[ModuleTracker, list[str]]]:
    """The longest parent at each forward."""
    seen: list[str] = []
    with kind() as tracker:
        handle = torch_module.register_module_forward_pre_hook(
            lambda *_: seen.append(max(tracker.parents - {"Global"}, key=len))
        )
        try:
            yield tracker, seen
        finally:
            handle.remove()


def linear() -> nn.Linear:
    return nn.Linear(8, 8)


def batch() -> torch.Tensor:
    return torch.randn(4, 8, requires_grad=True)


class Leaf(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = linear()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.l(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc, self.dec = Leaf(), Leaf()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dec(self.enc(x))


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = linear(), linear()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.left(x) + self.right(x)


@dataclasses.dataclass
class Out:
    y: torch.Tensor


class KeywordOnly(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = linear()

    def forward(self, *, x: torch.Tensor) -> Out:
        return Out(self.l(x))


class Keywords(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pre, self.kw = linear(), KeywordOnly()

    def forward(self, x: torch.Tensor) -> Out:
        return self.kw(x=self.pre(x))


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Leaf(), Leaf()])
        self.reentrant = reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=self.reentrant)
        return x


@BOTH
def test_the_context_gives_the_tracker_and_parents_are_never_empty(kind: Kind) -> None:
    tracker = kind()

    with tracker as entered:
        assert entered is tracker
        assert tracker.parents == {"Global"}
        assert tracker.is_bw is False

    assert tracker.parents == {"Global"}


@BOTH
def test_parents_in_backward_are_those_of_the_forward_over_dicts_in_place_and_two_iterations(kind: Kind) -> None:
    forward: list[tuple[set[str], bool]] = []
    backward: list[tuple[set[str], bool]] = []

    class Inner(nn.Module):
        def forward(self, x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            value = x["a"].relu_()
            forward.append((tracker.parents, tracker.is_bw))
            value.register_hook(lambda _: backward.append((tracker.parents, tracker.is_bw)))
            return {"a": torch.mm(value, value)}

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = Inner()
            self.b = nn.ModuleDict({"nest": Inner()})
            self.c = nn.ModuleList([Inner()])

        def forward(self, x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return self.b["nest"](self.a(self.c[0](x)))

    model = Outer()

    with kind() as tracker:
        for _ in range(2):
            model({"a": torch.randn(4, 4, requires_grad=True).clone()})["a"].sum().backward()
            assert tracker.parents == {"Global"}
            assert tracker.is_bw is False

    paths = ["Outer.c.0", "Outer.a", "Outer.b.nest"]
    assert forward == [({"Global", "Outer", path}, False) for path in paths * 2]
    assert backward == [({"Global", "Outer", path}, True) for path in paths[::-1] * 2]


@BOTH
def test_the_set_of_parents_is_the_callers_own(kind: Kind) -> None:
    with kind() as tracker:
        tracker.parents.add("mine")

        assert tracker.parents == {"Global"}


@BOTH
@pytest.mark.parametrize("recompute", [False, True], ids=["plain", "checkpointed"])
def test_recursion_is_legal(kind: Kind, *, recompute: bool) -> None:
    seen = []

    class Recursive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.l = linear()

        def forward(self, x: torch.Tensor, depth: int = 2) -> torch.Tensor:
            if not depth:
                seen.append(tracker.parents)
                return self.l(x)
            if recompute:
                return checkpoint(self, x, depth - 1, use_reentrant=False)
            return self(x, depth - 1)

    with kind() as tracker:
        Recursive()(batch()).sum().backward()

        assert tracker.parents == {"Global"}
    assert seen[0] == {"Global", "Recursive"}


# -- names -------------------------------------------------------------------------------------------------------------


@BOTH
def test_two_roots_of_one_class_have_different_names(kind: Kind) -> None:
    first, second = Leaf(), Leaf()

    with names_of_calls(kind) as (_, seen):
        first(batch())
        second(batch())

    assert seen == ["Leaf", "Leaf.l", "Leaf#2", "Leaf#2.l"]


@BOTH
def test_a_child_that_ran_before_its_root_is_named_below_it_from_then_on(kind: Kind) -> None:
    model = Net()

    with names_of_calls(kind) as (_, seen):
        model.enc(batch())
        model(batch())

    assert seen == ["Leaf", "Leaf.l", "Net", "Net.enc", "Net.enc.l", "Net.dec", "Net.dec.l"]


@BOTH
def test_a_child_that_was_added_later_is_named_below_its_root(kind: Kind) -> None:
    model = Net()

    with names_of_calls(kind) as (_, seen):
        model(batch())
        model.added = nn.ReLU()
        model.added(batch())

    assert seen[-1] == "Net.added"


@BOTH
def test_a_shared_module_keeps_the_name_it_got_first(kind: Kind) -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = Net(), Net()
            self.b.enc = self.a.enc

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(x))

    with names_of_calls(kind) as (_, seen):
        Shared()(batch())

    assert seen == [
        *("Shared", "Shared.a", "Shared.a.enc", "Shared.a.enc.l", "Shared.a.dec", "Shared.a.dec.l"),
        *("Shared.b", "Shared.a.enc", "Shared.a.enc.l", "Shared.b.dec", "Shared.b.dec.l"),
    ]


@BOTH
def test_a_module_may_be_reachable_from_itself(kind: Kind) -> None:
    model = Leaf()
    model.l.parent = model

    with names_of_calls(kind) as (_, seen):
        model(batch())

    assert seen == ["Leaf", "Leaf.l"]


@BOTH
def test_modules_that_say_they_are_equal_are_two(kind: Kind) -> None:
    class Equal(nn.Linear):
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

        def __hash__(self) -> int:
            return 7

    with names_of_calls(kind) as (_, seen):
        nn.Sequential(Equal(8, 8), Equal(8, 8))(batch())

    assert seen == ["Sequential", "Sequential.0", "Sequential.1"]


# -- which module a backward operator belongs to -----------------------------------------------------------------------


@BOTH
def test_two_heads_of_one_tensor_are_never_both_active(kind: Kind) -> None:
    seen = backward_parents(kind, Heads(), batch())

    left, right = {"Global", "Heads", "Heads.left"}, {"Global", "Heads", "Heads.right"}
    assert seen == [right, right, left, left]


@BOTH
@pytest.mark.parametrize("middle", [nn.Identity(), nn.Dropout().eval()], ids=["Identity", "Dropout in eval mode"])
def test_a_module_whose_output_is_its_input_is_not_active_in_its_predecessor(kind: Kind, middle: nn.Module) -> None:
    seen = backward_parents(kind, nn.Sequential(linear(), middle, linear()), batch())

    last, first = {"Global", "Sequential", "Sequential.2"}, {"Global", "Sequential", "Sequential.0"}
    assert seen == [last, last, first, first]


@BOTH
def test_keyword_only_calls_and_dataclass_outputs_are_entered_and_left(kind: Kind) -> None:
    seen = backward_parents(kind, Keywords(), batch())

    inner, before = {"Global", "Keywords", "Keywords.kw", "Keywords.kw.l"}, {"Global", "Keywords", "Keywords.pre"}
    assert seen == [inner, inner, before, before]


@BOTH
def test_a_module_whose_inputs_need_no_gradient_is_not_active_in_its_sibling(kind: Kind) -> None:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pre, self.positions, self.body = linear(), nn.Embedding(4, 8), linear()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(self.pre(x) + self.positions(torch.arange(4)))

    seen = backward_parents(kind, First(), batch().detach())

    assert seen[-1] == {"Global", "First", "First.pre"}


@BOTH
@pytest.mark.parametrize("reentrant", [False, True], ids=["non-reentrant", "reentrant"])
def test_backward_of_a_checkpointed_block_is_in_exactly_one_linear(kind: Kind, *, reentrant: bool) -> None:
    seen = backward_parents(kind, Checkpointed(reentrant=reentrant), batch())

    paths = [
        {"Global", "Checkpointed", f"Checkpointed.blocks.{block}", f"Checkpointed.blocks.{block}.l"}
        for block in (1, 1, 0, 0)
    ]
    assert seen == paths


@BOTH
def test_a_gradient_with_respect_to_a_leaf_input_is_just_computed(kind: Kind) -> None:
    model, x = Net(), batch()

    with kind() as tracker, MatmulParents(tracker) as log:
        (gradient,) = torch.autograd.grad(model(x).sum(), x)

    assert gradient.shape == x.shape
    assert [max(parents, key=len) for parents in log.seen] == ["Net.dec.l", "Net.enc.l"]


@BOTH
def test_a_second_backward_through_the_first_is_in_the_modules_whose_backward_made_it(kind: Kind) -> None:
    model, x = nn.Sequential(linear(), nn.Tanh(), nn.Linear(8, 1)), batch() * 1

    with kind() as tracker, MatmulParents(tracker) as log:
        (gradient,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        log.seen.clear()
        gradient.pow(2).sum().backward()

    inner = [sorted(parents - {"Global", "Sequential"}) for parents in log.seen]
    assert inner == [["Sequential.0"]] * 2 + [["Sequential.2"]] + [["Sequential.0"]] * 2


@BOTH
def test_accumulating_a_gradient_belongs_to_the_module_that_holds_the_parameter(kind: Kind) -> None:
    model, seen, tracker = Net(), [], kind()
    model.enc.l.weight.register_post_accumulate_grad_hook(lambda _: seen.append(tracker.parents))

    with tracker:
        model(batch()).sum().backward()

    assert seen == [{"Global", "Net", "Net.enc", "Net.enc.l"}]


# -- exceptions, threads, nesting --------------------------------------------------------------------------------------


class Fails(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l, self.r = linear(), linear()
        self.forward_fails = self.backward_fails = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.l(x)
        if self.forward_fails:
            message = "boom"
            raise ValueError(message)
        if self.backward_fails:
            y.register_hook(self.boom)
        return self.r(y)

    @staticmethod
    def boom(_: torch.Tensor) -> None:
        message = "boom"
        raise ValueError(message)


@BOTH
def test_a_forward_that_failed_is_over(kind: Kind) -> None:
    model = Fails()
    model.forward_fails = True

    with kind() as tracker:
        with pytest.raises(ValueError, match="boom"):
            model(batch())

        assert tracker.parents == {"Global"}


@BOTH
def test_a_backward_that_failed_is_over_and_the_next_ones_are_right(kind: Kind) -> None:
    model = Fails()
    model.backward_fails = True

    with kind() as tracker, MatmulParents(tracker) as log:
        with pytest.raises(ValueError, match="boom"):
            model(batch().detach()).sum().backward()
        assert tracker.parents == {"Global"}
        model.backward_fails = False
        log.seen.clear()
        model(batch().detach()).sum().backward()

        assert tracker.parents == {"Global"}
    assert [max(parents, key=len) for parents in log.seen] == ["Fails.r", "Fails.r", "Fails.l"]


@BOTH
def test_modules_of_other_threads_are_not_among_the_parents(kind: Kind) -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Slow(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            inside.set()
            go_on.wait(10)
            return x

    thread = threading.Thread(target=Slow(), args=[batch()])
    with kind() as tracker:
        thread.start()
        inside.wait(10)
        seen = tracker.parents
        go_on.set()
        thread.join()

    assert seen == {"Global"}


@BOTH
def test_several_threads_may_train_one_model(kind: Kind) -> None:
    model, problems = nn.Sequential(linear(), linear()), []

    def train() -> None:
        try:
            for _ in range(50):
                model(torch.randn(2, 8)).sum().backward()
        except Exception as problem:  # noqa: BLE001 - whatever it is, the test shall see it
            problems.append(problem)

    threads = [threading.Thread(target=train) for _ in range(3)]
    with kind() as tracker:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert tracker.parents == {"Global"}
    assert problems == []


@BOTH
def test_a_tracker_may_be_entered_inside_itself(kind: Kind) -> None:
    with names_of_calls(kind) as (tracker, seen):
        with tracker:
            linear()(batch())
        linear()(batch())

    assert seen == ["Linear", "Linear"]


@BOTH
def test_two_trackers_do_not_disturb_each_other(kind: Kind) -> None:
    model, seen, first, second = Leaf(), [], kind(), kind()
    model.l.register_forward_hook(lambda *_: seen.append((first.parents, second.parents)))

    with first, second:
        model(batch()).sum().backward()

    assert seen == [({"Global", "Leaf"}, {"Global", "Leaf"})]


@BOTH
def test_a_context_may_begin_inside_a_forward_and_end_after_it(kind: Kind) -> None:
    tracker = kind()

    class Enters(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.l = linear()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tracker.__enter__()
            return self.l(x)

    model = Enters()
    model.register_forward_hook(lambda *_: None)

    model(batch())

    assert tracker.parents == {"Global"}
    tracker.__exit__(None, None, None)


@BOTH
def test_after_the_context_nothing_runs_as_far_as_the_tracker_knows(kind: Kind) -> None:
    model, x, tracker = Net(), batch(), kind()
    seen: list[set[str]] = []

    with tracker:
        out = model(x)
    out.register_hook(lambda _: seen.append(tracker.parents))
    out.sum().backward()

    assert seen == [{"Global"}]


# -- nothing is left ---------------------------------------------------------------------------------------------------


def _registries() -> tuple[int, ...]:
    return (
        len(torch_module._global_forward_pre_hooks),
        len(torch_module._global_forward_hooks),
        len(torch_module._global_forward_hooks_always_called),
        len(torch_module._global_forward_hooks_with_kwargs),
        len(torch_module._global_backward_hooks),
    )


def _leave_normally(tracker: ModuleTracker) -> None:
    with tracker:
        Net()(batch()).sum().backward()


def _leave_by_an_exception(tracker: ModuleTracker) -> None:
    with pytest.raises(KeyError), tracker:
        raise KeyError


def _enter_twice(tracker: ModuleTracker) -> None:
    with tracker, tracker:
        Net()(batch())


@BOTH
@pytest.mark.parametrize("use", [_leave_normally, _leave_by_an_exception, _enter_twice])
def test_nothing_is_left_in_torchs_registries(kind: Kind, use: Callable[[ModuleTracker], None]) -> None:
    before = _registries()

    use(kind())

    assert _registries() == before


@pytest.mark.parametrize("kind", [ModuleTracker, ModTracker, MemTracker])
def test_a_tracker_is_freed_without_the_garbage_collector(kind: Any) -> None:
    tracker = kind()
    with tracker:
        out = Net()(batch())
        out.sum().backward()
    reference = weakref.ref(tracker)

    gc.disable()
    try:
        del tracker
        alive = reference()
    finally:
        gc.enable()

    assert alive is None


@BOTH
def test_a_forward_without_backward_is_freed_as_without_tracker(kind: Kind) -> None:
    storages = []
    model = nn.Sequential(linear(), nn.Tanh())
    model[0].register_forward_hook(lambda _, __, out: storages.append(weakref.ref(out.untyped_storage())))

    gc.disable()
    try:
        with kind():
            model(batch())
            alive = storages[0]()
    finally:
        gc.enable()

    assert alive is None


@BOTH
def test_a_tracked_model_copies_and_hooks_no_tensor(kind: Kind) -> None:
    model, x = Net(), batch()

    with kind():
        out = model(x)
        copy.deepcopy(model)

        assert not x._backward_hooks
        assert not out._backward_hooks


def test_plain_trackers_import_no_part_of_torch_distributed_that_torch_does_not() -> None:
    program = """
import sys, torch
before = {name for name in sys.modules if name.startswith("torch.distributed")}
from pytest_footprint.tracking import MemTracker, ModTracker, ModuleTracker
model = torch.nn.Linear(2, 2)
for kind in (ModuleTracker, ModTracker, MemTracker):
    with kind() as tracker:
        model(torch.ones(1, 2)).sum().backward()
tracker.display_modulewise_snapshots(tabulate=True)
after = {name for name in sys.modules if name.startswith("torch.distributed")}
print("new:", sorted(after - before))
"""

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines()[-1] == "new: []"
