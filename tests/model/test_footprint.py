from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from work import counted

from pytest_footprint.model.allocator_peak import AllocatorPeak
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup, summed_up
from pytest_footprint.model.module_stats import ModuleStats
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.step_end import StepEnd
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.unshard import Unshard
from pytest_footprint.model.usage import DeviceUsage, Usage

MIB = 1024 * 1024
SIZES = st.integers(-(2**50), 2**50).map(ByteSize)
SHAPES = st.lists(st.integers(0, 2**40), max_size=3).map(tuple)
NAMES = st.text(max_size=8)
USAGES = st.dictionaries(st.sampled_from(list(RefType)), SIZES, max_size=3).map(Usage.of)
DEVICES = st.dictionaries(st.sampled_from(["cpu", "cuda:0"]), USAGES).map(DeviceUsage)
GROUPS = st.builds(
    LiveGroup,
    ref_type=st.sampled_from(list(RefType)),
    fqn=NAMES,
    op=NAMES,
    shape=SHAPES,
    dtype=NAMES,
    device=NAMES,
    count=st.integers(0, 9),
    nbytes=SIZES,
    source=st.none() | NAMES,
)
SAVED = st.builds(
    SavedTensor, fqn=NAMES, op=NAMES, shape=SHAPES, dtype=NAMES, nbytes=SIZES, device=NAMES, source=st.none() | NAMES
)
MANY_NAMES = st.lists(NAMES, max_size=3).map(tuple)
FOOTPRINTS = st.builds(
    Footprint,
    start=DEVICES,
    peak=DEVICES,
    end=DEVICES,
    growth=DEVICES,
    saved=st.lists(SAVED, max_size=3).map(lambda rows: SavedTensors(tuple(rows))),
    modules=st.dictionaries(NAMES, st.builds(ModuleStats, SIZES, SIZES, SIZES, SIZES, DEVICES, DEVICES), max_size=2),
    forward=MANY_NAMES,
    backward=MANY_NAMES,
    recomputed=MANY_NAMES,
    structure=st.builds(
        Structure,
        st.lists(st.builds(TensorSpec, NAMES, SHAPES, NAMES), max_size=3).map(tuple),
        st.lists(MANY_NAMES, max_size=2).map(tuple),
    ),
    at_peak=st.lists(GROUPS, max_size=3).map(tuple),
    at_end=st.lists(GROUPS, max_size=3).map(tuple),
    inside_ops=st.dictionaries(NAMES, SIZES, max_size=2),
    measured=st.dictionaries(NAMES, st.builds(AllocatorPeak, SIZES, SIZES), max_size=2),
    marks=st.dictionaries(NAMES, DEVICES, max_size=2),
    steps=st.integers(1, 9),
    step_ends=st.lists(st.builds(StepEnd, DEVICES, st.lists(GROUPS, max_size=2).map(tuple)), max_size=2).map(tuple),
    unsharded=st.lists(
        st.builds(Unshard, NAMES, st.sampled_from(["forward", "backward"]), st.integers(0, 3)), max_size=3
    ).map(tuple),
    max_unsharded=st.integers(0, 9),
    environment=st.dictionaries(NAMES, NAMES, max_size=2),
)


@given(FOOTPRINTS)
def test_json_loses_nothing(footprint: Footprint) -> None:
    read = Footprint.from_json(footprint.to_json())

    assert read == footprint
    assert read.environment == footprint.environment
    assert read.inside_ops == footprint.inside_ops
    assert read.measured == footprint.measured
    assert [row.source for row in read.saved] == [row.source for row in footprint.saved]
    assert [group.source for group in read.at_peak] == [group.source for group in footprint.at_peak]
    assert repr(read) == repr(footprint)  # the same types all the way down


@given(FOOTPRINTS)
def test_footprints_survive_pickling_and_copying(footprint: Footprint) -> None:
    assert pickle.loads(pickle.dumps(footprint)) == footprint  # noqa: S301 - our own bytes
    assert copy.deepcopy(footprint) == footprint


@pytest.mark.parametrize("value", [Hierarchy(("M",), ("M",)), Structure((TensorSpec("w", (1,), "int8"),)), Usage()])
def test_the_other_values_pickle_too(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not the JSON of a Footprint: Expecting property name"),
        ("[]", "it has no schema number"),
        ('{"schema":2}', "this Footprint has schema 2, this version reads 1"),
        ('{"schema":1}', "not the JSON of a Footprint: it has no entry 'Footprint'"),
        ('{"schema":1,"Footprint":{"pike":{}}}', "Footprint knows no 'pike'"),
        ('{"schema":1,"Footprint":{"steps":"3"}}', 'steps: "3" is not a whole number'),
        ('{"schema":1,"Footprint":{"forward":[3]}}', "forward[0]: 3 is not text"),
        ("[" * 100_000, "not the JSON of a Footprint: its lists and objects are nested too deeply to be read"),
    ],
)
def test_what_is_no_footprint_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"Footprint") as raised:
        Footprint.from_json(text)

    assert problem in str(raised.value)


def test_json_leaves_out_what_is_not_there() -> None:
    assert json.loads(Footprint().to_json()) == {"schema": 1, "Footprint": {}}


