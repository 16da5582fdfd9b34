"""Every backward operator belongs to the module whose forward made its node."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking import MemTracker


def _linear() -> nn.Linear:
    return nn.Linear(8, 8)


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = _linear(), _linear()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.left(x) + self.right(x)


@dataclasses.dataclass
class Output:
    y: torch.Tensor


class KeywordOnly(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = _linear()

    def forward(self, *, x: torch.Tensor) -> Output:
        return Output(self.inner(x))


class Dataclasses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = _linear(), KeywordOnly()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(x=self.first(x)).y


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([TwoHeads(), TwoHeads()])
        self.reentrant = reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=self.reentrant)
        return x


def _backward(model: nn.Module) -> Footprint:
    return MemTracker().run(lambda: model(torch.randn(4, 8, requires_grad=True)).sum().backward())


def _gradient_owners(program: Callable[[], object]) -> dict[str, str]:
    """Shape of each weight gradient -> the module to which the operator that made it belongs."""
    tracker = MemTracker()
    with tracker:
        kept = program()
        footprint = tracker.footprint()
    del kept
    return {str(group.shape): group.fqn for group in footprint.at_end if group.ref_type is RefType.GRADIENT}


def test_sibling_heads_are_told_apart() -> None:
    footprint = _backward(TwoHeads())

    assert footprint.forward == ("TwoHeads", "TwoHeads.left", "TwoHeads.right")
    assert footprint.backward == ("TwoHeads", "TwoHeads.right", "TwoHeads.left")


def test_keyword_only_calls_and_dataclass_outputs_have_a_backward() -> None:
    footprint = _backward(Dataclasses())

    assert footprint.backward == (
        "Dataclasses",
        "Dataclasses.second",
        "Dataclasses.second.inner",
        "Dataclasses.first",
    )


def test_identity_and_eval_dropout_have_no_backward_of_their_own() -> None:
    footprint = _backward(nn.Sequential(_linear(), nn.Identity(), nn.Dropout().eval(), _linear()))

    assert footprint.backward == ("Sequential", "Sequential.3", "Sequential.0")


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "non-reentrant"])
def test_checkpointed_blocks_are_recomputed_and_run_backward_once(reentrant: bool) -> None:  # noqa: FBT001
    footprint = _backward(Checkpointed(reentrant=reentrant))

    blocks = ["Checkpointed.blocks.0", "Checkpointed.blocks.1"]
    assert footprint.forward == (
        "Checkpointed",
        *(name for block in blocks for name in (block, f"{block}.left", f"{block}.right")),
    )
    assert footprint.recomputed == tuple(
        name for block in reversed(blocks) for name in (block, f"{block}.left", f"{block}.right")
    )
    assert footprint.backward == (
        "Checkpointed",
        *(name for block in reversed(blocks) for name in (block, f"{block}.right", f"{block}.left")),
    )


def test_recomputed_functions_without_a_module_make_activations() -> None:
    weight = torch.randn(8, 8, requires_grad=True)

    def block(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(torch.sigmoid(x @ weight))

    def program() -> None:
        checkpoint(block, torch.randn(512, 8), use_reentrant=False).sum().backward()

    footprint = MemTracker().run(program)

    assert footprint.peak.activations >= 2 * 512 * 8 * 4


def test_two_forwards_before_two_backwards_reach_each_call() -> None:
    model, x = nn.Sequential(_linear(), nn.Tanh()), torch.randn(4, 8)

    def step() -> None:
        losses = [model(x).sum(), model(x).sum()]
        for loss in losses:
            loss.backward()

    footprint = MemTracker().run(step)

    assert footprint.backward == ("Sequential", "Sequential.1", "Sequential.0") * 2


def test_a_graph_that_is_retained_runs_backward_twice() -> None:
    model = _linear()

    def step() -> None:
        loss = model(torch.randn(4, 8)).sum()
        loss.backward(retain_graph=True)
        loss.backward()

    footprint = MemTracker().run(step)

    assert footprint.backward == ("Linear", "Linear")


def test_double_backward_reaches_the_modules_through_their_first_backward() -> None:
    model = nn.Sequential(_linear(), nn.Tanh(), _linear())

    def step() -> None:
        x = torch.randn(4, 8, requires_grad=True)
        (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        slope.pow(2).sum().backward()

    footprint = MemTracker().run(step)

    first = ("Sequential", "Sequential.2", "Sequential.1", "Sequential.0")
    assert footprint.backward[: len(first)] == first
    assert set(footprint.backward[len(first) :]) == set(first)


def test_a_module_that_calls_itself_is_one_module_called_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = _linear()

        def forward(self, x: torch.Tensor, depth: int = 1) -> torch.Tensor:
            x = self.inner(x)
            return self(x, depth - 1) if depth else x

    footprint = _backward(Twice())

    assert footprint.forward == ("Twice", "Twice.inner", "Twice", "Twice.inner")


def test_a_module_that_knows_its_parent_is_no_endless_loop() -> None:
    class Child(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    parent = nn.Sequential(Child())
    parent[0].parent = parent

    footprint = _backward(parent)

    assert footprint.forward == ("Sequential", "Sequential.0")


def test_a_child_called_before_its_root_gets_the_roots_name() -> None:
    model = TwoHeads()

    def program() -> None:
        model.left(torch.randn(4, 8))
        model(torch.randn(4, 8))

    footprint = MemTracker().run(program)

    assert footprint.forward == ("TwoHeads.left", "TwoHeads", "TwoHeads.left", "TwoHeads.right")


def test_a_module_added_while_recording_is_named_below_its_parent() -> None:
    model = nn.Sequential(_linear())

    def program() -> None:
        model(torch.randn(4, 8))
        model.append(nn.ReLU())
        model(torch.randn(4, 8))

    footprint = MemTracker().run(program)

    assert footprint.forward[-1] == "Sequential.1"


def test_roots_of_one_class_have_names_of_their_own_which_are_free_again_when_they_die() -> None:
    def program() -> list[nn.Module]:
        first, second = _linear(), _linear()
        for model in (first, second):
            model(torch.randn(4, 8))
        del first, model
        gc.collect()
        third = _linear()
        third(torch.randn(4, 8))
        return [second, third]

    tracker = MemTracker()
    with tracker:
        kept = program()
        footprint = tracker.footprint()

    del kept
    assert footprint.forward == ("Linear", "Linear#2", "Linear")


def test_modules_that_claim_to_be_equal_are_not_merged() -> None:
    class Equal(nn.Linear):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    footprint = _backward(nn.Sequential(Equal(8, 8), Equal(8, 8)))

    assert footprint.forward == ("Sequential", "Sequential.0", "Sequential.1")


def test_gradients_belong_to_the_module_that_owns_the_parameter() -> None:
    def program() -> nn.Module:
        model = nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 5))
        model(torch.randn(4, 8)).sum().backward()
        return model

    owners = _gradient_owners(program)

    bias_sums = {"(1, 6)": "Sequential.0", "(1, 5)": "Sequential.1"}
    assert owners == {"(6, 8)": "Sequential.0", "(5, 6)": "Sequential.1", **bias_sums}


def test_orders_are_equal_on_repeat_runs() -> None:
    model = Checkpointed(reentrant=False)

    footprints = [_backward(model) for _ in range(3)]

    assert footprints[0].hierarchy == footprints[1].hierarchy == footprints[2].hierarchy
