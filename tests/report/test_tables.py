from __future__ import annotations

from dataclasses import replace

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
   bytes  type              module             tensors                 operator  line
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
   bytes  type              module             tensors                 operator  line
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


def test_the_report_of_a_run_is_a_table_that_fits() -> None:
    row = (f"tests/test_gpt.py::{'test' * 30}", "28 MiB", "", "", "activations 16 MiB", "20 MiB", "over")

    short, full = memory_table([row]), memory_table([row], verbose=True)

    assert short.splitlines()[0].split() == ["test", "peak", "largest", "limit", "verdict"]
    assert max(map(len, short.splitlines())) == 100
    assert row[0] in full


def test_the_report_of_a_run_has_the_allocators_own_peaks_where_there_is_a_gpu() -> None:
    rows = [
        ("test_gpt.py::test_step", "cuda:0 28 MiB", "60.13 MiB", "82 MiB", "activations 16 MiB", "", "passed"),
        ("test_gpt.py::test_loss", "cpu 2 KiB", "", "", "inputs 1 KiB", "", "passed"),
    ]

    assert (
        memory_table(rows)
        == """\
test                             peak  allocated  reserved  largest             limit  verdict
test_gpt.py::test_step  cuda:0 28 MiB  60.13 MiB    82 MiB  activations 16 MiB         passed
test_gpt.py::test_loss      cpu 2 KiB                       inputs 1 KiB               passed"""
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
