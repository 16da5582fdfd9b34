"""What autograd keeps for backward, told without disturbing it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import nn
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

from pytest_footprint.model.saved_tensor import SavedTensors
from pytest_footprint.tracking import MemTracker


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(torch.relu(self.up(x)))


class Net(nn.Module):
    def __init__(self, *, checkpointed: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(3))
        self.checkpointed = checkpointed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=False) if self.checkpointed else layer(x)
        return x


def test_each_kept_tensor_is_named_with_its_keeper_and_its_maker() -> None:
    model, x = Net(), torch.randn(4, 8)

    saved = MemTracker().run(lambda: model(x).sum().backward()).saved

    rows = [(row.fqn, row.op, row.shape, row.dtype, row.nbytes) for row in saved]
    assert rows == [
        ("Net.layers.0", "aten.relu", (4, 32), "float32", 512),
        ("Net.layers.1.up", "aten.add", (4, 8), "float32", 128),
        ("Net.layers.1", "aten.relu", (4, 32), "float32", 512),
        ("Net.layers.2.up", "aten.add", (4, 8), "float32", 128),
        ("Net.layers.2", "aten.relu", (4, 32), "float32", 512),
    ]
    assert saved.bytes("layers.1") == saved.bytes("Net.layers.1") == 640
    assert saved.bytes() == 1792
    assert saved.dtypes() == {"float32"}


def test_a_checkpoint_keeps_only_the_inputs_of_its_regions() -> None:
    model, x = Net(checkpointed=True), torch.randn(4, 8)

    saved = MemTracker().run(lambda: model(x).sum().backward()).saved

    floats = [row for row in saved if row.dtype == "float32"]
    assert [(row.op, row.shape) for row in floats] == [("aten.add", (4, 8))] * 2


def test_what_the_user_holds_is_not_what_autograd_holds() -> None:
    model, x, y, kept = nn.Linear(8, 100), torch.randn(4, 8), torch.randint(100, (4,)), []

    def step() -> None:
        logits = model(x)
        kept.append(logits)
        F.cross_entropy(logits, y).backward()

    saved = MemTracker().run(step).saved

    assert "aten.addmm" not in {row.op for row in saved}
    assert "aten._log_softmax" in {row.op for row in saved}


def test_a_forward_without_backward_tells_what_it_would_keep() -> None:
    model, x = Net(), torch.randn(4, 8)

    saved = MemTracker().run(model, x).saved

    assert saved.bytes() == 1792


@pytest.mark.parametrize("keep", [False, True], ids=["returned", "kept"])
def test_a_loss_without_backward_tells_what_it_would_keep(keep: bool) -> None:  # noqa: FBT001 - a test's parameter
    model, x, kept = Net(), torch.randn(4, 8), []

    def step() -> torch.Tensor | None:
        loss = model(x).sum()
        if not keep:
            return loss
        kept.append(loss)
        return None

    assert MemTracker().run(step).saved.bytes() == 1792


def test_a_graph_without_modules_tells_what_it_would_keep() -> None:
    weight = torch.randn(8, 8, requires_grad=True)

    saved = MemTracker().run(lambda: (torch.ones(8, 8) @ weight).relu().sum()).saved

    assert "aten.relu" in {row.op for row in saved}


def test_nothing_is_kept_without_gradients() -> None:
    model, x = Net(), torch.randn(4, 8)

    def step() -> torch.Tensor:
        with torch.no_grad():
            return model(x)

    assert MemTracker().run(step).saved.bytes() == 0


def test_a_small_view_keeps_its_whole_storage() -> None:
    leaf = torch.randn(1000, requires_grad=True)

    def step() -> None:
        big = leaf * 1
        big[:2].square().sum().backward()

    saved = MemTracker().run(step).saved

    assert [(row.shape, row.nbytes) for row in saved] == [((2,), 4000)]


def test_tensors_moved_by_saved_tensor_hooks_are_seen_where_they_went() -> None:
    model, x = Net(), torch.randn(4, 8)

    def step() -> None:
        with save_on_cpu():
            loss = model(x).sum()
        loss.backward()

    saved = MemTracker().run(step).saved

    assert saved.bytes() >= 1792


def test_what_a_custom_function_puts_on_its_context_is_kept() -> None:
    class Keeps(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.copy = x.clone()
            return x * 1

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            return gradient * ctx.copy

    x = torch.randn(4, 8, requires_grad=True)

    saved = MemTracker().run(lambda: Keeps.apply(x).sum().backward()).saved

    assert [(row.op, row.nbytes) for row in saved] == [("aten.clone", 128)]


def test_the_backward_that_keeps_the_most_is_reported() -> None:
    model, x = Net(), torch.randn(4, 8)

    def step() -> None:
        model(x[:1]).sum().backward()
        model(x).sum().backward()
        model(x[:2]).sum().backward()

    assert MemTracker().run(step).saved.bytes() == 1792


def test_autograd_still_notices_in_place_changes() -> None:
    def step() -> None:
        y = torch.sigmoid(torch.randn(4, requires_grad=True))
        y.detach().zero_()
        y.sum().backward()

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        MemTracker().run(step)


class Masked(nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.sin(x * mask).cos()


class Regional(nn.Module):
    """Runs a checkpointed region on what it has computed itself."""

    def __init__(self, region: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.region = region

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.region(x * 2, torch.ones(8).exp()).sum()


def _saved_in_a_step(region: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], *, retain: bool) -> SavedTensors:
    model, leaf, kept = Regional(region), torch.randn(4, 8, requires_grad=True), []

    def step() -> None:
        loss = model(leaf)
        loss.backward(retain_graph=retain)
        if retain:
            kept.append(loss)

    return MemTracker().run(step).saved


@pytest.mark.parametrize("retain", [False, True], ids=["once", "retained"])
@pytest.mark.parametrize(
    "region",
    [
        lambda x, mask: checkpoint(Masked(), x, mask, use_reentrant=False),
        lambda x, mask: checkpoint(Masked(), x, mask=mask, use_reentrant=False),
        lambda x, mask: checkpoint(Masked(), x, mask, use_reentrant=True),
        lambda x, mask: checkpoint(lambda y: Masked()(y, mask), x, use_reentrant=False),
        lambda x, mask: checkpoint(lambda y: Masked()(y, mask), x, use_reentrant=True),
        lambda x, mask: checkpoint(functools.partial(Masked(), mask=mask), x, use_reentrant=False),
        lambda x, mask: checkpoint(
            lambda *args: checkpoint(Masked(), *args, use_reentrant=False), x, mask, use_reentrant=False
        ),
    ],
    ids=["arguments", "keyword", "reentrant", "closure", "reentrant closure", "partial", "nested"],
)
def test_the_inputs_of_a_checkpoint_are_kept_whoever_else_holds_the_graph(region: Any, *, retain: bool) -> None:
    saved = _saved_in_a_step(region, retain=retain)

    rows = [(row.fqn, row.op, row.nbytes) for row in saved if row.dtype == "float32"]
    assert rows == [("Regional", "aten.mul", 128), ("Regional", "aten.exp", 32)]


@pytest.mark.parametrize("retain", [False, True], ids=["once", "retained"])
def test_what_a_selective_checkpoint_saves_is_kept(*, retain: bool) -> None:
    contexts = functools.partial(create_selective_checkpoint_contexts, [torch.ops.aten.sin.default])

    saved = _saved_in_a_step(
        lambda x, mask: checkpoint(Masked(), x, mask, use_reentrant=False, context_fn=contexts), retain=retain
    )

    rows = [(row.fqn, row.op) for row in saved if row.dtype == "float32"]
    assert rows == [("Regional", "aten.mul"), ("Regional", "aten.exp"), ("Masked", "aten.sin")]


def test_what_an_unpack_hook_looks_up_is_kept() -> None:
    leaf = torch.randn(4, 8, requires_grad=True)
    packed: dict[int, torch.Tensor] = {}

    def pack(x: torch.Tensor) -> int:
        packed[len(packed)] = x
        return len(packed) - 1

    def step() -> None:
        with saved_tensors_hooks(pack, lambda key: packed[key]):
            loss = (leaf * 2).sin().sum()
        loss.backward()

    saved = MemTracker().run(step).saved

    assert [row.op for row in saved] == ["aten.mul"]
