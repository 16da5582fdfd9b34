"""What users of torch's MemTracker rely on."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from pytest_footprint.tracking import MemRefType, MemTracker, ModState

CPU = torch.device("cpu")
FLOAT = 4


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))


def nbytes(*tensors: torch.Tensor) -> int:
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


def train(model: nn.Module, x: torch.Tensor) -> None:
    model(x).sum().backward()


def current(tracker: MemTracker) -> dict[str, int]:
    return tracker.get_tracker_snapshot("current")[CPU]


def states(tracker: MemTracker, module: nn.Module) -> dict[str, int]:
    """How many snapshots there are of each state."""
    return {str(state): len(calls) for state, calls in tracker.memory_tracking[module].snapshots.items()}


# -- words -------------------------------------------------------------------------------------------------------------


def test_reference_types_and_states_have_torchs_names_and_values() -> None:
    assert {kind.name: kind.value for kind in MemRefType} == {
        "PARAM": "Parameter",
        "BUFFER": "Buffer",
        "GRAD": "Gradient",
        "ACT": "Activation",
        "TEMP": "Temp",
        "OPT": "Optstate",
        "OTH": "Other",
    }
    assert {state.name: state.value for state in ModState} == {
        "PRE_FW": "Pre-Forward",
        "POST_FW": "Post-Forward",
        "PEAK_FW": "Peak-Forward",
        "PRE_BW": "Pre-Backward",
        "PRE_FW_AC": "Pre-Forward-AC",
        "POST_FW_AC": "Post-Forward-AC",
        "POST_BW": "Post-Backward",
        "PEAK_BW": "Peak-Backward",
    }


# -- snapshots ---------------------------------------------------------------------------------------------------------


def test_a_snapshot_has_every_type_as_member_and_as_plain_string_and_a_total() -> None:
    model, x = mlp(), torch.randn(4, 16)
    tracker = MemTracker()
    tracker.track_external(model, x)

    with tracker:
        row = current(tracker)

    assert set(row) == {*MemRefType, "Total"}
    assert row[MemRefType.PARAM] == row["Parameter"] == nbytes(*model.parameters())
    assert row["Other"] == nbytes(x)
    assert row["Total"] == sum(row[kind] for kind in MemRefType)


@pytest.mark.parametrize("kind", ["current", "peak"])
def test_a_snapshot_is_a_copy(kind: str) -> None:
    tracker, model = MemTracker(), mlp()
    tracker.track_external(model)

    with tracker:
        tracker.get_tracker_snapshot(kind)[CPU]["Total"] = -1

        assert tracker.get_tracker_snapshot(kind)[CPU]["Total"] > 0


def test_another_kind_of_snapshot_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid type latest"):
        MemTracker().get_tracker_snapshot("latest")


def test_the_current_snapshot_is_the_default() -> None:
    with MemTracker() as tracker:
        kept = torch.ones(256)

        assert tracker.get_tracker_snapshot() == tracker.get_tracker_snapshot("current")
    assert kept.numel() == 256


def test_inputs_that_nobody_registered_are_among_other() -> None:
    model, x = mlp(), torch.randn(4, 16)

    with MemTracker() as tracker:
        model(x)

        assert current(tracker)["Other"] == nbytes(x)


def test_parameters_gradients_and_states_are_attributed_before_forward_after_backward_and_after_the_step() -> None:
    model, x = mlp(), torch.randn(4, 16)
    optimizer = torch.optim.Adam(model.parameters(), foreach=True)
    weights = nbytes(*model.parameters())
    tracker = MemTracker()
    tracker.track_external(model, optimizer, x)

    with tracker:
        for iteration in range(2):
            assert current(tracker)["Parameter"] == weights
            assert current(tracker)["Gradient"] == 0
            train(model, x)
            assert current(tracker)["Gradient"] == weights
            optimizer.step()
            counters = FLOAT * len(list(model.parameters()))
            assert current(tracker)["Optstate"] == 2 * weights + counters, iteration
            optimizer.zero_grad()
            tracker.reset_mod_stats()

    assert current(tracker)["Gradient"] == 0


def test_what_dies_after_the_context_does_not_change_the_snapshots() -> None:
    with MemTracker() as tracker:
        kept = torch.ones(1000)
    before = tracker.get_tracker_snapshot("current"), tracker.get_tracker_snapshot("peak")

    del kept
    gc.collect()

    assert (tracker.get_tracker_snapshot("current"), tracker.get_tracker_snapshot("peak")) == before
    assert before[0][CPU]["Total"] == 1000 * FLOAT


def test_what_died_between_two_contexts_is_gone_in_the_second() -> None:
    with MemTracker() as tracker:
        kept = torch.ones(1000)
    del kept
    with tracker:
        assert current(tracker)["Total"] == 0


def test_the_peak_begins_anew_with_what_is_alive_when_the_outermost_context_is_entered() -> None:
    tracker = MemTracker()
    with tracker:
        kept = torch.ones(10)
        torch.ones(1000)
    first = tracker.get_tracker_snapshot("peak")[CPU]["Total"]

    with tracker:
        second = tracker.get_tracker_snapshot("peak")[CPU]["Total"]
        with tracker:
            torch.ones(100)
        third = tracker.get_tracker_snapshot("peak")[CPU]["Total"]
        del kept
    fourth = tracker.get_tracker_snapshot("peak")[CPU]["Total"]

    assert [first, second, third, fourth] == [1010 * FLOAT, 10 * FLOAT, 110 * FLOAT, 110 * FLOAT]


def test_a_peak_that_was_there_on_entering_is_one_when_the_first_thing_is_a_death() -> None:
    tracker = MemTracker()
    kept = torch.ones(1000)
    tracker.track_external(kept)

    with tracker:
        del kept
        torch.ones(10)

    assert tracker.get_tracker_snapshot("peak")[CPU]["Total"] == 1000 * FLOAT


def test_inner_contexts_do_not_end_the_recording() -> None:
    tracker = MemTracker()

    with tracker as entered:
        with tracker:
            pass
        kept = torch.ones(10)

        assert entered is tracker
        assert current(tracker)["Total"] == nbytes(kept)


# -- track_external ----------------------------------------------------------------------------------------------------


def test_modules_optimizers_tensors_and_none_are_taken_in_from_any_container() -> None:
    model, x = nn.BatchNorm1d(16), torch.randn(4, 16)
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    model(x).sum().backward()
    optimizer.step()
    tracker = MemTracker()

    tracker.track_external({"model": model, "rest": [optimizer, (x, None)]})

    row = current(tracker)
    assert row["Parameter"] == row["Gradient"] == row["Optstate"] == 2 * 16 * FLOAT
    assert row["Buffer"] == nbytes(*model.buffers())
    assert row["Other"] == nbytes(x)


def test_other_things_are_refused() -> None:
    with pytest.raises(TypeError, match="track_external takes modules, optimizers and tensors, not str"):
        MemTracker().track_external("model")


# -- statistics of modules ---------------------------------------------------------------------------------------------


def test_statistics_of_a_module_are_found_by_the_module() -> None:
    model, x = mlp(), torch.randn(4, 16)
    first = model.get_submodule("0")

    with MemTracker() as tracker:
        train(model, x)

    stats = tracker.memory_tracking[first]
    assert stats.mod_fqn == "Sequential.0"
    assert stats.parameter_mem == nbytes(*first.parameters())
    assert stats.buffer_mem == 0
    assert stats.input_mem == nbytes(x)
    assert stats.output_mem == 4 * 32 * FLOAT
    assert set(stats.local_peak) == {CPU}
    assert set(tracker.memory_tracking) == {model, *model}


def test_buffers_shared_weights_and_keyword_arguments_are_counted_once_each() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.norm = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False), nn.BatchNorm1d(16)
            self.b.weight = self.a.weight

        def forward(self, *, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.b(self.a(x)))

    model, x = Tied(), torch.randn(4, 16)

    with MemTracker() as tracker:
        model(x=x)

    stats = tracker.memory_tracking[model]
    assert stats.parameter_mem == nbytes(model.a.weight, *model.norm.parameters())
    assert stats.buffer_mem == nbytes(*model.norm.buffers())
    assert stats.input_mem == nbytes(x)


def test_every_call_leaves_one_snapshot_of_each_state() -> None:
    model = mlp()

    with MemTracker() as tracker:
        for _ in range(2):
            train(model, torch.randn(4, 16))

    every = ["Pre-Forward", "Post-Forward", "Peak-Forward", "Pre-Backward", "Post-Backward", "Peak-Backward"]
    assert states(tracker, model[0]) == states(tracker, model) == dict.fromkeys(every, 2)


def test_snapshots_of_a_forward_are_of_its_beginning_its_end_and_its_highest_point() -> None:
    class Scratch(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scratch = torch.ones(1000)
            return x + scratch.sum()

    model, x = Scratch(), torch.randn(10)
    tracker = MemTracker()
    tracker.track_external(x)

    with tracker:
        out = model(x)

    snapshots = tracker.memory_tracking[model].snapshots
    totals = {state: snapshots[state][0][CPU]["Total"] for state in snapshots}
    assert totals[ModState.PRE_FW] == nbytes(x)
    assert totals[ModState.POST_FW] == nbytes(x, out)
    assert totals[ModState.PEAK_FW] == nbytes(x, out) + 1000 * FLOAT + FLOAT
    assert tracker.memory_tracking[model].local_peak == {CPU: totals[ModState.PEAK_FW]}


def test_snapshots_of_a_backward_are_of_its_beginning_its_end_and_its_highest_point() -> None:
    model, x = mlp(), torch.randn(4, 16)

    with MemTracker() as tracker:
        train(model, x)

    last, first = tracker.memory_tracking[model[2]].snapshots, tracker.memory_tracking[model[0]].snapshots
    assert last[ModState.PRE_BW][0][CPU]["Gradient"] == 0
    assert last[ModState.POST_BW][0][CPU]["Gradient"] >= nbytes(model.get_parameter("2.weight"))
    assert first[ModState.POST_BW][0][CPU]["Gradient"] == nbytes(*model.parameters())
    for snapshots in (last, first):
        peak = snapshots[ModState.PEAK_BW][0][CPU]["Total"]
        assert peak >= max(snapshots[state][0][CPU]["Total"] for state in (ModState.PRE_BW, ModState.POST_BW))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(16, 64), nn.Linear(64, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x)))


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.block, self.reentrant = Block(), reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return checkpoint(self.block, x, use_reentrant=self.reentrant)


@pytest.mark.parametrize("reentrant", [False, True], ids=["non-reentrant", "reentrant"])
def test_a_recomputation_has_states_of_its_own_and_the_backward_is_not_lost(*, reentrant: bool) -> None:
    model = Checkpointed(reentrant=reentrant)

    with MemTracker() as tracker:
        train(model, torch.randn(4, 16, requires_grad=True))

    assert states(tracker, model.block.a) == dict.fromkeys(ModState, 1)
    assert "Pre-Forward-AC" not in states(tracker, model)
    assert tracker.memory_tracking[model.block.b].output_mem == 4 * 16 * FLOAT


def test_a_small_module_does_not_get_the_peak_of_a_large_one_of_its_class() -> None:
    class Allocates(nn.Module):
        def forward(self, numel: int) -> torch.Tensor:
            return torch.ones(numel) * 2

    small, large = Allocates(), Allocates()

    with MemTracker() as tracker:
        small(10)
        large(100_000)

    names = [tracker.memory_tracking[module].mod_fqn for module in (small, large)]
    peak = tracker.memory_tracking[small].snapshots[ModState.PEAK_FW][0][CPU]["Total"]
    assert names == ["Allocates", "Allocates#2"]
    assert peak == 2 * 10 * FLOAT


def test_a_reset_forgets_the_modules_but_neither_the_memory_nor_the_peak() -> None:
    model = mlp()

    with MemTracker() as tracker:
        train(model, torch.randn(4, 16))
        before = tracker.get_tracker_snapshot("current"), tracker.get_tracker_snapshot("peak")
        tracker.reset_mod_stats()

        assert len(tracker.memory_tracking) == 0
        assert (tracker.get_tracker_snapshot("current"), tracker.get_tracker_snapshot("peak")) == before


def test_a_reset_between_forward_and_backward_leaves_the_backward() -> None:
    model = mlp()

    with MemTracker() as tracker:
        loss = model(torch.randn(4, 16)).sum()
        tracker.reset_mod_stats()
        loss.backward()

    assert states(tracker, model) == {"Peak-Backward": 1, "Pre-Backward": 1, "Post-Backward": 1}
    assert tracker.memory_tracking[model].parameter_mem == nbytes(*model.parameters())


def test_a_reset_inside_a_forward_forgets_the_forwards_that_run() -> None:
    class Resets(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tracker.reset_mod_stats()
            return x * 2

    model = nn.Sequential(Resets(), nn.ReLU())

    with MemTracker() as tracker:
        model(torch.randn(4, 16))

    assert set(tracker.memory_tracking) == {model[1]}


def test_statistics_go_on_while_they_are_looked_at() -> None:
    model = mlp()

    with MemTracker() as tracker:
        model(torch.randn(4, 16))
        first = states(tracker, model)["Pre-Forward"]
        model(torch.randn(4, 16))

        assert [first, states(tracker, model)["Pre-Forward"]] == [1, 2]


# -- programs that torch's tracker refuses -----------------------------------------------------------------------------


def _criterion_twice(model: nn.Module, x: torch.Tensor) -> None:
    criterion = nn.MSELoss()
    out = model(x)
    (criterion(out, torch.zeros_like(out)) + criterion(out, torch.ones_like(out))).backward()


def _gan(model: nn.Module, x: torch.Tensor) -> None:
    fake = x * 2
    (model(x).mean() - model(fake.detach()).mean()).backward()
    model(fake).mean().backward()


def _accumulate(model: nn.Module, x: torch.Tensor) -> None:
    for _ in range(3):
        train(model, x)


def _frozen(model: nn.Module, x: torch.Tensor) -> None:
    next(model.parameters()).requires_grad_(False)
    train(model, x)


@pytest.mark.parametrize("program", [_criterion_twice, _gan, _accumulate, _frozen])
def test_modules_may_be_called_as_often_as_the_program_likes(program: Callable[[Any, Any], None]) -> None:
    model = mlp()

    with MemTracker() as tracker:
        program(model, torch.randn(4, 16))

    assert tracker.memory_tracking[model].parameter_mem == nbytes(*model.parameters())


# -- printing ----------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_printed_as_lines_or_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with MemTracker() as tracker:
        kept = torch.ones(512)
        tracker.display_snapshot()
        lines = capsys.readouterr().out
        tracker.display_snapshot("peak", units="KiB", tabulate=True)
        table = capsys.readouterr().out

    assert lines.splitlines()[0] == "Device: cpu"
    assert f"\tTotal: {nbytes(kept)} B" in lines.splitlines()
    assert "2.0 KiB" in table
    assert table.splitlines()[1].split() == ["Device", *MemRefType, "Total"]


def test_a_tracker_that_saw_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    MemTracker().display_snapshot()

    assert capsys.readouterr().out == "No memory tracked.\n"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_modules_are_printed_in_natural_order_down_to_a_depth(depth: int, capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential(*[nn.Sequential(nn.Identity()) for _ in range(11)])

    with MemTracker() as tracker:
        model(torch.ones(4))
    tracker.display_modulewise_snapshots(depth=depth, units="KiB")

    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Module:")]
    below = [f"Sequential.{index}" + ".0" * (level - 2) for index in range(11) for level in range(2, depth + 1)]
    assert printed == [f"Module:  {name}" for name in ["Sequential", *below]]


def test_the_states_of_a_module_are_printed_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with MemTracker() as tracker:
        train(mlp_kept := mlp(), torch.randn(4, 16))
    tracker.display_modulewise_snapshots(depth=1, tabulate=True)

    printed = capsys.readouterr().out
    assert "Peak-Backward # 1" in printed
    assert "State & Call" in printed
    assert mlp_kept is not None


@pytest.mark.parametrize("display", ["display_snapshot", "display_modulewise_snapshots"])
def test_unknown_units_are_refused(display: str) -> None:
    model = mlp()
    with MemTracker() as tracker:
        model(torch.randn(4, 16))

    with pytest.raises(ValueError, match=r"Unsupported unit: MB\. Supported units are: B, KiB, MiB, GiB"):
        getattr(tracker, display)(units="MB")
