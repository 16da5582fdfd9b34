"""Lifetimes as a memory snapshot, read by torch's own reader."""

from __future__ import annotations

import pickle
import pickletools
import re
from typing import Any

import torch
from hypothesis import given
from torch import nn
from torch.cuda import _memory_viz
from traces import Writer, writers

from pytest_footprint import MemTracker
from pytest_footprint.report.memory_snapshot import device_indices, memory_snapshot, memory_snapshot_bytes
from pytest_footprint.trace.lifetimes import lifetimes
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.trace import Trace
from pytest_footprint.trace.window import everything

VIEWER_READS = {
    *("PROTO", "FRAME", "STOP", "MEMOIZE", "MARK", "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "NONE", "NEWTRUE"),
    *("NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "EMPTY_DICT"),
    *("EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "LIST", "DICT", "APPEND", "APPENDS"),
    *("SETITEM", "SETITEMS"),
}
"""Opcodes that `unpickle` of torch/utils/viz/MemoryViz.js knows (protocols 2 to 4)."""


def snapshot_of(trace: Trace) -> dict[str, Any]:
    found = lifetimes(Reading(trace), everything(trace))
    snapshot: dict[str, Any] = pickle.loads(memory_snapshot_bytes(found))  # noqa: S301 - our own
    return snapshot


def most_allocated(entries: list[dict[str, Any]]) -> int:
    now = most = 0
    alive: dict[int, int] = {}
    for entry in entries:
        at, size = entry["addr"], entry["size"]
        if entry["action"] == "alloc":
            assert all(at + size <= other or other + held <= at for other, held in alive.items())
            alive[at] = size
            now += size
        elif entry["action"] == "free_completed":
            now -= alive.pop(at)
        most = max(most, now)
    return most


@given(writers())
def test_torchs_reader_finds_the_peak_and_the_end_of_the_footprint(writer: Writer) -> None:
    snapshot = snapshot_of(writer.trace)
    footprint = Reading(writer.trace).footprint(everything(writer.trace))

    said = _memory_viz.segsum(snapshot)
    _memory_viz.trace(snapshot)
    _memory_viz.segments(snapshot, format_flamegraph=str)
    _memory_viz.memory(snapshot, format_flamegraph=str)
    assert "Active Memory Timeline" in _memory_viz.trace_plot(snapshot)
    assert "Allocator State History" in _memory_viz.segment_plot(snapshot)
    indices = {device: index for index, device in snapshot["footprint_devices"].items()}
    for device, usage in footprint.peak.items():
        if device in indices:
            entries = snapshot["device_traces"][indices[device]]
            assert most_allocated(entries) == usage.total
            [segment] = [each for each in snapshot["segments"] if each["device"] == indices[device]]
            used = sum(block["size"] for block in segment["blocks"] if block["state"] == "active_allocated")
            assert used == segment["allocated_size"] == footprint.end[device].total
        else:
            assert usage.total == 0
    total = sum(int(each.total) for each in footprint.end.values())
    assert f"total_allocated: {_memory_viz.Bytes(total)}" in said


@given(writers())
def test_it_is_made_of_what_the_viewer_can_read(writer: Writer) -> None:
    found = lifetimes(Reading(writer.trace), everything(writer.trace))

    assert {code.name for code, _, _ in pickletools.genops(memory_snapshot_bytes(found))} <= VIEWER_READS
    for entries in memory_snapshot(found)["device_traces"]:
        # The viewer misspells what it does where categories are told and "unknown" is none of them.
        assert not entries or "unknown" in {entry.get("category") for entry in entries}
        assert all({"action", "addr", "size", "stream", "frames"} <= entry.keys() for entry in entries)


def test_frames_name_operator_line_modules_and_type_innermost_first() -> None:
    tracker = MemTracker()
    with tracker:
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
        out = model(torch.ones(2, 8))

    snapshot = snapshot_of(tracker.trace)

    assert snapshot["footprint_devices"] == {0: "cpu"}
    [relu] = [
        entry["frames"]
        for entry in snapshot["device_traces"][0]
        if entry["action"] == "alloc" and entry["frames"][0]["name"].startswith("aten.relu")
    ]
    assert re.fullmatch(r".*test_memory_snapshot\.py", relu[0]["filename"])
    assert relu[0]["line"] > 0
    assert [frame["name"] for frame in relu] == [
        "aten.relu -> float32[2, 16]",
        "Sequential.1",
        "Sequential",
        "activations",
    ]
    text = _memory_viz.memory(snapshot, format_flamegraph=str)
    assert "reference type:0:activations;module:0:Sequential;module:0:Sequential.1;" in text
    assert f" {out.untyped_storage().nbytes()}" in text


def test_accelerators_keep_their_index_and_the_cpu_gets_one_that_is_free() -> None:
    assert device_indices(["cpu"]) == {"cpu": 0}
    assert device_indices(["cpu", "cuda:0"]) == {"cuda:0": 0, "cpu": 1}
    assert device_indices(["cpu", "cuda:1"]) == {"cuda:1": 1, "cpu": 0}
    assert device_indices(["cuda:0", "xpu:0"]) == {"cuda:0": 0, "xpu:0": 1}


def test_a_tensor_takes_the_place_of_an_earlier_one_of_its_size() -> None:
    writer = Writer()
    writer.born(64, 0)
    writer.free(0)
    writer.born(64, 0)
    writer.born(65, 0)

    snapshot = snapshot_of(writer.trace)

    [segment] = snapshot["segments"]
    assert [(block["size"], block["state"]) for block in segment["blocks"]] == [
        (64, "active_allocated"),
        (65, "active_allocated"),
    ]
    assert segment["total_size"] == 129
