from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from pytest_footprint.model.allocator_peak import AllocatorPeak
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.module_stats import ModuleStats
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.report import (
    Breach,
    breach_headline,
    breach_text,
    brief,
    footprint_text,
    largest,
    memory_table,
    update_table,
    update_totals,
)

MIB = 2**20
PEAK = Usage(parameters=ByteSize(4 * MIB), activations=ByteSize(16 * MIB), optimizer_states=ByteSize(8 * MIB))
END = replace(PEAK, activations=ByteSize(0))
STATS = ModuleStats(
    ByteSize(MIB), ByteSize(0), ByteSize(5), ByteSize(2 * MIB), DeviceUsage({"cpu": PEAK}), DeviceUsage({"cpu": END})
)


def group(kind: RefType, fqn: str, mib: int, op: str, source: str | None) -> LiveGroup:
    return LiveGroup(kind, fqn, op, (1024, 256), "float32", "cpu", 1, ByteSize(mib * MIB), source)


FOOTPRINT = Footprint(
    start=DeviceUsage({"cpu": END}),
    peak=DeviceUsage({"cpu": PEAK}),
    end=DeviceUsage({"cpu": END}),
    growth=DeviceUsage({"cpu": Usage()}),
    modules={"GPT": STATS, "GPT.layers.0": STATS, "GPT.layers.1": STATS, "GPT.layers.0.mlp": STATS},
    at_peak=(
        *(group(RefType.ACTIVATION, f"GPT.layers.{layer}", 8, "aten.mm", "model.py:30") for layer in range(2)),
        *(group(RefType.OPTIMIZER_STATE, f"GPT.layers.{layer}", 4, "aten.zeros_like", None) for layer in range(2)),
        *(group(RefType.PARAMETER, f"GPT.layers.{layer}", 2, "aten.empty", None) for layer in range(2)),
    ),
)


def test_a_footprint_is_told_by_type_by_module_and_by_what_was_alive() -> None:
    assert (
        footprint_text(FOOTPRINT)
        == """\
cpu                start    peak     end  growth
parameters         4 MiB   4 MiB   4 MiB     0 B
activations          0 B  16 MiB     0 B     0 B
optimizer states   8 MiB   8 MiB   8 MiB     0 B
total             12 MiB  28 MiB  12 MiB     0 B

module             parameters  buffers  outputs  forward peak  backward peak
GPT                     1 MiB      0 B    2 MiB        28 MiB         12 MiB
GPT.layers.{0..1}       1 MiB      0 B    2 MiB        28 MiB         12 MiB

alive at the cpu peak:
   bytes  type              module             tensors                 operator  made at
  16 MiB  activations       GPT.layers.{0..1}  2 x float32[1024, 256]  mm        model.py:30
   8 MiB  optimizer states  GPT                2 x float32
   4 MiB  parameters        GPT                2 x float32"""
    )


def test_the_allocators_own_peak_stands_beside_the_tracked_one() -> None:
    own = {"cuda:0": AllocatorPeak(ByteSize(60 * MIB), ByteSize(82 * MIB))}
    footprint = Footprint(peak=DeviceUsage({"cpu": END, "cuda:0": PEAK}), measured=own)
    line = "cuda:0 peak by the CUDA allocator (whole process): 60 MiB allocated, 82 MiB reserved"

    first, second = footprint_text(footprint).split("\n\n")
    breach = breach_text(footprint, Breach("cuda:0", ByteSize(20 * MIB), "total", "--max-peak-memory"))

    assert "reserved" not in first
    assert second.endswith(f"total               0 B  28 MiB  0 B     0 B\n{line}")
    assert f"\n\n{line}" in breach
    assert max(map(len, [*second.splitlines(), *breach.splitlines()])) <= 100


def test_modules_are_listed_as_deep_as_asked() -> None:
    shallow, deep = footprint_text(FOOTPRINT, depth=0), footprint_text(FOOTPRINT, depth=None)

    assert "GPT.layers.{0..1}   " not in shallow.split("alive")[0]
    assert "GPT.layers.0.mlp" in deep


