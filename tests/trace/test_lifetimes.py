"""Lifetimes say the same as the footprint of the same events."""

from __future__ import annotations

from hypothesis import given
from traces import Writer, writers

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import Phase
from pytest_footprint.trace.lifetimes import lifetimes
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.window import Window, everything


def _bytes_alive(writer: Writer, window: Window) -> dict[int, dict[tuple[str, RefType], int]]:
    read = lifetimes(Reading(writer.trace), window)
    found: dict[int, dict[tuple[str, RefType], int]] = {}
    for place in range(window.first - 1, window.last):
        found[place] = {}
        for each in read.tensors:
            if each.born <= place < each.freed:
                key = each.device, each.ref_type
                found[place][key] = found[place].get(key, 0) + each.nbytes
    return found


@given(writers())
def test_what_is_alive_at_each_event_is_what_the_timeline_counts(writer: Writer) -> None:
    window = everything(writer.trace)
    usage = Reading(writer.trace).timeline.usage(range(window.first - 1, window.last))

    for place, alive in _bytes_alive(writer, window).items():
        expected = {
            (device, kind): each[kind] for device, each in usage[place].items() for kind in RefType if each[kind]
        }
        assert alive == expected


@given(writers())
def test_the_most_that_is_alive_is_the_peak_of_the_footprint(writer: Writer) -> None:
    first = len(writer.trace.events) // 2
    window = Window(first, len(writer.trace.events), first, 1, (len(writer.trace.events),))

    peak = Reading(writer.trace).footprint(window).peak

    for device, usage in peak.items():
        alive = [
            sum(nbytes for (on, _), nbytes in row.items() if on == device)
            for place, row in _bytes_alive(writer, window).items()
            if place >= window.first
        ]
        assert max(alive) == usage.total


def test_spans_nest_and_name_modules_and_what_they_did() -> None:
    writer = Writer()
    writer.enter(0)
    writer.enter(0)
    writer.born(64, 0)
    writer.exit()
    writer.mark("middle")
    writer.exit()
    writer.backward([8, 8, 8])
    writer.optimizer()
    writer.optimizer()

    read = lifetimes(Reading(writer.trace), everything(writer.trace))

    assert [(span.what, span.fqn) for span in read.spans] == [
        ("forward", "Root"),
        ("forward", "Root.child0"),
        ("backward", ""),
        ("backward", "Root"),
        ("backward", "Root.child0"),
        ("optimizer", ""),
    ]
    root, child = read.spans[:2]
    assert root.first < child.first < child.last < root.last
    assert read.marks == (("middle", child.last + 1),)
    assert read.tensors[0].fqn == "Root.child0"


def test_a_resized_storage_has_a_lifetime_for_each_size() -> None:
    writer = Writer()
    writer.born(64, 0, Phase.EXISTING)
    writer.resize(0, 0)
    writer.resize(0, 128)

    read = lifetimes(Reading(writer.trace), everything(writer.trace))

    assert [(each.born, each.freed, each.nbytes) for each in read.tensors] == [(-1, 1, 64), (2, 3, 128)]
