"""What must hold for every trace, not only for those that a program happened to make."""

from __future__ import annotations

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st
from traces import Writer, writers

from pytest_footprint.model.allocator_peak import AllocatorPeak
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase
from pytest_footprint.trace.live import LiveView
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.trace import Trace
from pytest_footprint.trace.window import Window, everything


def _totals(trace: Trace) -> list[dict[int, int]]:
    """Bytes by device before the first event and after each, counted in the plainest way."""
    size = list(trace.nbytes)
    alive = {storage for storage, phase in enumerate(trace.phase) if phase == Phase.EXISTING}
    found = []
    for event in [None, *trace.events]:
        if event is not None:
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == Event.BORN:
                alive.add(argument)
            elif code == Event.FREED:
                alive.discard(argument)
            elif code == Event.RESIZED:
                size[trace.resized_storage[argument]] = trace.resized_to[argument]
        totals = {0: 0, 1: 0}
        for storage in alive:
            totals[trace.device[storage]] += size[storage]
        found.append(totals)
    return found


def _amounts(usage: Usage) -> list[int]:
    return [usage[kind] for kind in RefType]


@given(writers())
def test_totals_are_the_sum_of_what_is_alive_and_never_negative(writer: Writer) -> None:
    reading, totals = Reading(writer.trace), _totals(writer.trace)

    usage = reading.timeline.usage(range(-1, len(writer.trace.events)))

    for place, by_device in usage.items():
        for name, each in by_device.items():
            assert each.total == sum(_amounts(each)) == totals[place + 1][writer.trace.devices.numbers[name]]
            assert min(_amounts(each)) >= 0


@given(writers())
def test_freeing_everything_brings_every_reference_type_back_to_zero(writer: Writer) -> None:
    while writer.alive:
        writer.free(0)

    end = Reading(writer.trace).footprint(everything(writer.trace)).end

    assert all(each.total == 0 and not any(_amounts(each)) for each in end.values())


@given(writers())
def test_the_peak_is_the_highest_total_of_each_device(writer: Writer) -> None:
    totals = _totals(writer.trace)

    peak = Reading(writer.trace).footprint(everything(writer.trace)).peak

    for name, each in peak.items():
        assert each.total == max(at[writer.trace.devices.numbers[name]] for at in totals)


@given(writers())
def test_the_peak_of_a_call_is_the_highest_total_between_its_entry_and_its_exit(writer: Writer) -> None:
    trace, totals = writer.trace, _totals(writer.trace)

    peaks = Reading(trace).peaks(0, len(trace.events))

    for call, highest in peaks.forward.items():
        first = trace.events.index(call << CODE_BITS | Event.ENTER)
        over = call << CODE_BITS | Event.EXIT
        last = trace.events.index(over) if over in trace.events else len(trace.events) - 1
        for device, (total, _) in highest.items():
            assert total == max(at[device] for at in totals[first + 1 : last + 2])


@given(writers())
def test_what_is_alive_at_the_peak_and_the_end_adds_up_to_them(writer: Writer) -> None:
    footprint = Reading(writer.trace).footprint(everything(writer.trace))

    for groups, usage in ((footprint.at_peak, footprint.peak), (footprint.at_end, footprint.end)):
        for device, each in usage.items():
            for kind in RefType:
                assert sum(g.nbytes for g in groups if g.device == device and g.ref_type is kind) == each[kind]


@given(writers())
def test_growth_is_end_minus_start(writer: Writer) -> None:
    footprint = Reading(writer.trace).footprint(everything(writer.trace))

    for device, each in footprint.growth.items():
        assert each.total == footprint.end[device].total - footprint.start[device].total


@given(writers())
def test_the_live_view_agrees_with_hindsight_on_totals(writer: Writer) -> None:
    totals = _totals(writer.trace)[-1]

    now = LiveView(writer.trace).now()

    for name, by_kind in now.items():
        assert sum(by_kind.values()) == totals[writer.trace.devices.numbers[name]]
        assert min(by_kind.values()) >= 0


@given(writers())
@settings(max_examples=50)
def test_a_footprint_survives_json_and_pickle(writer: Writer) -> None:
    footprint = Reading(writer.trace).footprint(everything(writer.trace))

    assert pickle.loads(pickle.dumps(footprint)) == footprint  # noqa: S301 - our own bytes
    assert type(footprint).from_json(footprint.to_json()) == footprint


def test_a_window_has_the_highest_of_the_allocators_peaks_that_lie_in_it_on_tracked_devices() -> None:
    writer = Writer()
    writer.trace.devices.number("cuda:1")
    for _ in range(9):
        writer.born(8, 1)
    for first, last, device, allocated, reserved in (
        (0, 3, "cuda:0", 900, 900),  # begins too early
        (2, 4, "cuda:0", 20, 70),
        (2, 6, "cuda:0", 30, 60),
        (2, 7, "cuda:0", 800, 800),  # goes on for too long
        (2, 6, "cuda:2", 40, 40),  # nothing was tracked there
    ):
        writer.trace.measured_first.append(first)
        writer.trace.measured_last.append(last)
        writer.trace.measured_device.append(device)
        writer.trace.measured_allocated.append(allocated)
        writer.trace.measured_reserved.append(reserved)

    measured = Reading(writer.trace).footprint(Window(2, 6, 2, 1)).measured

    assert measured == {"cuda:0": AllocatorPeak(ByteSize(30), ByteSize(70))}


def test_an_empty_trace_is_an_empty_footprint() -> None:
    footprint = Reading(Trace()).footprint(everything(Trace()))

    assert footprint.peak == DeviceUsage({})
    assert footprint.peak.total == 0


@given(writers(), st.lists(st.integers(0, 99), min_size=2, max_size=5))
def test_what_moved_in_a_step_is_the_difference_of_its_end_to_the_one_before(writer: Writer, cuts: list[int]) -> None:
    last = len(writer.trace.events)
    first, *places = sorted({cut * last // 99 for cut in cuts})
    window = Window(first, max(places, default=last), first, len(places), tuple(places))

    footprint = Reading(writer.trace).footprint(window)

    before = footprint.start
    assert len(footprint.step_ends) == len(places)
    for step in footprint.step_ends:
        for device, usage in step.usage.items():
            for kind in RefType:
                moved = sum(g.nbytes for g in step.moved if (g.device, g.ref_type) == (device, kind))
                assert moved == usage[kind] - before.get(device, Usage())[kind]
        before = step.usage
