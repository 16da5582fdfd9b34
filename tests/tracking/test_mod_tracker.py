from __future__ import annotations

import dataclasses
import gc
import warnings
import weakref
from collections import Counter
from threading import Thread
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.tracking import MemTracker, ModTracker


class Log:
    """Notes every user hook: its name, the module's FQN, whether that is among the parents, and ``is_bw``."""

    def __init__(self, tracker: ModTracker, *names: str) -> None:
        self.rows: list[tuple[str, str | None, bool, bool]] = []
        self.gradients: list[Any] = []
        names = names or ("pre_fw", "post_fw", "pre_bw", "post_bw")
        tracker.register_user_hooks(**{f"{name}_hook": self._hook(tracker, name) for name in names})

    def _hook(self, tracker: ModTracker, name: str) -> Any:
        def hook(module: nn.Module | None, *rest: Any) -> None:
            fqn = None if module is None else tracker.get_known_fqn(module)
            self.rows.append((name, fqn, fqn in tracker.parents, tracker.is_bw))
            self.gradients.append(rest[0])

        return hook

    @property
    def steps(self) -> list[tuple[str, str | None]]:
        return [(name, fqn) for name, fqn, _, _ in self.rows]


def linear() -> nn.Linear:
    return nn.Linear(8, 8)


def batch() -> torch.Tensor:
    return torch.randn(4, 8, requires_grad=True)


class Bar(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.foo = linear()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.foo(x).relu_()


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool = False) -> None:
        super().__init__()
        self.linears = nn.ModuleList([linear(), linear()])
        self.reentrant = reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.linears[0](x))
        return torch.relu(checkpoint(self.linears[1], x, use_reentrant=self.reentrant))


# -- names -------------------------------------------------------------------------------------------------------------


def test_a_module_has_an_fqn_once_it_or_what_is_around_it_was_called() -> None:
    model, other, tracker = Bar(), Bar(), ModTracker()

    with tracker:
        before = tracker.get_known_fqn(model.foo)
        model(batch())

    assert before is None
    assert tracker.get_known_fqn(model.foo) == "Bar.foo"
    assert tracker.get_known_fqn(other) is None


def test_what_is_added_to_a_model_has_a_name_once_the_model_is_called_again() -> None:
    model, added, tracker = nn.Sequential(nn.Tanh()), linear(), ModTracker()

    with tracker:
        model(batch())
        model[0].never_called = added
        before = tracker.get_known_fqn(added)
        model(batch())

    assert before is None
    assert tracker.get_known_fqn(added) == "Sequential.0.never_called"


def test_what_was_called_alone_is_part_of_a_model_once_that_is_called_with_it() -> None:
    model, alone, tracker = nn.Sequential(nn.Tanh()), Bar(), ModTracker()

    with tracker:
        model(batch())
        alone(batch())
        model.append(alone)
        before = tracker.get_known_fqn(alone.foo)
        model(batch())

    assert before == "Bar.foo"
    assert tracker.get_known_fqn(alone.foo) == "Sequential.1.foo"


# -- user hooks --------------------------------------------------------------------------------------------------------


def test_user_hooks_are_called_in_order_with_their_module_among_the_parents() -> None:
    tracker, model = ModTracker(), Bar()
    log = Log(tracker)

    with tracker:
        model(batch()).sum().backward()

    assert log.rows == [
        ("pre_fw", "Bar", True, False),
        ("pre_fw", "Bar.foo", True, False),
        ("post_fw", "Bar.foo", True, False),
        ("post_fw", "Bar", True, False),
        ("pre_bw", "Bar", True, True),
        ("pre_bw", "Bar.foo", True, True),
        ("post_bw", "Bar", True, True),
        ("post_bw", "Bar.foo", True, True),
    ]


def test_hooks_of_the_backward_are_given_none_for_a_module_that_is_dead() -> None:
    tracker, model = ModTracker(), Bar()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        loss = model(batch()).sum()
        del model
        loss.backward()

    assert log.rows == [
        ("pre_bw", None, False, True),
        ("pre_bw", None, False, True),
        ("post_bw", None, False, True),
        ("post_bw", None, False, True),
    ]


