"""A trace that is written and read again gives the same footprints."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from array import array
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import Writer, writers

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.trace.events import Phase
from pytest_footprint.trace.file import FORMAT, TraceFileError, from_bytes, to_bytes
from pytest_footprint.trace.moment import moment
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.recorded import Recorded, Take
from pytest_footprint.trace.window import everything

STRUCTURE = Structure((TensorSpec("Root.weight", (2, 3), "float32"),), (("Root.weight", "Root.tied"),))
ENVIRONMENT = {"torch": "2.13.0", "device": "cpu"}


def taken(writer: Writer, name: str = "run", judged: int | None = None) -> tuple[Take, Footprint]:
    """A take of all that was written so far, and the footprint that it must give."""
    reading, window = Reading(writer.trace, judged), everything(writer.trace)
    take = Take(name, moment(reading, window, judged), STRUCTURE, ENVIRONMENT)
    return take, reading.footprint(window, structure=STRUCTURE, environment=ENVIRONMENT)


def go_on(writer: Writer, which: int) -> None:
    """What may happen after a footprint was taken."""
    if writer.open:
        writer.trace.call_outputs[writer.open[-1]] = 99
        writer.exit()
    writer.label(which, which)
    writer.free(which)
    writer.resize(which, 7 * which)
    writer.enter(which)
    writer.born(which, which % 2)
    writer.mark("later")
    modules = writer.trace.module_parent
    if len(modules) and modules[0] < 0:
        modules[0] = writer.module("Model", -1, "")
        writer.trace.module_attribute[0] = "backbone"


def a_file() -> bytes:
    writer = Writer()
    writer.enter(0)
    writer.born(64, 0)
    writer.exit()
    writer.backward([8])
    writer.mark("half way")
    return to_bytes(Recorded(writer.trace, (taken(writer)[0],), "test_it.py::test_step", "passed", {"pytest": "9"}))


def changed(data: bytes, **entries: Any) -> bytes:
    """The file with other members, or another head where a value is a dict."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        head = json.loads(old.read("trace.json"))
        head.update(entries.pop("head", {}))
        members = {name: old.read(name) for name in old.namelist()} | {"trace.json": json.dumps(head).encode()}
        for name, content in (members | entries).items():
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