def test_json_has_devices_right_below_a_moment_and_saved_tensors_as_a_list() -> None:
    usage = DeviceUsage({"cpu": Usage(inputs=ByteSize(8))})
    saved = SavedTensor("M.a", "aten.mm", (2,), "float32", ByteSize(8), "cpu")

    plain = json.loads(Footprint(peak=usage, saved=SavedTensors((saved,))).to_json())["Footprint"]

    assert plain["peak"] == {"cpu": {"inputs": 8}}
    assert [row["fqn"] for row in plain["saved"]] == ["M.a"]


def test_writing_and_reading_grows_no_faster_than_the_modules() -> None:
    usage = DeviceUsage({"cpu": Usage(activations=ByteSize(5))})
    stats = ModuleStats(ByteSize(1), ByteSize(2), ByteSize(3), ByteSize(4), usage, usage)
    few, many = (Footprint(modules={f"M.layers.{place}": stats for place in range(count)}) for count in (250, 1000))

    _, some_work = counted(lambda: Footprint.from_json(few.to_json()))
    read, more_work = counted(lambda: Footprint.from_json(many.to_json()))

    assert more_work < 5 * some_work
    assert read == many


def test_an_unknown_mark_is_answered_with_those_there_are() -> None:
    footprint = Footprint(marks={"loss": DeviceUsage({"cpu": Usage(inputs=ByteSize(1))})})

    assert footprint.at("loss").inputs == 1
    with pytest.raises(KeyError, match="no mark 'lost' was recorded; marks: 'loss'"):
        footprint.at("lost")


def test_parameters_and_optimizer_states_sum_up_by_root_and_dtype() -> None:
    weight = LiveGroup(RefType.PARAMETER, "M.a", "aten.empty", (2, 2), "float32", "cpu", 1, ByteSize(16), "m.py:1")
    bias = replace(weight, fqn="M.b", shape=(4,), source="m.py:2")
    activation = replace(weight, ref_type=RefType.ACTIVATION)

    groups = summed_up([weight, bias, activation, replace(weight, dtype="int8")])

    assert [group.source for group in groups] == [None, "m.py:1", "m.py:1"]  # one line cannot speak for two
    assert groups == (
        LiveGroup(RefType.PARAMETER, "M", "", (), "float32", "cpu", 2, ByteSize(32)),
        activation,
        LiveGroup(RefType.PARAMETER, "M", "", (), "int8", "cpu", 1, ByteSize(16)),
    )


def test_the_top_producers_are_the_modules_with_most_activations_at_the_peak() -> None:
    def group(fqn: str, nbytes: int, ref_type: RefType = RefType.ACTIVATION) -> LiveGroup:
        return LiveGroup(ref_type, fqn, "aten.mm", (nbytes,), "uint8", "cpu", 1, ByteSize(nbytes))

    footprint = Footprint(
        at_peak=(
            group("Net.a", 9, RefType.PARAMETER),
            group("Net.b", 5),
            group("Net.a", 4),
            group("Net.c", 1),
            group("Net.a", 3),
        )
    )

    first, second = footprint.top_producers(2)

    assert (first.fqn, first.nbytes, [each.nbytes for each in first.tensors]) == ("Net.a", 7, [4, 3])
    assert (second.fqn, second.nbytes) == ("Net.b", 5)
    assert len(footprint.top_producers(9)) == 3


@pytest.mark.parametrize(("n", "error"), [("a", TypeError), (1.5, TypeError), (-1, ValueError)])
def test_a_number_of_producers_that_cannot_be_is_refused(n: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^top_producers needs (a whole number for n|n >= 0), got"):
        Footprint().top_producers(n)


def test_a_footprint_prints_as_a_few_lines() -> None:
    usage = DeviceUsage({"cpu": Usage(parameters=ByteSize(4096), activations=ByteSize(2 * MIB))})
    two = DeviceUsage({**usage, "cuda:0": Usage(gradients=ByteSize(512))})
    saved = SavedTensor("M", "aten.mm", (2,), "float32", ByteSize(1024), "cpu")
    footprint = Footprint(
        start=DeviceUsage({"cpu": Usage(parameters=ByteSize(4096))}),
        peak=two,
        end=usage,
        growth=usage,
        saved=SavedTensors((saved, saved)),
        forward=("M", "M.a"),
        backward=("M",),
        steps=3,
    )

    assert str(footprint).splitlines() == [
        "Footprint of 3 steps",
        "cpu     start   4 KiB (parameters 4 KiB)",
        "        peak    2 MiB (activations 2 MiB, parameters 4 KiB)",
        "        end     2 MiB (activations 2 MiB, parameters 4 KiB)",
        "        growth  2 MiB (activations 2 MiB, parameters 4 KiB)",
        "cuda:0  peak    512 B (gradients 512 B)",
        "saved for backward: 2 tensors, 2 KiB",
        "modules that ran: 2 forward, 1 backward, 0 recomputed",
    ]


def test_a_footprint_of_nothing_says_so() -> None:
    assert str(Footprint()) == "Footprint of 1 step\nno memory was recorded\nmodules that ran: none"


def test_equal_footprints_have_equal_hashes() -> None:
    one, other = (Footprint(peak=DeviceUsage({"cpu": Usage(buffers=ByteSize(size))})) for size in (1, 2))
    again = Footprint.from_json(one.to_json())

    assert {one, again, other} == {one, other}
    assert hash(one.peak) == hash(again.peak) == hash(DeviceUsage(dict(again.peak)))