def test_many_modules_are_cut_unless_all_are_asked_for() -> None:
    many = replace(FOOTPRINT, modules={f"GPT.{'m' * place}": STATS for place in range(1, 31)})

    assert "... and 6 more (-v shows all)" in footprint_text(many)
    assert f"GPT.{'m' * 30}" in footprint_text(many, verbose=True)


def test_a_footprint_without_devices_says_so() -> None:
    assert footprint_text(Footprint()) == "no memory was tracked"


def test_each_device_has_its_own_tables() -> None:
    both = replace(FOOTPRINT, peak=DeviceUsage({"cpu": PEAK, "cuda:0": END}))

    text = footprint_text(both)

    assert text.count("alive at the") == 1
    assert "\ncuda:0 " in text


def test_a_breach_tells_the_limit_the_peak_and_what_was_alive() -> None:
    breach = Breach("cpu", ByteSize(20 * MIB), "total", '@pytest.mark.max_peak_memory("20MiB")')

    assert (
        breach_text(FOOTPRINT, breach)
        == """\
cpu peak is 28 MiB, 8 MiB over the limit of 20 MiB (+40 %) from @pytest.mark.max_peak_memory("20MiB")

alive at the cpu peak   bytes
  parameters              4 MiB
  activations            16 MiB
  optimizer states        8 MiB
  total                  28 MiB

largest of it:
   bytes  type              module             tensors                 operator  made at
  16 MiB  activations       GPT.layers.{0..1}  2 x float32[1024, 256]  mm        model.py:30
   8 MiB  optimizer states  GPT                2 x float32
   4 MiB  parameters        GPT                2 x float32"""
    )


def test_a_breach_of_one_type_lists_only_that_type_and_in_full() -> None:
    text = breach_text(FOOTPRINT, Breach("cpu", ByteSize(0), "parameters", "--max-peak-memory"))

    assert text.startswith("cpu peak of parameters is 4 MiB, 4 MiB over the limit of 0 B from --max-peak-memory\n")
    assert "largest of it (parameters):" in text
    assert "4 MiB  GPT.layers.{0..1}  2 x float32[1024, 256]  empty" in text
    assert "mm" not in text


def test_a_byte_over_the_limit_is_told_as_a_byte() -> None:
    breach = Breach("cpu", ByteSize(28 * MIB - 1), "total", "--max-peak-memory")

    assert breach_headline(FOOTPRINT, breach).startswith(
        "cpu peak is 28 MiB, 1 B over the limit of 28 MiB (+3.4e-06 %)"
    )


ROW = {
    "test": "tests/models/test_gpt.py::TestTrainingStep::test_keeps_its_footprint[bf16-checkpointed]",
    "peak": "cpu 1023.99 MiB",
    "largest": "optimizer states 682.66 MiB",
    "module": "TransformerForLanguageModelling.decoder.layers.11.self_attention.out_proj",
    "limit": "1 GiB of activations on cuda",
    "verdict": "over the limit",
}


def test_the_report_of_a_run_is_a_table() -> None:
    small = {"test": "test_a.py::test_b", "peak": "cpu 1 KiB", "largest": "other 1 KiB", "verdict": "passed"}

    assert (
        memory_table([small, {**small, "limit": "2 KiB"}])
        == """\
test                    peak  largest      limit  verdict
test_a.py::test_b  cpu 1 KiB  other 1 KiB         passed
test_a.py::test_b  cpu 1 KiB  other 1 KiB  2 KiB  passed"""
    )


def test_a_column_that_says_nothing_is_left_out() -> None:
    assert memory_table([{"test": "t", "peak": "cpu 1 B", "verdict": "passed"}]).split("\n")[0].split() == [
        "test",
        "peak",
        "verdict",
    ]


@pytest.mark.parametrize(("width", "verbosity"), [*itertools.product((60, 80, 100, 200), (-1, 0)), (140, 1), (200, 1)])
def test_the_report_fits_and_names_can_be_read(width: int, verbosity: int) -> None:
    lines = memory_table([{**ROW, "seconds": "12.5 s"}], verbosity=verbosity, width=width).split("\n")

    assert max(map(len, lines)) <= width
    assert lines[1].startswith("tests/")
    assert "pointed]  " in lines[1]
    assert "cpu 1023.99 MiB" in lines[1]
    assert lines[1].endswith("over the limit")


