from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from work import counted

from pytest_footprint.comparison import compare
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Comparison, Culprit, Signal, SizeChange, TextChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.structure import Structure
from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.model.usage import DeviceUsage, Usage


def cpu(**sizes: int) -> DeviceUsage:
    return DeviceUsage({"cpu": Usage(**{name: ByteSize(nbytes) for name, nbytes in sizes.items()})})


def activation(fqn: str, nbytes: int, count: int = 1, source: str | None = None) -> LiveGroup:
    return LiveGroup(RefType.ACTIVATION, fqn, "aten.mm", (2,), "float32", "cpu", count, ByteSize(nbytes), source)


def saved(*rows: tuple[str, str, int]) -> SavedTensors:
    return SavedTensors(tuple(SavedTensor(fqn, "aten.mm", (2,), dtype, ByteSize(n), "cpu") for fqn, dtype, n in rows))


def told(comparison: Comparison) -> list[tuple[str, str, str, int, int]]:
    return [(c.signal.value, c.device, c.subject, int(c.before), int(c.after)) for c in comparison.sizes]


def test_equal_footprints_do_not_differ() -> None:
    footprint = Footprint(peak=cpu(activations=5), saved=saved(("M", "float32", 4)), forward=("M",))

    assert not compare(footprint, footprint)


@pytest.mark.parametrize(
    ("footprint", "signal"),
    [
        (lambda usage: Footprint(peak=usage), "peak"),
        (lambda usage: Footprint(end=usage), "end of step"),
        (lambda usage: Footprint(growth=usage), "growth"),
    ],
    ids=["peak", "end", "growth"],
)
def test_sizes_are_told_with_their_total_first_and_then_what_moved_most(
    footprint: Callable[[DeviceUsage], Footprint], signal: str
) -> None:
    before = footprint(cpu(parameters=10, activations=5, inputs=1))
    after = footprint(cpu(parameters=9, activations=9, inputs=1))

    assert told(compare(before, after)) == [
        (signal, "cpu", "total", 16, 19),
        (signal, "cpu", "activations", 5, 9),
        (signal, "cpu", "parameters", 10, 9),
    ]


def test_what_moves_from_one_type_to_another_is_seen_with_an_equal_total() -> None:
    comparison = compare(Footprint(peak=cpu(parameters=4)), Footprint(peak=cpu(buffers=4)))

    assert [change.subject for change in comparison.sizes] == ["parameters", "buffers"]


def test_a_device_that_comes_or_goes_is_told() -> None:
    before = Footprint(peak=cpu(inputs=4))
    after = Footprint(peak=DeviceUsage({"cuda:0": Usage(inputs=ByteSize(8))}))

    assert [row[1:] for row in told(compare(before, after)) if row[2] == "total"] == [
        ("cpu", "total", 4, 0),
        ("cuda:0", "total", 0, 8),
    ]


def test_less_is_a_difference_too() -> None:
    [total, _] = compare(Footprint(peak=cpu(inputs=4)), Footprint(peak=cpu(inputs=1))).sizes

    assert (total.difference, total.percent) == (-3, -75)


@pytest.mark.parametrize(("now", "differs"), [(102, False), (103, True), (98, False), (97, True)])
def test_the_tolerance_bounds_sizes_in_both_directions(now: int, differs: bool) -> None:  # noqa: FBT001
    comparison = compare(
        Footprint(peak=cpu(inputs=100), saved=saved(("M", "float32", 100))),
        Footprint(peak=cpu(inputs=now), saved=saved(("M", "float32", now))),
        Tolerance.parse("2%"),
    )

    assert bool(comparison) is differs
    assert {change.signal for change in comparison.changes} == ({Signal.PEAK, Signal.SAVED} if differs else set())


def test_what_is_saved_is_told_by_module_folded_over_layers_with_the_total_first() -> None:
    before = saved(*((f"M.layers.{layer}", "float32", 4) for layer in range(4)), ("M.head", "float32", 8))
    after = saved(*((f"M.layers.{layer}", "float32", 6) for layer in range(4)), ("M.head", "float32", 8))

    assert told(compare(Footprint(saved=before), Footprint(saved=after))) == [
        ("saved for backward", "cpu", "total", 24, 32),
        ("saved for backward", "cpu", "M.layers.{0..3}", 16, 24),
    ]


def test_a_module_beyond_the_tolerance_is_told_without_a_total_that_is_within() -> None:
    before, after = (
        saved(("M.a", "float32", 10), ("M.b", "float32", 990)),
        saved(("M.a", "float32", 12), ("M.b", "float32", 990)),
    )

    comparison = compare(Footprint(saved=before), Footprint(saved=after), Tolerance.parse("1%"))

    assert told(comparison) == [("saved for backward", "cpu", "M.a", 10, 12)]


def test_another_dtype_is_seen_with_equal_bytes_even_within_a_tolerance() -> None:
    before, after = saved(("M.0", "float32", 4), ("M.1", "float32", 4)), saved(("M.0", "int32", 4), ("M.1", "int32", 4))

    comparison = compare(Footprint(saved=before), Footprint(saved=after), Tolerance.parse("50%"))

    assert comparison.changes == (
        TextChange(Signal.SAVED, "M.{0..1}", "float32[2] from aten.mm", "int32[2] from aten.mm"),
    )