@given(writers(), st.booleans())
def test_footprints_are_equal_to_those_that_were_taken(writer: Writer, judge: bool) -> None:  # noqa: FBT001 - drawn
    first, expected = taken(writer, judged=len(writer.trace.events) // 2 if judge else None)
    for which in (1, 2, 5):
        go_on(writer, which)
    second, expected_second = taken(writer, "run 2")

    back = from_bytes(to_bytes(Recorded(writer.trace, (first, second), "test_it.py::test_step", "failed")))

    assert [take.name for take in back.takes] == ["run", "run 2"]
    for take, footprint in zip(back.takes, (expected, expected_second), strict=True):
        found = take.footprint(back.trace)
        assert found == footprint
        assert found.environment == footprint.environment
        assert found.inside_ops == footprint.inside_ops
        assert found.structure == STRUCTURE
    assert (back.test, back.outcome) == ("test_it.py::test_step", "failed")


def test_what_a_call_returned_after_a_footprint_was_taken_is_not_in_it() -> None:
    writer = Writer()
    writer.enter(0)
    take, expected = taken(writer)
    writer.exit()
    writer.trace.call_outputs[0] = 4096

    found = take.footprint(writer.trace)

    assert found == expected
    assert found.modules["Root"].outputs == 0


def test_the_same_recording_gives_the_same_bytes() -> None:
    assert a_file() == a_file()


def test_columns_are_little_endian(monkeypatch: pytest.MonkeyPatch) -> None:
    here = a_file()
    back = from_bytes(here)
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")

    # This machine takes itself for another one now: it turns the bytes of every number round.
    turned = array("q", back.trace.nbytes)
    turned.byteswap()

    with zipfile.ZipFile(io.BytesIO(to_bytes(back))) as file:
        assert file.read("nbytes") == turned.tobytes()


@given(st.data())
def test_a_damaged_file_is_an_error_that_says_so_or_reads_the_same(data: st.DataObject) -> None:
    whole = a_file()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= data.draw(st.integers(1, 255))

    try:
        back = from_bytes(bytes(damaged))
    except TraceFileError:
        return
    assert to_bytes(back) == whole


@given(st.integers(0, len(a_file()) - 1))
def test_a_file_that_is_cut_off_is_an_error(length: int) -> None:
    with pytest.raises(TraceFileError, match="damaged or cut off, or no trace file"):
        from_bytes(a_file()[:length])


def test_members_and_entries_of_a_later_version_are_left_alone() -> None:
    later = changed(a_file(), stream=b"\0\0", head={"later": [1]})

    assert to_bytes(from_bytes(later)) == a_file()


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        (
            {"head": {"format": FORMAT + 1, "written_by": "9.9"}},
            r"footprint 9.9 wrote it in format 2, .*upgrade",
        ),
        ({"head": {"kind": "other"}}, "a zip archive, but not a trace"),
        ({"trace.json": b"{"}, "a zip archive, but not a trace"),
        ({"node_storage": None, "head": {"written_by": "0.0.9"}}, "0.0.9 wrote it without the column 'node_storage'"),
        ({"nbytes": b"\0" * 7}, "column 'nbytes' is not 2 x int64"),
        ({"device": b"\5\0"}, "column 'device' has numbers from 0 to 5, and there are 2"),
        ({"head": {"takes": [{}]}}, "it makes no sense: KeyError: 'window'|KeyError: 'rows'"),
        ({"head": {"names": {"ops": [1]}}}, "it makes no sense"),
        ({"head": {"structures": [3]}}, "not the JSON of a Structure"),
        ({"head": {"columns": []}}, "does not say which columns"),
    ],
)
def test_what_makes_no_sense_is_named(entries: dict[str, Any], says: str) -> None:
    with pytest.raises(TraceFileError, match=says):
        from_bytes(changed(a_file(), **entries))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda writer: writer.trace.events.append(500 << 4), "events, BORN"),
        (lambda writer: writer.trace.events.append(15), "events that this version does not know"),
        (lambda writer: writer.trace.resized_to.append(1), "different length: resized_storage 0, resized_to 1"),
        (lambda writer: writer.trace.module_parent.__setitem__(0, 0), "inside itself"),
        (lambda writer: writer.trace.nbytes.__setitem__(0, 2**64 - 4), "size below 0"),
        (lambda writer: writer.trace.sharding_what.append(0), "different length: sharding_what 1, sharding_group 0"),
        (lambda writer: sharding(writer, what=12), "column 'sharding_what' has numbers from 12 to 12"),
        (lambda writer: sharding(writer, group=1), "column 'sharding_group' has numbers from 1 to 1"),
        (lambda writer: sharding(writer, number=1), "column 'group_number' does not count from 0 up"),
        (lambda writer: sharding(writer, module=5), "column 'group_module' has numbers from 5 to 5"),
    ],
)
def test_numbers_of_rows_that_are_not_there_are_named(spoil: Any, says: str) -> None:
    writer = Writer()
    writer.enter(0)
    writer.born(8, 0, Phase.FORWARD)
    take, _ = taken(writer)
    spoil(writer)
    take = replace(take, moment=replace(take.moment, module_parent=tuple(writer.trace.module_parent)))

    with pytest.raises(TraceFileError, match=says):
        from_bytes(to_bytes(Recorded(writer.trace, (take,))))


def sharding(writer: Writer, *, what: int = 0, group: int = 0, number: int = 0, module: int = 0) -> None:
    """One thing that FSDP did with one group of one module."""
    trace = writer.trace
    trace.sharding_what.append(what)
    trace.sharding_group.append(group)
    trace.group_number.append(number)
    trace.group_module.append(module)


def test_every_part_of_a_trace_is_written() -> None:
    """Whoever adds a part of another kind must say how it is written."""
    parts = vars(Writer().trace).values()

    assert {type(part).__name__ for part in parts} == {"array", "list", "Names"}