def test_verbosity_decides_which_columns_there_are() -> None:
    columns = {
        level: memory_table([ROW], verbosity=level, width=500 if level < 1 else 60).split("\n")[0].split()
        for level in range(-2, 4)
    }

    assert columns[-2] == columns[-1] == ["test", "peak", "verdict"]
    assert columns[0] == ["test", "peak", "largest", "limit", "verdict"]
    assert columns[1] == columns[2] == columns[3] == ["test", "peak", "largest", "module", "limit", "verdict"]


def test_nothing_is_shortened_with_vv() -> None:
    row = memory_table([ROW], verbosity=2, width=60).split("\n")[1]

    assert all(cell in row for cell in ROW.values())


def test_columns_of_others_stand_before_the_limit() -> None:
    rows = [{**ROW, "seconds": "12.5"}, {**ROW, "rank": "3"}]

    header = memory_table(rows, width=300).split("\n")[0]

    assert header.split() == ["test", "peak", "largest", "seconds", "rank", "limit", "verdict"]


@pytest.mark.parametrize(
    ("new", "peaks", "others", "text"),
    [
        (1, [], 0, "1 baseline written: 1 new"),
        (2, [], 1, "3 baselines written: 2 new, 1 changed"),
        (
            1,
            [(4 * MIB, 2 * MIB), (4 * MIB, 8 * MIB)],
            0,
            "3 baselines written: 1 new, 2 changed; changed peaks 8 MiB -> 10 MiB (+2 MiB, +25 %)",
        ),
        (0, [(MIB, MIB)], 0, "1 baseline written: 1 changed; changed peaks 1 MiB -> 1 MiB (as before)"),
        (0, [(0, MIB)], 0, "1 baseline written: 1 changed; changed peaks 0 B -> 1 MiB (new)"),
    ],
)
def test_an_update_is_summed_up(new: int, peaks: list[tuple[int, int]], others: int, text: str) -> None:
    assert update_totals(new, peaks, others) == text


def test_the_report_of_a_run_has_the_allocators_own_peaks_where_there_is_a_gpu() -> None:
    names = ("test", "peak", "allocated", "reserved", "largest", "limit", "verdict")
    rows = [
        ("test_gpt.py::test_step", "cuda:0 28 MiB", "60.13 MiB", "82 MiB", "activations 16 MiB", "", "passed"),
        ("test_gpt.py::test_loss", "cpu 2 KiB", "", "", "inputs 1 KiB", "", "passed"),
    ]

    assert (
        memory_table([dict(zip(names, row, strict=True)) for row in rows])
        == """\
test                             peak  allocated  reserved  largest             verdict
test_gpt.py::test_step  cuda:0 28 MiB  60.13 MiB    82 MiB  activations 16 MiB  passed
test_gpt.py::test_loss      cpu 2 KiB                       inputs 1 KiB        passed"""
    )


def test_updates_are_told_from_old_to_new() -> None:
    rows = [("a.toml", brief(FOOTPRINT), brief(Footprint())), ("b.toml", "", brief(FOOTPRINT))]

    assert (
        update_table(rows)
        == """\
baseline  old                  new
a.toml    cpu peak 28 MiB  ->  no memory
b.toml    -                ->  cpu peak 28 MiB"""
    )


def test_values_are_told_in_a_few_words() -> None:
    structure = Structure((TensorSpec("a", (1,), "int8"), TensorSpec("b", (1,), "int8")), (("a", "b"),))

    assert brief(Hierarchy(("M", "M.a"), ("M",), ())) == "2 forward, 1 backward, 0 recomputed"
    assert brief(structure) == "2 tensors, 1 tied"
    assert brief(replace(structure, tied=())) == "2 tensors"


def test_the_largest_type_is_told_with_its_bytes() -> None:
    assert largest(replace(PEAK, activations=ByteSize(0))) == "optimizer states 8 MiB"
    assert largest(Usage()) == ""
