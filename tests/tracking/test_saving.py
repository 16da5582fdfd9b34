"""With and without: each measured on its own, whatever the other one left."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from pytest_footprint.comparison import compare
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.tracking import MemTracker


class _Net(nn.Module):
    def __init__(self, *, recompute: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32)) for _ in range(4))
        self.recompute = recompute

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=False, preserve_rng_state=False) if self.recompute else layer(x)
        return x


def _step(model: nn.Module, batch: torch.Tensor) -> Callable[[], None]:
    return lambda: model(batch).sum().backward()


BATCH = torch.randn(256, 32)


def test_a_checkpoint_saves_of_both_and_tells_the_slack() -> None:
    found = MemTracker().assert_saves(off=_step(_Net(), BATCH), on=_step(_Net(recompute=True), BATCH), at_least="40%")

    peak, saved = found.savings("40%")
    assert (str(peak.figure), str(saved.figure)) == ("peak", "saved")
    assert 0 < peak.slack < saved.slack
    assert found.on.recomputed
    assert "are now recomputed" in str(found)


def test_a_checkpoint_that_does_nothing_fails() -> None:
    with pytest.raises(AssertionError, match=r"^on saves nothing of the peak \(cpu\): (\S+ MiB) off, \1 on\n"):
        MemTracker().assert_saves(off=_step(_Net(), BATCH), on=_step(_Net(), BATCH))


def test_saving_at_the_peak_alone_is_not_enough() -> None:
    """As with a checkpoint that frees what it should keep, and keeps what it should free."""
    model, kept = _Net(), torch.zeros(2**20)

    def off() -> None:
        big = torch.zeros(2**20)
        model(BATCH).sum().backward()
        del big

    with pytest.raises(AssertionError, match=r"^on saves nothing of what is saved for backward"):
        MemTracker().assert_saves(off=off, on=_step(model, BATCH))
    MemTracker().assert_saves(off=off, on=_step(model, BATCH), of="peak", at_least=kept.nbytes / 2 / 2**23)


@pytest.mark.parametrize("outside", [False, True], ids=["alone", "inside another recording"])
@pytest.mark.parametrize(
    "what", ["shared model", "shared optimizer", "zeroed gradients", "own model", "keeps its outputs", "input"]
)
def test_one_function_against_itself_is_equal(what: str, *, outside: bool) -> None:
    model, kept = _Net(), []
    optimizer = torch.optim.Adam(model.parameters())
    leaf = BATCH.clone().requires_grad_()

    def step() -> None:
        if what == "own model":
            _step(_Net(), BATCH)()
            return
        if what == "zeroed gradients":
            model.zero_grad()
        output = model(leaf if what == "input" else BATCH)
        output.sum().backward()
        if what == "shared optimizer":
            optimizer.step()
        if what == "keeps its outputs":
            kept.append(output.detach())

    tracker = MemTracker()
    if outside:
        with tracker:
            found = tracker.compare(off=step, on=step)
    else:
        found = tracker.compare(off=step, on=step)

    assert not found, str(found)
    assert found.off.start == found.on.start


def test_gradients_that_one_arm_leaves_do_not_count_for_the_other() -> None:
    model = _Net()

    def frozen() -> None:
        model.layers[:3].requires_grad_(requires_grad=False)
        try:
            _step(model, BATCH)()
        finally:
            model.layers.requires_grad_(requires_grad=True)

    found = MemTracker().compare(off=_step(model, BATCH), on=frozen)

    last = sum(parameter.nbytes for parameter in model.layers[3].parameters())
    assert found.on.peak.gradients == last
    assert found.off.peak.gradients == 4 * last
    assert all(parameter.grad is None for parameter in model.parameters())


def test_gradients_that_were_there_before_stay() -> None:
    model = _Net()
    _step(model, BATCH)()
    before = [parameter.grad for parameter in model.parameters()]

    MemTracker().compare(off=_step(model, BATCH), on=_step(model, BATCH))

    assert all(parameter.grad is gradient for parameter, gradient in zip(model.parameters(), before, strict=True))


def test_garbage_of_one_arm_does_not_count_for_the_other() -> None:
    def litters() -> None:
        cycle: list[object] = [torch.zeros(2**18)]
        cycle.append(cycle)
        _step(_Net(), BATCH)()

    gc.disable()
    try:
        found = MemTracker().compare(off=litters, on=litters)
    finally:
        gc.enable()

    assert not found, str(found)


def _alone(fn: Callable[[], object]) -> Footprint:
    return MemTracker().run(fn, warmup=1)


def test_arms_and_the_recording_around_them_do_not_disturb_each_other() -> None:
    plain, light = _Net(), _Net(recompute=True)
    undisturbed = MemTracker()
    with undisturbed:
        undisturbed.run(_step(plain, BATCH))
        expected_outside = undisturbed.run(_step(plain, BATCH))
    expected = _alone(_step(plain, BATCH)), _alone(_step(light, BATCH))
    light.zero_grad()

    tracker = MemTracker()
    with tracker:
        tracker.run(_step(plain, BATCH))
        with tracker.step():
            found = tracker.compare(off=_step(_copy(plain), BATCH), on=_step(light, BATCH))
        outside = tracker.run(_step(plain, BATCH))

    assert not compare(expected[0], found.off)
    assert not compare(expected[1], found.on)
    assert (outside.saved, outside.growth, outside.forward) == (
        expected_outside.saved,
        expected_outside.growth,
        expected_outside.forward,
    )
    for kind in ("activations", "temporaries"):
        assert getattr(outside.peak, kind) == getattr(expected_outside.peak, kind)


def _copy(model: _Net) -> _Net:
    other = _Net(recompute=model.recompute)
    other.load_state_dict(model.state_dict())
    return other


def test_the_recording_outside_sees_what_the_arms_took() -> None:
    with MemTracker() as tracker:
        found = tracker.compare(off=lambda: torch.zeros(2**20), on=lambda: torch.zeros(2**10))

    assert found.off.peak.total == tracker.footprint().peak.total == 2**22
    assert found.on.peak.total == 2**12


def test_memory_inside_operators_can_be_compared_while_it_is_recorded_outside() -> None:
    conv = nn.Conv2d(8, 8, 3, padding=1).requires_grad_(requires_grad=False)
    image = torch.randn(1, 8, 32, 32)
    expected = MemTracker(inside_ops=True).run(lambda: conv(image), warmup=1)

    with MemTracker(inside_ops=True) as tracker:
        conv(image)
        found = tracker.compare(off=lambda: conv(image), on=lambda: image + 1)
        conv(image)

    assert found.off.inside_ops == expected.inside_ops
    assert tracker.footprint().inside_ops == expected.inside_ops


def test_an_exception_says_which_arm_it_is_from_and_ends_the_recording() -> None:
    def fails() -> None:
        msg = "no"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match=r"^no") as caught:
        MemTracker().compare(off=lambda: None, on=fails)

    assert caught.value.__notes__ == ["(while measuring on)"]
    assert not torch.utils._python_dispatch._get_current_dispatch_mode_stack()


@pytest.mark.parametrize("wrong", [{"of": "activations"}, {"of": "loss"}, {"at_least": "140%"}, {"at_least": "many"}])
def test_wrong_arguments_are_told_before_anything_runs(wrong: dict[str, str]) -> None:
    ran: list[int] = []

    with pytest.raises(ValueError, match=r"^(of|at_least)="):
        MemTracker().assert_saves(off=lambda: ran.append(1), on=lambda: ran.append(1), **wrong)  # type: ignore[arg-type]
    assert not ran


def test_what_cannot_be_called_is_told_before_anything_runs() -> None:
    ran: list[int] = []

    async def later() -> None: ...

    with pytest.raises(TypeError, match=r"^on must be a function, got Tensor: pass on=lambda: train_step\(model\)$"):
        MemTracker().compare(off=lambda: ran.append(1), on=BATCH)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^off cannot be awaited"):
        MemTracker().compare(off=later, on=lambda: ran.append(1))
    assert not ran
