"""What a footprint and its baseline prove together, and how it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_footprint.comparison import compare
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Comparison
from pytest_footprint.model.finding import (
    Doubled,
    FlatCopy,
    KeptGradients,
    NewDtype,
    NotSharded,
    NowSharded,
    ParameterCopies,
    Remade,
    Resharded,
    StaysWhole,
    Trained,
)
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.unshard import BACKWARD, FORWARD, Unshard
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.report import failure_text, headline

KIB = 1024
WEIGHTS = Structure(tuple(TensorSpec(f"M.layers.{layer}.weight", (16, 16), "float32") for layer in (0, 1)))
MODULES = ("M", "M.layers.0", "M.layers.1")


def usage(**kib: float) -> DeviceUsage:
    return DeviceUsage({"cpu": Usage(**{name: ByteSize(int(size * KIB)) for name, size in kib.items()})})


def alive(
    kind: RefType,
    fqn: str,
    kib: float,
    *,
    op: str = "aten.mm",
    shape: tuple[int, ...] = (16, 16),
    dtype: str = "float32",
    count: int = 1,
) -> LiveGroup:
    return LiveGroup(kind, fqn, op, shape, dtype, "cpu", count, ByteSize(int(kib * KIB)), "train.py:7")


def saved(op: str, *layers: int, shape: tuple[int, ...] = (8, 16)) -> SavedTensors:
    rows = (SavedTensor(f"M.layers.{layer}", op, shape, "float32", ByteSize(512), "cpu") for layer in layers)
    return SavedTensors(tuple(rows))


def paragraph(comparison: Comparison) -> str:
    return " ".join(failure_text(comparison, accept="").partition("\n\n")[0].split())


STEP = Footprint(
    peak=usage(parameters=2, activations=4),
    end=usage(parameters=2),
    forward=MODULES,
    backward=MODULES[::-1],
    structure=WEIGHTS,
    at_end=(alive(RefType.PARAMETER, "M", 2, op="", count=2),),
)


def test_a_module_that_backward_reaches_now_was_frozen() -> None:
    after = replace(STEP, end=usage(parameters=2, optimizer_states=1))
    frozen = replace(STEP, backward=("M.layers.1", "M"))

    comparison = compare(frozen, after)

    assert comparison.findings == (Trained("M.layers.0", 1, True, ByteSize(KIB), ByteSize(0)),)
    assert headline(comparison).endswith(
        ": M.layers.0 is trained now: in the baseline backward did not reach it (frozen?)"
    )
    assert "what its training takes: optimizer states +1 KiB" in paragraph(comparison)


def test_a_module_that_is_frozen_is_no_longer_trained() -> None:
    [found] = compare(STEP, replace(STEP, backward=("M.layers.1", "M"))).findings

    assert found == Trained("M.layers.0", 1, False, ByteSize(0), ByteSize(0))


def test_without_any_backward_nothing_was_frozen() -> None:
    assert compare(replace(STEP, backward=()), STEP).findings == ()


def test_a_module_without_parameters_is_not_trained() -> None:
    before = replace(STEP, forward=(*MODULES, "M.act"), backward=("M", "M.layers.0"))
    after = replace(before, backward=("M", "M.act", "M.layers.0"))

    assert compare(before, after).findings == ()


def test_gradients_that_a_step_leaves_are_told_with_those_that_it_found() -> None:
    after = replace(STEP, start=usage(gradients=2), end=usage(parameters=2, gradients=2))

    comparison = compare(STEP, after)

    assert comparison.findings == (KeptGradients("cpu", ByteSize(2 * KIB), False, ByteSize(2 * KIB)),)
    assert headline(comparison).endswith(": gradients are still there after the step (zero_grad?)")
    assert "alive after the step, and 2 KiB of the step before were there when it began" in paragraph(comparison)


def test_gradients_of_the_step_before_at_the_peak_are_those_that_were_there_at_its_start() -> None:
    before = replace(STEP, peak=usage(activations=4, gradients=0.5), end=usage(gradients=2))
    after = replace(before, start=usage(gradients=2), peak=usage(activations=4, gradients=2))

    comparison = compare(before, after)

    assert comparison.findings == (KeptGradients("cpu", ByteSize(1536), True, ByteSize(2 * KIB)),)
    assert "gradients of the step before are still alive at the peak" in headline(comparison)


def test_gradients_at_a_peak_that_is_at_another_moment_may_be_those_of_this_step() -> None:
    before = replace(STEP, peak=usage(activations=4, gradients=0.5), end=usage(gradients=2))
    after = replace(before, start=usage(gradients=2), peak=usage(activations=3.5, gradients=2))

    assert compare(before, after).findings == ()


def test_optimizer_states_that_exist_twice() -> None:
    states = alive(RefType.OPTIMIZER_STATE, "M", 4, count=4)
    before = replace(STEP, end=usage(optimizer_states=4), at_end=(states,))
    twice = replace(before, end=usage(optimizer_states=8), at_end=(replace(states, count=8, nbytes=ByteSize(8 * KIB)),))
    larger = replace(before, end=usage(optimizer_states=8), at_end=(replace(states, nbytes=ByteSize(8 * KIB)),))

    assert compare(before, twice).findings == (Doubled(RefType.OPTIMIZER_STATE, "cpu", 4, 8, False),)
    assert headline(compare(before, twice)).endswith(
        ": optimizer states exist twice: 8 tensors, not 4 (a second optimizer?)"
    )
    assert compare(before, larger).findings == ()


def test_parameters_of_a_model_that_does_not_run_are_a_copy() -> None:
    after = replace(
        STEP,
        end=usage(parameters=4),
        at_end=(*STEP.at_end, alive(RefType.PARAMETER, "", 2, op="", count=2)),
    )

    comparison = compare(STEP, after)

    assert comparison.findings == (Doubled(RefType.PARAMETER, "cpu", 2, 4, True),)
    assert "as many as the model's own, in modules that do not run" in paragraph(comparison)


@pytest.mark.parametrize(
    ("ranks", "kib", "found"),
    [((4, 2), (0.5, 1), (Resharded(4, 2),)), ((4, 4), (0.5, 0.5), ()), ((4, 0), (0.5, 0.83), ())],
    ids=["fewer", "as many", "no whole number"],
)
def test_the_number_of_ranks_is_told_by_what_each_holds(
    ranks: tuple[int, int], kib: tuple[float, float], found: tuple[Resharded, ...]
) -> None:
    assert ranks
    before, after = (replace(STEP, end=usage(sharded_parameters=each, activations=each)) for each in kib)

    assert compare(before, after).findings == found


def fsdp(forward: list[str], backward: list[str]) -> Footprint:
    unshards = [Unshard(fqn, FORWARD) for fqn in forward] + [Unshard(fqn, BACKWARD) for fqn in backward]
    return replace(STEP, unsharded=tuple(unshards))


LAYERS = ["M.layers.0", "M.layers.1"]


def test_what_is_unsharded_for_forward_alone_stays_whole() -> None:
    comparison = compare(fsdp(LAYERS, LAYERS), fsdp(LAYERS, []))

    assert comparison.findings == (StaysWhole("M.layers.{0..1}"),)
    assert headline(comparison).endswith(
        "M.layers.{0..1} stay whole from forward to backward (reshard_after_forward=False?)"
    )


@pytest.mark.parametrize(("now", "root"), [(["M"], "M"), ([], "")])
def test_what_has_no_all_gather_of_its_own_any_more_is_sharded_with_another_or_not_at_all(
    now: list[str], root: str
) -> None:
    assert compare(fsdp(LAYERS, LAYERS), fsdp(now, now)).findings == (NotSharded("M.layers.{0..1}", root),)


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        (LAYERS, ["M.layers.0, M.layers.1"], NotSharded("M.layers.{0..1}", "M.layers.0, M.layers.1")),
        (["M.layers.0, M.layers.1"], LAYERS, None),
        ([], LAYERS, NowSharded("M.layers.{0..1}")),
        (["M"], ["M", *LAYERS], NowSharded("M.layers.{0..1}")),
    ],
    ids=["grouped", "no longer grouped", "sharded", "sharded on their own"],
)
def test_what_is_sharded_together_and_what_on_its_own(
    before: list[str], now: list[str], found: NotSharded | NowSharded | None
) -> None:
    assert compare(fsdp(before, before), fsdp(now, now)).findings == ((found,) if found else ())


def test_casts_of_parameters_that_stay_are_told_as_copies() -> None:
    copies = [
        alive(RefType.ACTIVATION, f"M.layers.{layer}", 0.5, op="aten._to_copy", dtype="bfloat16") for layer in (0, 1)
    ]
    after = replace(STEP, end=usage(parameters=2, activations=1), at_end=(*STEP.at_end, *copies))

    comparison = compare(STEP, after)

    told = [one for one in comparison.findings if isinstance(one, ParameterCopies)]
    assert [(one.fqn, one.count, one.cast, one.after_step) for one in told] == [("M.layers.{0..1}", 2, True, True)]
    assert headline(comparison).endswith(
        "bfloat16 copies of parameters of M.layers.{0..1} are alive after the step (cached by autocast?)"
    )


def test_tensors_of_other_shapes_are_no_copies_of_parameters() -> None:
    other = alive(RefType.ACTIVATION, "M.layers.0", 1, op="aten._to_copy", shape=(16, 8))
    after = replace(STEP, end=usage(parameters=2, activations=1), at_end=(*STEP.at_end, other))

    assert compare(STEP, after).findings == ()


def test_a_flat_tensor_as_large_as_all_gradients() -> None:
    bucket = alive(RefType.ACTIVATION, "", 2, op="aten.cat", shape=(512,))
    before = replace(STEP, peak=usage(gradients=2))
    after = replace(before, peak=usage(gradients=2, activations=2), at_peak=(bucket,))

    comparison = compare(before, after)

    assert comparison.findings == (FlatCopy(RefType.GRADIENT, "aten.cat", 1, "train.py:7"),)
    assert headline(comparison).endswith(": a flat tensor as large as all gradients (cat, train.py:7)")


def test_a_dtype_that_the_baseline_has_none_of() -> None:
    wide = alive(RefType.ACTIVATION, "M.layers.1", 4, dtype="float64")
    after = replace(STEP, peak=usage(parameters=2, activations=8), at_peak=(wide,))

    comparison = compare(STEP, after)

    assert comparison.findings == (NewDtype("float64", "M.layers.1"),)
    assert headline(comparison).endswith(": float64 tensors in M.layers.1, of which the baseline has none")


@pytest.mark.parametrize(
    ("was", "now", "found"),
    [
        (
            "aten.native_batch_norm",
            "aten.relu",
            (Remade("M.layers.{0..1}", "aten.native_batch_norm", "aten.relu", False),),
        ),
        ("aten.relu", "aten.addmm", (Remade("M.layers.{0..1}", "aten.relu", "aten.addmm", True),)),
        ("aten.relu", "aten.silu", ()),
        ("aten.mul", "aten.addmm", ()),
    ],
)
def test_what_an_activation_function_makes_and_another_operator_made_may_be_in_place(
    was: str, now: str, found: tuple[Remade, ...]
) -> None:
    comparison = compare(replace(STEP, saved=saved(was, 0, 1)), replace(STEP, saved=saved(now, 0, 1)))

    assert comparison.findings == found


def test_another_function_in_its_stead_is_no_function_in_place() -> None:
    silu = alive(RefType.ACTIVATION, "M", 1, op="aten.silu")
    after = replace(STEP, saved=saved("aten.addmm", 0), at_peak=(silu,))

    assert compare(replace(STEP, saved=saved("aten.relu", 0)), after).findings == ()


def test_one_layer_stands_for_those_that_are_not_alive_at_the_peak() -> None:
    mask = alive(RefType.ACTIVATION, "M.layers.0", 2, op="aten.repeat")
    other = alive(RefType.ACTIVATION, "M.layers.1", 2, op="aten.repeat")
    after = replace(STEP, peak=usage(parameters=2, activations=6), at_peak=(mask,))
    both = replace(STEP, peak=usage(parameters=2, activations=8), at_peak=(mask, other))

    assert compare(STEP, after).alone == {"M.layers.0": "M.layers.{0..1}"}
    assert "activations made in M.layers.0 (M.layers.{0..1} alike?): float32[16, 16] from repeat" in headline(
        compare(STEP, after)
    )
    assert "only M.layers.0 has such tensors alive at the peak" in paragraph(compare(STEP, after))
    assert compare(STEP, both).alone == {}
    assert "made in M.layers.{0..1}: 2 x float32[16, 16]" in headline(compare(STEP, both))
