"""When FSDP gathers and frees parameters: what users assert of it, torch's twelve states, and a user's process."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from sharded import TRAININGS, Net, Training, fake_ranks, groups_of, held_by_fsdp, mesh, shard
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.fsdp._fully_shard._fsdp_param_group import FSDPParamGroup
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.unshard import Unshard
from pytest_footprint.trace.file import from_bytes, to_bytes
from pytest_footprint.trace.recorded import Recorded, Take
from pytest_footprint.tracking import FSDPMemTracker, FSDPModState, FSDPRefType, MemTracker, UnsupportedTorchError
from pytest_footprint.tracking.distributed.sharded_modules import CALLS

two_groups = pytest.mark.skipif(
    "two groups in one module" not in TRAININGS, reason="this torch has one group for each module"
)
CPU = torch.device("cpu")
BLOCK = sum(p.nbytes for p in Net(1, head=False).parameters())
HEAD = sum(p.nbytes for p in nn.Linear(64, 64).parameters())
S = FSDPModState


@pytest.fixture(autouse=True)
def _world(request: pytest.FixtureRequest) -> Iterator[None]:
    with fake_ranks(getattr(request, "param", 4)):
        yield


def footprint_of(training: Training) -> Footprint:
    return MemTracker().run(training.step)


# -- unshards --------------------------------------------------------------------------------------------------------


def test_modules_are_unsharded_when_they_run_and_one_ahead_in_backward() -> None:
    footprint = footprint_of(TRAININGS["plain"]())

    assert footprint.unshards("forward") == ("Net", "Net.blocks.0", "Net.blocks.1", "Net.blocks.2")
    assert footprint.prefetches("forward") == {}
    assert footprint.unshards("backward") == ("Net.blocks.2", "Net.blocks.1", "Net.blocks.0")
    assert footprint.prefetches("backward") == {"Net.blocks.2": 1, "Net.blocks.1": 1, "Net.blocks.0": 1}
    assert footprint.max_unsharded == 3  # the root, a block, and the one that is prefetched


def test_prefetching_by_hand_is_told_with_how_far_ahead_it_is() -> None:
    footprint = footprint_of(TRAININGS["prefetched"]())

    assert footprint.prefetches("forward") == {"Net.blocks.1": 1, "Net.blocks.2": 2}
    assert footprint.prefetches("backward") == {"Net.blocks.2": 1, "Net.blocks.1": 1, "Net.blocks.0": 2}
    assert footprint.max_unsharded == 4


def test_what_is_not_resharded_is_not_unsharded_again() -> None:
    footprint = footprint_of(TRAININGS["not resharded after forward"]())

    assert len(footprint.unshards("forward")) == footprint.max_unsharded == 4
    assert footprint.unshards("backward") == ()


def test_without_sync_every_micro_batch_unshards() -> None:
    footprint = footprint_of(TRAININGS["without sync"]())

    assert Counter(footprint.unshards("forward")) == dict.fromkeys(
        ("Net", "Net.blocks.0", "Net.blocks.1", "Net.blocks.2"), 2
    )


def test_what_is_gathered_by_hand_comes_before_its_turn_or_again() -> None:
    footprint = footprint_of(TRAININGS["by hand"]())

    assert footprint.unshards("forward") == ("Net", "Net.blocks.0", "Net.blocks.1", "Net.blocks.2", "Net.blocks.2")
    assert footprint.prefetches("forward") == {"Net": 1, "Net.blocks.0": 2, "Net.blocks.1": 3, "Net.blocks.2": 4}
    assert footprint.max_unsharded == 4


def test_modules_that_are_one_group_are_one() -> None:
    footprint = footprint_of(TRAININGS["one group of two modules"]())

    assert footprint.unshards("forward") == ("Net", "Net.blocks.0, Net.blocks.1")
    assert footprint.max_unsharded == 2


@two_groups
def test_two_groups_in_a_module_are_two_all_gathers() -> None:
    footprint = footprint_of(TRAININGS["two groups in one module"]())

    assert footprint.unshards("forward")[1:3] == ("Net.blocks.0", "Net.blocks.0")


def test_of_several_steps_the_last_one_is_told() -> None:
    training = TRAININGS["plain"]()

    footprint = MemTracker().run(training.step, steps=3, warmup=1)

    assert len(footprint.unsharded) == 7


def test_what_is_whole_when_the_recording_begins_counts() -> None:
    training = TRAININGS["not resharded after forward"]()
    loss = training.model(training.x).sum()

    with MemTracker() as tracker:
        tracker.track_external(training.model)
        loss.backward()
        footprint = tracker.footprint()

    assert (footprint.unsharded, footprint.max_unsharded) == ((), 4)


@pytest.mark.parametrize("name", ["plain", "one group of two modules", "without sync"])
def test_a_trace_file_says_the_same(name: str) -> None:
    training, taken = TRAININGS[name](), list[Take]()
    tracker = MemTracker()
    tracker.on_footprint = lambda found, moment: taken.append(Take("", moment, found.structure, found.environment))
    footprint = tracker.run(training.step)

    back = from_bytes(to_bytes(Recorded(tracker.trace, tuple(taken))))

    assert back.takes[0].footprint(back.trace) == footprint
    assert footprint.unsharded


def test_a_model_that_is_not_sharded_has_none() -> None:
    model, x = Net(), torch.randn(2, 64)

    footprint = MemTracker().run(lambda: model(x).sum().backward())

    assert (footprint.unsharded, footprint.max_unsharded) == ((), 0)


def test_there_are_two_orders() -> None:
    with pytest.raises(ValueError, match='order=\'recomputed\' must be "forward" or "backward"'):
        Footprint(unsharded=(Unshard("Net", "forward"),)).unshards("recomputed")


# -- the twelve states -----------------------------------------------------------------------------------------------


def block_of(training: Training) -> Any:
    """The one in the middle."""
    model: Any = training.model
    return model.blocks[1]


def states_of(training: Training, module: nn.Module, steps: int = 1) -> dict[S, list[dict[str, int]]]:
    tracker = FSDPMemTracker(training.model, training.optimizers[0])
    tracker.track_inputs((training.x,))
    with tracker:
        for _ in range(steps):
            training.step()
    stats = tracker.memory_tracking[module]
    return {state: [each[CPU] for each in taken] for state, taken in stats.snapshots.items()}


def test_the_words_are_those_of_torch_and_one_more() -> None:
    fsdp2_mem_tracker = pytest.importorskip("torch.distributed._tools.fsdp2_mem_tracker")

    theirs = {each.name: each.value for each in fsdp2_mem_tracker._FSDPRefType}
    states = {each.name: each.value for each in fsdp2_mem_tracker._FSDPModState}
    assert {each.name: each.value for each in FSDPRefType} == {**theirs, "OTH": "Other"}
    assert {each.name: each.value for each in FSDPModState} == states


def test_a_block_is_gathered_before_its_forward_and_gone_after() -> None:
    training = TRAININGS["plain"]()

    states = states_of(training, block_of(training))

    unsharded = {state: taken[0]["Unsharded Param"] for state, taken in states.items()}
    assert unsharded[S.BEF_PRE_FW] == unsharded[S.AFT_POST_FW] == HEAD
    assert unsharded[S.AFT_PRE_FW] == unsharded[S.BEF_POST_FW] == unsharded[S.PEAK_FW] == HEAD + BLOCK


def test_the_full_gradients_of_a_block_are_there_at_its_backwards_peak_and_reduced_after_it() -> None:
    training = TRAININGS["plain"]()

    states = states_of(training, block_of(training))

    full = {state: taken[0]["Unsharded Grad"] for state, taken in states.items()}
    shards = {state: taken[0]["Sharded Grad"] for state, taken in states.items()}
    assert full[S.PEAK_BW] == full[S.BEF_POST_BW] == HEAD + BLOCK
    assert full[S.AFT_POST_BW] == HEAD
    assert (shards[S.BEF_POST_BW], shards[S.AFT_POST_BW]) == (BLOCK // 4, 2 * BLOCK // 4)
    assert states[S.PEAK_BW][0]["Reduce Scatter"] == BLOCK
    assert states[S.AFT_PRE_BW][0]["Unsharded Param"] == HEAD + BLOCK
    assert states[S.AFT_PRE_BW][0]["All Gather"] == BLOCK  # of the next block, prefetched


def test_full_gradients_are_told_apart_without_anybody_looking() -> None:
    peak = footprint_of(TRAININGS["plain"]()).peak["cpu"]

    assert (peak.unsharded_gradients, peak.gradients) == (HEAD + BLOCK, 0)


class _Halves(nn.Module):
    """Two outputs, of which backward may use one, both or none."""

    def __init__(self, *used: int) -> None:
        super().__init__()
        self.both, self.used = nn.ModuleList([_Two(), _Two()]), used

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, unused = self.both[0](x), self.both[1](x)
        return sum((first[at] for at in self.used), unused[0].detach())


class _Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.a(x), self.b(x)


def test_a_module_with_two_outputs_has_one_backward_and_one_that_is_unused_has_none() -> None:
    model = _Halves(0, 1)
    for two in model.both:
        fully_shard(two, mesh=mesh())
    fully_shard(model, mesh=mesh())

    with FSDPMemTracker(model) as tracker:
        model(torch.randn(2, 64)).sum().backward()

    used, unused = (tracker.memory_tracking[two].snapshots for two in model.both)
    in_backward = {S.BEF_PRE_BW, S.AFT_PRE_BW, S.BEF_POST_BW, S.AFT_POST_BW}
    assert {state: len(used[state]) for state in in_backward} == dict.fromkeys(in_backward, 1)
    assert not in_backward & set(unused)


def test_a_root_with_parameters_lets_its_last_all_gather_go() -> None:
    training = TRAININGS["plain"]()

    states = states_of(training, training.model)

    assert states[S.BEF_POST_FW][0]["All Gather"] == BLOCK
    assert states[S.AFT_POST_FW][0]["All Gather"] == 0


@pytest.mark.parametrize(
    "name", ["plain", "root without parameters", pytest.param("two groups in one module", marks=two_groups)]
)
def test_every_module_has_every_state_once_a_step(name: str) -> None:
    training = TRAININGS[name]()
    tracker = FSDPMemTracker(training.model)

    with tracker:
        for _ in range(3):
            training.step()

    for module in training.model.modules():
        if not isinstance(module, nn.ModuleList):
            taken = tracker.memory_tracking[module].snapshots
            assert {state: len(each) for state, each in taken.items()} == dict.fromkeys(
                set(S) - {S.PRE_FW_AC, S.POST_FW_AC}, 3
            )


def test_recomputation_has_states_of_its_own() -> None:
    training = TRAININGS["checkpoint outside"]()

    states = states_of(training, block_of(training)._checkpoint_wrapped_module)

    assert len(states[S.PRE_FW_AC]) == len(states[S.POST_FW_AC]) == len(states[S.BEF_PRE_FW]) == 1
    assert states[S.PRE_FW_AC][0]["Unsharded Param"] == HEAD + BLOCK


def test_names_are_those_of_the_users_classes() -> None:
    training = TRAININGS["plain"]()

    with FSDPMemTracker(training.model) as tracker:
        training.step()

    assert {stats.mod_fqn for stats in tracker.memory_tracking.values()} == {
        "Net",
        "Net.head",
        *(f"Net.blocks.{at}{below}" for at in range(3) for below in ("", ".up", ".down")),
    }


def test_every_byte_is_in_one_of_the_words() -> None:
    training = TRAININGS["ignored parameters"]()

    states = states_of(training, training.model)

    for taken in states.values():
        for row in taken:
            assert set(row) == {*FSDPRefType, "Total"}
            assert row["Total"] == sum(row[word] for word in FSDPRefType)
    whole = sum(each.nbytes for each in training.parameters[0])
    assert states[S.BEF_PRE_FW][0]["Unsharded Param"] == whole


def test_snapshots_are_shown_in_torchs_words(capsys: pytest.CaptureFixture[str]) -> None:
    training = TRAININGS["plain"]()
    with FSDPMemTracker(training.model) as tracker:
        training.step()

    tracker.display_snapshot("peak", units="KiB")
    tracker.display_modulewise_snapshots(depth=1, units="KiB", tabulate=True)

    shown = capsys.readouterr().out
    assert f"Unsharded Param: {round((HEAD + BLOCK) / 1024, 2)} KiB" in shown
    assert "After Pre-Forward" in shown
    assert "Module:  Net\n" in shown


# -- the user's process ----------------------------------------------------------------------------------------------


class _Collectives(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "c10d" in str(func):
            self.called.append(str(func))
        return func(*args, **(kwargs or {}))


def _called(step: Callable[[], object]) -> list[str]:
    with _Collectives() as collectives:
        step()
    return collectives.called


@pytest.mark.parametrize("name", TRAININGS)
def test_collectives_are_the_same_before_while_and_after(name: str) -> None:
    training = TRAININGS[name]()
    training.step()
    before = _called(training.step)

    with FSDPMemTracker(training.model):
        recorded = _called(training.step)

    assert before == recorded == _called(training.step)
    assert before


@pytest.mark.parametrize("fails", [False, True])
def test_models_and_torchs_class_are_as_they_were(*, fails: bool) -> None:
    def hooks() -> list[object]:
        return [(list(each._forward_pre_hooks.items()), list(each._forward_hooks.items())) for each in model.modules()]

    training = TRAININGS["one group of two modules"]()
    model = training.model
    before = hooks(), {name: vars(FSDPParamGroup)[name] for name in CALLS}

    with FSDPMemTracker(model):
        inside = vars(FSDPParamGroup)["unshard"]
        if fails:
            with pytest.raises(RuntimeError):
                model(torch.randn(2, 3))
        else:
            training.step()

    assert (hooks(), {name: vars(FSDPParamGroup)[name] for name in CALLS}) == before
    assert inside is not before[1]["unshard"]


def test_after_a_failed_forward_the_recording_goes_on_rightly() -> None:
    training = TRAININGS["plain"]()
    model: Any = training.model
    with MemTracker() as tracker:
        broken = model.blocks[1].up.register_forward_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            training.step()
        broken.remove()
        held = held_by_fsdp(model)
        failed = tracker.footprint().end["cpu"]
        model.head(model.blocks[2](training.x)).sum().backward()
        training.look = lambda name: later.update({name: (held_by_fsdp(model), tracker.footprint().end["cpu"])})
        later: dict[str, Any] = {}
        training.step()

    assert {kind: int(failed[kind]) for kind in held} == held
    assert held[RefType.UNSHARDED_PARAMETER] == HEAD + BLOCK
    assert len(later) == 3
    for should, told in later.values():
        assert {kind: int(told[kind]) for kind in should} == should


def test_two_trackers_each_see_all() -> None:
    training = TRAININGS["plain"]()

    with MemTracker() as outer:
        inner = MemTracker().run(training.step)
        training.step()
        both = outer.footprint()

    assert inner.unsharded == both.unsharded[:7] == both.unsharded[7:]
    assert inner.peak.unsharded_parameters == both.peak.unsharded_parameters == HEAD + BLOCK


def test_a_model_that_is_sharded_while_recording_is_told_apart_from_birth() -> None:
    on = mesh()
    with MemTracker() as tracker:
        model = shard(Net(), on)
        now = tracker.footprint().end["cpu"]

    assert now.total == now.sharded_parameters == (3 * BLOCK + HEAD) // 4
    del model


def test_fsdp_that_is_loaded_while_recording_is_seen() -> None:
    program = """