@pytest.mark.parametrize("kind", ["pre_fw_hook", "post_fw_hook", "pre_bw_hook", "post_bw_hook"])
def test_a_second_hook_of_one_kind_is_refused(kind: str) -> None:
    tracker = ModTracker()
    tracker.register_user_hooks(**{kind: lambda *_: None})

    with pytest.raises(AssertionError) as raised:
        tracker.register_user_hooks(**{kind: lambda *_: None})

    assert str(raised.value) == (
        f"Only one {kind} can be registered at a time"
        " Clear the existing hook by calling ``clear_user_hooks`` before registering a new one"
    )


def test_a_hook_of_another_kind_leaves_those_there_are() -> None:
    tracker, calls = ModTracker(), []
    tracker.register_user_hooks(pre_fw_hook=lambda *_: calls.append("pre_fw"))
    tracker.register_user_hooks(post_fw_hook=lambda *_: calls.append("post_fw"))

    with tracker:
        linear()(batch())

    assert calls == ["pre_fw", "post_fw"]


def test_when_one_hook_is_refused_none_is_taken_over() -> None:
    tracker, calls = ModTracker(), []
    tracker.register_user_hooks(post_bw_hook=lambda *_: None)

    with pytest.raises(AssertionError):
        tracker.register_user_hooks(pre_fw_hook=lambda *_: calls.append("pre_fw"), post_bw_hook=lambda *_: None)

    with tracker:
        linear()(batch())
    assert calls == []


def test_hooks_persist_over_contexts_until_they_are_cleared() -> None:
    tracker = ModTracker()
    log = Log(tracker)
    model, once = linear(), ["pre_fw", "post_fw", "pre_bw", "post_bw"]

    for _ in range(2):
        with tracker:
            model(batch()).sum().backward()
    tracker.clear_user_hooks()
    with tracker:
        model(batch()).sum().backward()

    assert [name for name, _ in log.steps] == once * 2


def test_hooks_that_were_cleared_after_the_forward_are_not_called_in_its_backward() -> None:
    tracker = ModTracker()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        out = linear()(batch())
        tracker.clear_user_hooks()
        hooks = len(out._backward_hooks)
        out.sum().backward()

    assert log.rows == []
    assert hooks == 0


def test_non_reentrant_recomputation_runs_the_forward_hooks_between_those_of_the_backward() -> None:
    tracker, model = ModTracker(), Checkpointed()
    log = Log(tracker)

    with tracker:
        model(batch().detach()).sum().backward()

    top, first, second = "Checkpointed", "Checkpointed.linears.0", "Checkpointed.linears.1"
    assert log.rows[6:] == [
        ("pre_bw", top, True, True),
        ("pre_bw", second, True, True),
        ("pre_fw", second, True, True),
        ("post_fw", second, True, True),
        ("post_bw", second, True, True),
        ("pre_bw", first, True, True),
        ("post_bw", first, True, True),
        ("post_bw", top, True, True),
    ]


def test_non_reentrant_recomputation_adds_no_hooks_of_the_backward() -> None:
    tracker, model, x = ModTracker(), nn.Sequential(nn.Identity(), linear(), nn.Tanh()), batch()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        checkpoint(model, x * 1, use_reentrant=False).sum().backward()

    assert Counter(log.steps) == dict.fromkeys(log.steps, 1)
    assert ("pre_bw", "Sequential.0") in log.steps


def test_reentrant_recomputation_enters_and_leaves_the_modules_inside() -> None:
    tracker, model = ModTracker(), Checkpointed(reentrant=True)
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        model(batch()).sum().backward()

    inner = [step for step in log.steps if step[1] == "Checkpointed.linears.1"]
    assert inner == [("pre_bw", "Checkpointed.linears.1"), ("post_bw", "Checkpointed.linears.1")]


