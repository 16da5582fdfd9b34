"""Plain modules are called on a shorter way than torch's; what is recorded and what the program sees stay the same."""

from __future__ import annotations

import sys
from types import FrameType

import pytest
import torch
from torch import nn

from pytest_footprint.tracking import MemTracker, ModTracker

TORCHS = nn.Module.__call__


def model() -> nn.Sequential:
    return nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.GELU()) for _ in range(10)])


def hook_runs(work: nn.Module, x: torch.Tensor) -> int:
    """How often torch's function that calls hooks runs."""
    found = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal found
        code = frame.f_code
        found += event == "call" and code.co_name == "inner" and code.co_filename.endswith("nn/modules/module.py")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work(x)
    finally:
        sys.setprofile(before)
    return found


@pytest.mark.parametrize("kind", [MemTracker, ModTracker])
def test_only_the_root_and_modules_with_hooks_go_torchs_way(kind: type) -> None:
    net, x = model(), torch.ones(2, 4)
    net[3].register_forward_hook(lambda *_: None)

    with kind():
        net(x)
        runs = hook_runs(net, x)

    assert runs == 2


def test_hooks_of_others_are_called_as_ever() -> None:
    net, seen = model(), list[str]()

    with ModTracker() as tracker:
        net(torch.ones(2, 4))
        handle = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(type(module).__name__))
        try:
            net(torch.ones(2, 4))
        finally:
            handle.remove()

    assert len(seen) == 31
    assert tracker.calls["Sequential.3.1"] == 2


def test_a_module_that_is_called_in_its_own_way_is() -> None:
    net, x = model(), torch.ones(2, 4)
    vars(net[3])["_call_impl"] = lambda given: given + 1

    with MemTracker():
        net[:3](x)
        net[4:](x)

        assert torch.equal(net[3](x), x + 1)
        assert torch.equal(net(x), net[4:](net[:3](x) + 1))


def test_torchs_call_is_back_and_a_copy_kept_meanwhile_records_nothing() -> None:
    net, x = model(), torch.ones(2, 4)

    with ModTracker() as tracker:
        net(x)
        kept = nn.Module.__call__
    calls = len(tracker.forward)

    assert kept is not TORCHS
    assert nn.Module.__call__ is TORCHS
    assert torch.equal(kept(net, x), net(x))
    assert len(tracker.forward) == calls


def test_a_forward_that_fails_leaves_its_module() -> None:
    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise KeyboardInterrupt

    net = nn.Sequential(model(), Fails())

    with ModTracker() as tracker:
        with pytest.raises(KeyboardInterrupt):
            net(torch.ones(2, 4))
        parents = tracker.parents

    assert "Sequential.1" not in parents
    assert nn.Module.__call__ is TORCHS