import torch
from torch import nn
from pytest_footprint.tracking import MemTracker
model = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))
with MemTracker() as tracker:
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.testing._internal.distributed.fake_pg import FakeStore
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=4)
    mesh = init_device_mesh("cpu", (4,))
    for module in (*model, model):
        fully_shard(module, mesh=mesh)
    model(torch.ones(1, 16)).sum().backward()
    footprint = tracker.footprint()
print(footprint.unshards("forward"), int(footprint.end.sharded_gradients))
"""

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines()[-1] == f"('Sequential.0', 'Sequential.1') {2 * 17 * 16 * 4 // 4}"


def test_a_torch_whose_fsdp_lacks_a_call_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(FSDPParamGroup, "wait_for_unshard")

    with pytest.raises(UnsupportedTorchError, match=r"_param_group\.FSDPParamGroup\.wait_for_unshard is missing"):
        MemTracker().__enter__()

    assert "reporting" not in repr(vars(FSDPParamGroup)["unshard"].__code__)


def test_a_group_that_lacks_what_is_read_of_it_is_refused_by_name() -> None:
    training = TRAININGS["plain"]()
    [group] = groups_of(block_of(training)._get_fsdp_state())
    del group.fsdp_params[0].all_gather_outputs

    refused = pytest.raises(UnsupportedTorchError, match=r"FSDPParam\(\)\.all_gather_outputs is missing")
    with refused, MemTracker():
        training.step()


@pytest.mark.parametrize("_world", [1], indirect=True)
def test_one_rank_has_it_all() -> None:
    footprint = footprint_of(Training(shard(Net(), mesh(1))))

    assert footprint.peak.sharded_parameters == 3 * BLOCK + HEAD
    assert footprint.unshards("forward") == ("Net", "Net.blocks.0", "Net.blocks.1", "Net.blocks.2")