def test_modules_without_gradients_of_inputs_are_left_at_the_end_of_backward_children_first() -> None:
    tracker, model = ModTracker(), nn.Sequential(nn.Sequential(linear()), linear())
    log = Log(tracker, "post_bw")

    with tracker:
        model(batch().detach()).sum().backward()

    assert log.steps == [
        ("post_bw", "Sequential.1"),
        ("post_bw", "Sequential.0.0"),
        ("post_bw", "Sequential.0"),
        ("post_bw", "Sequential"),
    ]


def test_a_module_is_left_before_the_one_before_it_is_entered() -> None:
    tracker, model = ModTracker(), nn.Sequential(linear(), nn.Identity(), linear())
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        model(batch()).sum().backward()

    assert [step for step in log.steps if step[1] != "Sequential"] == [
        ("pre_bw", "Sequential.2"),
        ("post_bw", "Sequential.2"),
        ("pre_bw", "Sequential.1"),
        ("post_bw", "Sequential.1"),
        ("pre_bw", "Sequential.0"),
        ("post_bw", "Sequential.0"),
    ]


def test_modules_around_are_entered_before_those_inside_that_return_the_same_tensor() -> None:
    tracker, model = ModTracker(), nn.Sequential(nn.Sequential(linear()))
    log = Log(tracker, "pre_bw")

    with tracker:
        model(batch()).sum().backward()

    assert [fqn for _, fqn in log.steps] == ["Sequential", "Sequential.0", "Sequential.0.0"]


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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.kw(x=self.pre(x)).y


def test_keyword_only_calls_and_dataclass_outputs_are_seen() -> None:
    tracker, model = ModTracker(), Keywords()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        model(batch()).sum().backward()

    assert log.steps.index(("post_bw", "Keywords.kw")) < log.steps.index(("pre_bw", "Keywords.pre"))
    assert log.steps.count(("pre_bw", "Keywords.kw")) == 1


def test_gradients_are_handed_over_as_tuples() -> None:
    tracker, model, x = ModTracker(), nn.Sequential(linear(), linear()), batch()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        model(x).sum().backward()

    assert [type(gradients) for gradients in log.gradients] == [tuple] * 6
    first = log.steps.index(("post_bw", "Sequential.0"))
    assert torch.equal(log.gradients[first][0], x.grad)  # type: ignore[arg-type]


