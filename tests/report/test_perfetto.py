"""Lifetimes in the Trace Event Format."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from traces import Writer, writers

from pytest_footprint.model.lifetimes import Lifetimes, Span
from pytest_footprint.report.perfetto import lanes, perfetto_text
from pytest_footprint.trace.lifetimes import lifetimes
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.window import everything


def read(writer: Writer, title: str = "test_it.py::test") -> tuple[Lifetimes, dict[str, Any]]:
    found = lifetimes(Reading(writer.trace), everything(writer.trace))
    return found, json.loads(perfetto_text(found, title))


@given(writers())
def test_it_has_the_form_that_the_format_asks_for(writer: Writer) -> None:
    _, document = read(writer)

    assert document["displayTimeUnit"] in {"ms", "ns"}
    named = {(row["pid"], row["name"]) for row in document["traceEvents"] if row["ph"] == "M"}
    for row in document["traceEvents"]:
        assert row["ph"] in {"M", "X", "C", "i"}
        assert isinstance(row["name"], str)
        assert (row["pid"], "process_name") in named
        if row["ph"] == "M":
            assert row["name"] in {"process_name", "thread_name"}
            assert list(row["args"]) == ["name"]
        else:
            assert isinstance(row["ts"], int)
            assert row["ts"] >= 0
        if row["ph"] == "X":
            assert row["dur"] >= 0
            assert (row["pid"], "thread_name") in named
        if row["ph"] == "C":
            assert all(isinstance(value, int) for value in row["args"].values())
        if row["ph"] == "i":
            assert row["s"] in {"g", "p", "t"}


@given(writers())
def test_slices_of_a_thread_are_inside_each_other_or_apart(writer: Writer) -> None:
    found, document = read(writer)

    slices = [row for row in document["traceEvents"] if row["ph"] == "X"]
    assert len(slices) == len(found.spans)
    for thread in {row["tid"] for row in slices}:
        open_: list[int] = []
        for row in (row for row in slices if row["tid"] == thread):
            while open_ and open_[-1] <= row["ts"]:
                open_.pop()
            assert not open_ or row["ts"] + row["dur"] <= open_[-1]
            open_.append(row["ts"] + row["dur"])


@given(writers())
def test_counters_reach_the_peak_of_the_footprint_and_end_at_its_end(writer: Writer) -> None:
    _, document = read(writer)
    footprint = Reading(writer.trace).footprint(everything(writer.trace))

    rows = document["traceEvents"]
    names = {row["args"]["name"]: row["pid"] for row in rows if row["name"] == "process_name"}
    for device, usage in footprint.peak.items():
        pid = names.get(f"memory of {device}")
        totals = [
            row["args"]["bytes"] for row in rows if row["ph"] == "C" and (row["pid"], row["name"]) == (pid, "total")
        ]
        assert max(totals, default=0) == usage.total
        assert (totals or [0])[-1] == footprint.end[device].total
        last = {row["name"]: row["args"]["bytes"] for row in rows if row["ph"] == "C" and row["pid"] == pid}
        ends = {kind.value.replace("_", " "): int(nbytes) for kind, nbytes in footprint.end[device].items()}
        assert {name: nbytes for name, nbytes in last.items() if nbytes and name != "total"} == ends


def test_modules_marks_and_the_axis_are_named() -> None:
    writer = Writer()
    writer.enter(0)
    writer.enter(0)
    writer.born(64, 1)
    writer.exit()
    writer.exit()
    writer.mark('half "way"')
    writer.backward([8, 8])
    writer.optimizer()
    writer.optimizer()

    _, document = read(writer, "test_it.py::test[<script>]")

    rows = document["traceEvents"]
    assert [(row["cat"], row["name"]) for row in rows if row["ph"] == "X"] == [
        ("forward", "Root forward"),
        ("forward", "Root.child0 forward"),
        ("backward", "backward"),
        ("backward", "Root backward"),
        ("optimizer", "optimizer"),
    ]
    assert [(row["name"], row["ts"]) for row in rows if row["ph"] == "i"] == [('half "way"', 6)]
    assert {row["args"]["name"] for row in rows if row["ph"] == "M"} == {
        "test_it.py::test[<script>]",
        "modules and steps",
        "memory of cpu",
        "memory of cuda:0",
    }
    assert document["otherData"]["time"].startswith("no times were recorded: 1 us is one event")


def test_what_runs_in_threads_beside_each_other_gets_lanes() -> None:
    first, second, inside = Span("forward", "A", 0, 10), Span("forward", "B", 5, 15), Span("forward", "A.x", 1, 4)

    assert lanes([first, inside, second]) == [[first, inside], [second]]