def test_tensors_that_are_new_at_the_peak_are_named_with_their_line() -> None:
    before = Footprint(peak=cpu(activations=4), at_peak=(activation("M", 4),))
    after = Footprint(peak=cpu(activations=14), at_peak=(activation("M.head", 10, source="m.py:3"), activation("M", 4)))

    assert compare(before, after).culprits == (
        Culprit(
            Signal.PEAK, RefType.ACTIVATION, "M.head", "aten.mm", (2,), "float32", "cpu", 1, ByteSize(10), "m.py:3"
        ),
    )


def test_tensors_of_repeated_layers_are_one_culprit_and_the_largest_comes_first() -> None:
    layers = tuple(activation(f"M.{layer}", 4, count=2) for layer in range(3))
    after = Footprint(peak=cpu(activations=17), at_peak=(activation("M", 5), *layers))

    found = compare(Footprint(peak=cpu()), after).culprits

    assert [(one.fqn, one.count, one.nbytes) for one in found] == [("M.{0..2}", 6, 12), ("M", 1, 5)]


def test_what_shrank_comes_after_what_grew() -> None:
    before = Footprint(peak=cpu(activations=9), at_peak=(activation("M.a", 9),))
    after = Footprint(peak=cpu(activations=2), at_peak=(activation("M.b", 2),))

    assert [(one.fqn, one.count, one.nbytes) for one in compare(before, after).culprits] == [
        ("M.b", 1, 2),
        ("M.a", -1, -9),
    ]


def test_a_type_whose_bytes_are_the_same_has_no_culprits() -> None:
    before = Footprint(peak=cpu(activations=4, inputs=1), at_peak=(activation("M.a", 4),))
    after = Footprint(peak=cpu(activations=4, inputs=2), at_peak=(activation("M.b", 4),))

    assert compare(before, after).culprits == ()


def test_a_peak_that_moved_to_another_layer_blames_only_what_is_more() -> None:
    before = Footprint(peak=cpu(activations=4), at_peak=(activation("M.0.mlp", 4),))
    after = Footprint(
        peak=cpu(activations=8),
        at_peak=(activation("M.3.mlp", 4), activation("M.4.mlp", 4)),
        saved=saved(("M.3.mlp", "float32", 4)),
    )

    found = [one for one in compare(before, after).culprits if one.signal is Signal.PEAK]

    assert [(one.fqn, one.nbytes) for one in found] == [("M.3.mlp", 4)]


def test_parameters_are_blamed_by_root_and_dtype_however_fine_the_groups_are() -> None:
    fine = LiveGroup(RefType.PARAMETER, "M.a", "aten.empty", (2,), "float32", "cpu", 1, ByteSize(8))
    coarse = LiveGroup(RefType.PARAMETER, "M", "", (), "float32", "cpu", 1, ByteSize(8))
    before = Footprint(end=cpu(parameters=8), at_end=(coarse,))

    found = compare(before, Footprint(end=cpu(parameters=16), at_end=(fine, replace(fine, fqn="M.b")))).culprits

    assert [(one.fqn, one.op, one.shape, one.count, one.nbytes) for one in found] == [("M", "", None, 1, 8)]


def test_growth_is_explained_by_what_is_alive_at_the_end_once() -> None:
    before, grown = Footprint(growth=cpu(), end=cpu()), (activation("M", 4),)

    alone = compare(before, Footprint(growth=cpu(activations=4), at_end=grown))
    both = compare(before, Footprint(growth=cpu(activations=4), end=cpu(activations=4), at_end=grown))

    assert [one.signal for one in alone.culprits] == [Signal.GROWTH]
    assert [one.signal for one in both.culprits] == [Signal.END]


def test_saved_tensors_are_culprits_too() -> None:
    found = compare(Footprint(), Footprint(saved=saved(("M", "float32", 4), ("M", "float32", 4)))).culprits

    assert [(one.signal, one.fqn, one.count, one.nbytes) for one in found] == [(Signal.SAVED, "M", 2, 8)]


def test_where_the_numbers_come_from_is_told_and_is_no_difference() -> None:
    comparison = compare(
        Footprint(environment={"torch": "2.12", "device": "cpu", "gone": "x"}),
        Footprint(environment={"torch": "2.13", "device": "cpu"}, steps=3),
    )

    assert not comparison
    assert comparison.recorded == {"torch": ("2.12", "2.13"), "steps": ("1", "3")}


def test_values_of_different_kinds_are_not_compared() -> None:
    with pytest.raises(TypeError, match="a Hierarchy and a Structure cannot be compared"):
        compare(Hierarchy(), Structure())  # type: ignore[type-var]


def test_the_changes_of_all_signals_are_told_in_their_order() -> None:
    after = Footprint(
        peak=cpu(inputs=1),
        end=cpu(inputs=1),
        growth=cpu(inputs=1),
        saved=saved(("M", "float32", 4)),
        forward=("M",),
        structure=Structure(tied=(("a", "b"),)),
    )

    assert list(dict.fromkeys(change.signal for change in compare(Footprint(), after).changes)) == list(Signal)


@pytest.mark.parametrize("count", [100, 1000])
def test_comparing_takes_few_calls_for_each_module(count: int) -> None:
    names = tuple(f"M.layers.{place}" for place in range(count))
    groups = tuple(activation(name, 4) for name in names)
    rows = saved(*((name, "float32", 4) for name in names))
    before = Footprint(peak=cpu(activations=4000), saved=rows, forward=names, at_peak=groups)
    after = replace(before, saved=SavedTensors(rows.rows[1:]), forward=names[1:], peak=cpu(activations=3))

    comparison, work = counted(lambda: compare(before, after))

    assert work < 200 * count + 5000
    assert isinstance(comparison.changes[0], SizeChange)