def test_the_gradient_of_one_input_is_not_kept_until_that_of_the_other_comes() -> None:
    class Up(nn.Module):
        def forward(self, deep: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
            return (deep * deep).sum() + skip.sum()

    tracker, up, gradients = ModTracker(), Up(), []
    tracker.register_user_hooks(post_bw_hook=lambda *_: None)
    alive: list[object] = []

    with tracker:
        skip = batch() * 1
        deep = (skip * 2).repeat(2, 1)
        deep.register_hook(lambda gradient: gradients.append(weakref.ref(gradient.untyped_storage())))
        skip.register_hook(lambda _: alive.append(gradients[0]()))
        loss = up(deep, skip)
        del deep
        loss.backward()

    assert alive == [None]


def test_a_gradient_with_respect_to_a_leaf_input_leaves_its_module() -> None:
    tracker, model, x = ModTracker(), linear(), batch()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        torch.autograd.grad(model(x).sum(), x)

    assert log.steps == [("pre_bw", "Linear"), ("post_bw", "Linear")]


def test_an_input_that_this_backward_does_not_reach_is_not_waited_for() -> None:
    class Both(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return a * b

    tracker, a, b, order = ModTracker(), batch(), batch(), []
    tracker.register_user_hooks(post_bw_hook=lambda *_: order.append("post_bw"))

    with tracker:
        middle = a * 1
        middle.register_hook(lambda _: None)
        out = Both()(middle, b)
        a.register_hook(lambda _: order.append("a"))
        torch.autograd.grad(out.sum(), a)

    assert order == ["post_bw", "a"]


def test_all_leaf_inputs_that_a_gradient_is_taken_of_are_waited_for() -> None:
    class Both(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return (a * 2) * b

    tracker, a, b, order, both = ModTracker(), batch(), batch(), [], Both()
    tracker.register_user_hooks(post_bw_hook=lambda *_: order.append("post_bw"))
    a.register_hook(lambda _: order.append("a"))
    b.register_hook(lambda _: order.append("b"))

    with tracker:
        torch.autograd.grad(both(a, b).sum(), [a, b])

    assert sorted(order[:2]) == ["a", "b"]
    assert order[2:] == ["post_bw"]


@pytest.mark.parametrize("grad", [True, False], ids=["input with gradient", "plain input"])
def test_every_backward_through_a_graph_calls_the_same_hooks(*, grad: bool) -> None:
    tracker, model = ModTracker(), linear()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        loss = model(batch().requires_grad_(grad) if grad else batch().detach()).sum()
        loss.backward(retain_graph=True)
        first = log.steps
        log.rows.clear()
        loss.backward()

    assert first == log.steps == [("pre_bw", "Linear"), ("post_bw", "Linear")]


def test_micro_batches_that_overlap_are_told_apart() -> None:
    tracker, model = ModTracker(), linear()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        first, second = model(batch().detach()).sum(), model(batch().detach()).sum()
        first.backward()
        after_first = len(log.rows)
        second.backward()

    assert after_first == 2
    assert log.steps == [("pre_bw", "Linear"), ("post_bw", "Linear")] * 2


def test_forwards_without_backward_call_no_hook_in_the_next_one() -> None:
    tracker, model = ModTracker(), nn.Sequential(linear(), linear())
    log = Log(tracker, "post_bw")

    with tracker:
        with torch.no_grad():
            model(batch())
        model(batch())
        linear()(batch()).sum().backward()

    assert [name for name, _ in log.steps] == ["post_bw"]


def test_a_backward_that_failed_takes_nothing_from_the_next_one() -> None:
    tracker, model = ModTracker(), linear()
    log = Log(tracker, "pre_bw", "post_bw")

    def fail(_: torch.Tensor) -> None:
        message = "boom"
        raise ValueError(message)

    with tracker:
        out = model(batch())
        out.register_hook(fail)
        with pytest.raises(ValueError, match="boom"):
            out.sum().backward()
        log.rows.clear()
        model(batch())
        remembered = len(tracker._gradients._backwards)
        model(batch()).sum().backward()

    assert log.steps == [("pre_bw", "Linear"), ("post_bw", "Linear")]
    assert remembered == 0


class Query(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.l = nn.Parameter(torch.randn(2, 8)), linear()

    def forward(self) -> torch.Tensor:
        return self.l(self.q)


class Position(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 8))

    def forward(self) -> torch.Tensor:
        return self.w


def test_a_parameter_that_is_an_input_is_hooked_once_however_often_its_module_runs() -> None:
    tracker, model = ModTracker(), Query()
    log = Log(tracker, "post_bw")

    with tracker:
        for _ in range(3):
            log.rows.clear()
            model().sum().backward()
        model()  # its graph is dead at once, and the hook with it
        hooks = len(model.q._backward_hooks or {})

    assert log.steps == [("post_bw", "Query.l"), ("post_bw", "Query")]
    assert hooks == 0


def test_a_parameter_that_is_an_output_calls_its_hook_once_in_each_backward() -> None:
    tracker, position, last = ModTracker(), Position(), linear()
    log = Log(tracker, "pre_bw")

    with tracker:
        for _ in range(3):
            position()
            log.rows.clear()
            last(position()).sum().backward()
        hooks = len(position.w._backward_hooks or {})

    assert [fqn for _, fqn in log.steps].count("Position") == 1
    assert hooks == 0


def test_after_the_context_a_backward_calls_no_hook() -> None:
    tracker = ModTracker()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        x = batch()
        out = linear()(x)
    out.sum().backward()

    assert log.rows == []
    assert not out._backward_hooks
    assert not x._backward_hooks


def test_a_graph_that_was_hooked_is_freed_without_the_garbage_collector() -> None:
    tracker, storages = ModTracker(), []
    model = nn.Sequential(linear(), nn.Tanh(), nn.Identity())
    model[1].register_forward_hook(lambda _, __, out: storages.append(weakref.ref(out.untyped_storage())))
    Log(tracker, "pre_bw", "post_bw")

    gc.disable()
    try:
        with tracker:
            model(batch())
            alive = storages[0]()
            hooks = len(tracker._gradients._hooks)
    finally:
        gc.enable()

    assert alive is None
    assert hooks == 0


def test_recursion_warns_of_nothing_and_leaves_the_format_of_warnings_alone() -> None:
    class Recursive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.l = linear()

        def forward(self, x: torch.Tensor, depth: int = 2) -> torch.Tensor:
            return self(x, depth - 1) if depth else self.l(x)

    before = warnings.formatwarning
    tracker, model = ModTracker(), Recursive()
    log = Log(tracker, "pre_bw", "post_bw")

    with tracker:
        model(batch()).sum().backward()

    assert warnings.formatwarning is before
    assert Counter(log.steps) == {
        ("pre_bw", "Recursive"): 3,
        ("post_bw", "Recursive"): 3,
        ("pre_bw", "Recursive.l"): 1,
        ("post_bw", "Recursive.l"): 1,
    }


def test_post_forward_hooks_are_told_of_a_forward_that_failed() -> None:
    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            message = "boom"
            raise ValueError(message)

    tracker, outputs = ModTracker(), []
    tracker.register_user_hooks(post_fw_hook=lambda _, __, out: outputs.append(out))

    with tracker, pytest.raises(ValueError, match="boom"):
        Fails()(batch())

    assert outputs == [None]


def test_functional_transforms_run_with_hooks_registered() -> None:
    tracker, model = ModTracker(), linear()
    log = Log(tracker)

    with tracker:
        torch.func.vmap(torch.func.grad(lambda x: model(x).sum()))(batch().detach())
        torch.func.jacrev(model)(torch.randn(8))

    assert ("post_bw", "Linear") in log.steps


# -- orders ------------------------------------------------------------------------------------------------------------


def test_the_order_of_all_calls_is_kept() -> None:
    model = Checkpointed()

    with ModTracker() as tracker:
        model(batch()).sum().backward()

    top, first, second = "Checkpointed", "Checkpointed.linears.0", "Checkpointed.linears.1"
    assert tracker.forward == (top, first, second)
    assert tracker.backward == (top, second, first)
    assert tracker.recomputed == (second,)
    assert tracker.calls == Counter({top: 1, first: 1, second: 2})
    assert tracker.hierarchy() == Hierarchy(tracker.forward, tracker.backward, tracker.recomputed)


def test_sibling_heads_and_keyword_calls_are_reached_in_the_order_of_backward() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = Keywords(), linear()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.left(x) + self.right(x)

    with ModTracker() as tracker:
        Heads()(batch().detach()).sum().backward()

    left = ("Heads.left", "Heads.left.kw", "Heads.left.kw.l", "Heads.left.pre")
    assert tracker.backward == ("Heads", "Heads.right", *left)


def test_a_backward_through_a_backward_reaches_the_modules_whose_backward_it_was() -> None:
    model, x = nn.Sequential(linear(), nn.Tanh(), linear()), batch()

    def penalty() -> None:
        (gradient,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        middle = len(tracker.backward)
        gradient.pow(2).sum().backward()
        order.extend(tracker.backward[middle:])

    order: list[str] = []
    with ModTracker() as tracker:
        penalty()

    modules = [f"Sequential.{index}" for index in (0, 1, 2)]
    assert order == ["Sequential", *modules]


class Adds(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


def test_a_module_whose_backward_runs_no_operator_is_reached() -> None:
    with ModTracker() as tracker:
        nn.Sequential(linear(), Adds(), linear())(batch()).sum().backward()

    assert tracker.backward == ("Sequential", "Sequential.2", "Sequential.1", "Sequential.0")


def test_in_a_backward_that_records_a_graph_so_is_one_that_runs_no_operator() -> None:
    model, x = nn.Sequential(nn.Tanh(), Adds(), nn.Tanh()), batch()

    with ModTracker() as tracker:
        (gradient,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        first = tracker.backward
        gradient.sum().backward()

    assert first == ("Sequential", "Sequential.2", "Sequential.1", "Sequential.0")
    assert tracker.backward[len(first) :] == ("Sequential", "Sequential.0", "Sequential.2", "Sequential.1")


def test_only_modules_on_the_way_to_what_gradients_are_asked_for_are_reached() -> None:
    last = linear()
    model = nn.Sequential(linear(), Adds(), last)

    with ModTracker() as tracker:
        torch.autograd.grad(model(batch()).sum(), last.weight)

    assert tracker.backward == ("Sequential", "Sequential.2")


def test_a_backward_that_fails_reaches_what_it_ran_and_leaves_no_hook() -> None:
    def fail(_: torch.Tensor) -> None:
        message = "boom"
        raise ValueError(message)

    first, last = linear(), Adds()
    with ModTracker() as tracker:
        middle = first(batch())
        handle = middle.register_hook(fail)
        loss = last(middle).sum()
        with pytest.raises(ValueError, match="boom"):
            loss.backward(retain_graph=True)
        failed = tracker.backward
        handle.remove()
    loss.backward()

    assert tracker.backward == failed == ("Adds",)


def test_an_inner_backward_does_not_end_the_one_around_it() -> None:
    outer, inner = nn.Sequential(nn.Tanh(), nn.Tanh()), linear()

    def other(_: torch.Tensor) -> None:
        with torch.enable_grad():
            inner(batch()).sum().backward()

    with ModTracker() as tracker:
        x = outer[0](batch())
        x.register_hook(other)
        outer[1](x).sum().backward()
        outer(batch()).sum().backward()

    assert tracker.backward == ("Sequential.1", "Sequential.0", "Linear", "Sequential", "Sequential.1", "Sequential.0")


def test_a_backward_in_another_thread_is_followed() -> None:
    model = nn.Sequential(linear(), nn.Tanh())

    with ModTracker() as tracker:
        loss = model(batch()).sum()
        thread = Thread(target=loss.backward)
        thread.start()
        thread.join()

    assert tracker.backward == ("Sequential", "Sequential.1", "Sequential.0")


def test_a_backward_through_the_engine_itself_is_followed() -> None:
    model = linear()

    with ModTracker() as tracker:
        out = model(batch())
        torch.autograd.Variable._execution_engine.run_backward(
            (out,), (torch.ones_like(out),), False, False, (), allow_unreachable=True, accumulate_grad=True
        )

    assert tracker.backward == ("Linear",)


def test_what_is_no_backward_is_the_engines_error() -> None:
    with ModTracker() as tracker:
        with pytest.raises(RuntimeError, match="does not require grad"):
            torch.ones(1).backward()
        linear()(batch()).sum().backward()

    assert tracker.backward == ("Linear",)


def test_compiled_autograd_compiles_no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModTracker() as tracker:
        loss = linear()(batch()).sum()
        monkeypatch.setattr("torch._dynamo.compiled_autograd.compiled_autograd_enabled", True)
        loss.backward()

    assert tracker.backward == ()


def test_a_backward_is_over_for_all_recordings_when_it_is_over() -> None:
    engine = torch.autograd.Variable._execution_engine
    one, other, model = ModTracker(), ModTracker(), linear()

    one.__enter__()
    other.__enter__()
    model(batch()).sum().backward()
    one.__exit__(None, None, None)
    model(batch()).sum().backward()
    left = torch.autograd.Variable._execution_engine
    other.__exit__(None, None, None)

    assert one.backward == ("Linear",)
    assert other.backward == ("Linear", "Linear")
    assert left is not engine
    assert torch.autograd.Variable._execution_engine is engine


def test_a_recording_that_ends_inside_a_backward_hears_no_more_of_it() -> None:
    tracker, model = ModTracker(), nn.Sequential(linear(), nn.Sigmoid(), nn.Tanh())
    tracker.__enter__()
    x = model[1](model[0](batch()))
    x.register_hook(lambda _: tracker.__exit__(None, None, None))
    model[2](x).sum().backward()

    assert tracker.backward == ("Tanh", "Sigmoid")
    assert tracker._order._hooks == []


class Hooked(nn.Module):
    """The sigmoid's backward runs first, the other's next, and then a hook on the gradient of the tanh's output."""

    def __init__(self) -> None:
        super().__init__()
        self.tanh, self.other, self.sigmoid = nn.Tanh(), nn.Tanh(), nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.tanh(x)
        y.register_hook(lambda gradient: gradient * gradient)
        z = self.other(x)
        return self.sigmoid(y) + z


def below(node: Any) -> set[Any]:
    nodes = (each for each, _ in node.next_functions if each is not None)
    return {node}.union(*map(below, nodes))


def test_what_a_hook_on_a_gradient_makes_belongs_to_the_module_that_returned_the_tensor() -> None:
    model, x = Hooked(), batch()

    with ModTracker() as tracker:
        (gradient,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        (product,) = (node for node in below(gradient.grad_fn) if node.name() == "MulBackward0")
        call = tracker._scopes.made_in(0, product._sequence_nr())

    trace = tracker._recorder.trace
    assert trace.module_fqn(trace.call_module[call]) == "Hooked.tanh"


@pytest.mark.parametrize("create_graph", [False, True])
def test_backwards_leave_nothing_growing_but_the_trace(create_graph: bool) -> None:  # noqa: FBT001
    model, x = nn.Sequential(linear(), nn.Tanh()), batch()
    loss = model(x).sum()

    def held() -> int:
        gc.collect()
        return len(gc.get_objects())

    with ModTracker():
        for _ in range(3):
            torch.autograd.grad(loss, x, retain_graph=True, create_graph=create_graph)
        before = held()
        for _ in range(100):
            torch.autograd.grad(loss, x, retain_graph=True, create_graph=create_graph)
        after = held()

    assert after - before < 10


@pytest.mark.parametrize("reentrant", [False, True])
def test_memory_is_what_it_is_without_the_tracker(reentrant: bool) -> None:  # noqa: FBT001
    model = Checkpointed(reentrant=reentrant)

    def step() -> None:
        x = batch()
        model(x).sum().backward()
        (gradient,) = torch.autograd.grad(model.linears[0](x).tanh().sum(), x, create_graph=True)
        gradient.pow(2).sum().backward()

    step()
    alone = MemTracker().run(step)
    with ModTracker():
        together = MemTracker().run(step)

    assert together.peak == alone.peak
    assert together.end == alone.end
    assert together.saved == alone.saved


def test_run_gives_the_order_of_just_that_call() -> None:
    model = Bar()

    def step(x: torch.Tensor, *, scale: float) -> None:
        (model(x) * scale).sum().backward()

    with ModTracker() as tracker:
        model(batch()).sum().backward()
        inside = tracker.run(step, batch(), scale=2.0)
    outside = ModTracker().run(step, batch(), scale=2.0)

    assert inside == outside == Hierarchy(("Bar", "Bar.foo"), ("Bar", "Bar.foo"))
    assert tracker.calls == Counter({"Bar": 2, "Bar.foo": 2})


def test_backwards_that_follow_each_other_directly_are_two() -> None:
    model = linear()

    with ModTracker() as tracker:
        first, second = model(batch()), model(batch())
        gradient = torch.ones_like(first)
        first.backward(gradient)
        second.backward(gradient)
        third = model(batch())
        third.backward(gradient, retain_graph=True)
        third.backward(gradient)

    assert tracker.backward == ("Linear",) * 4


def test_the_structure_of_a_model_is_told() -> None:
    model = nn.Sequential(nn.Linear(2, 3))

    found = ModTracker().structure(model)

    assert found == Structure((TensorSpec("0.weight", (3, 2), "float32"), TensorSpec("0.bias", (3,), "float32")))
