from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from runs import ENVIRONMENT, EVERYTHING, footprint, one_test, run_of

from pytest_footprint.model.codec import stored_fields
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.run import CheckVerdict, Outcome, Run
from pytest_footprint.model.run_json import read_run, run_text

RUN_SCHEMA = json.loads(files("pytest_footprint").joinpath("run.schema.json").read_text("utf-8"))


def problems(text: str) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(RUN_SCHEMA).iter_errors(json.loads(text))]


def field_names(value: object) -> Iterator[tuple[str, set[str]]]:
    """Name and fields of the class of every value within ``value``."""
    if is_dataclass(value):
        names = {field.name for field in stored_fields(type(value))}
        yield type(value).__name__, names
        value = [getattr(value, name) for name in names]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from field_names(each)


@pytest.mark.parametrize(
    "run",
    [run_of(), EVERYTHING, run_of(one_test("test_b.py::test", footprint(1), footprint(2)), complete=False)],
    ids=["empty", "everything", "two footprints"],
)
def test_a_run_is_read_back_as_it_was_and_is_what_the_schema_says(run: Run) -> None:
    text = run_text(run)

    assert read_run(text) == run
    assert read_run(text).times == run.times
    assert problems(text) == []


def test_the_schema_names_every_field_and_every_word() -> None:
    jsonschema.Draft202012Validator.check_schema(RUN_SCHEMA)
    found = dict(field_names(EVERYTHING))
    described = {name: set(each["properties"]) for name, each in RUN_SCHEMA["$defs"].items() if "properties" in each}

    assert set(RUN_SCHEMA["properties"]) == found.pop("Run") | {"schema", "kind"}
    assert found.pop("Usage") == set(RefType)
    assert described == {name: names for name, names in found.items() if len(names) > 1}
    assert RUN_SCHEMA["$defs"]["RefType"]["enum"] == list(RefType)
    assert RUN_SCHEMA["$defs"]["RecordedTest"]["properties"]["outcome"]["enum"] == list(Outcome)
    assert RUN_SCHEMA["$defs"]["CheckResult"]["properties"]["verdict"]["enum"] == list(CheckVerdict)


def test_times_are_all_on_the_last_line_and_each_test_has_a_line() -> None:
    *others, last = run_text(EVERYTHING).splitlines()

    assert len(others) == 2 + len(EVERYTHING.tests) + 1
    assert last == '"times":{"started":"2026-11-24T12:00:00+00:00","seconds":2.5,"tests":{"test_a.py::test_all":1.5}}}'
    assert "2026" not in "".join(others)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is not JSON: Expecting property name"),
        ("[]", 'it is JSON, but not that of a run: it has no "kind": "run" and "schema"'),
        ('{"schema":1,"Footprint":{}}', "it is JSON, but not that of a run"),
        ('{"kind":"run","schema":2}', "it has schema 2, and this version reads 1: upgrade pytest-footprint"),
        (
            '{"kind":"run","schema":0}',
            "it has schema 0, and this version reads 1: write it anew with pytest --mem-json",
        ),
        (
            '{"kind":"run","schema":1,"tests":[]}',
            "not the JSON of a Run: Run has no 'environment'",
        ),
        (
            '{"kind":"run","schema":1,"tests":[{"test":"a"}],"environment":{}}',
            "not the JSON of a Run: tests[0]: RecordedTest has no 'outcome'",
        ),
        ("[" * 100_000, "it is not JSON: its lists and objects are nested too deeply to be read"),
    ],
)
def test_what_is_no_run_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|schema") as raised:
        read_run(text)

    assert problem in str(raised.value)


def _set(value: object, *path: str | int) -> Callable[[Any], None]:
    def spoil(found: Any) -> None:
        *way, last = path
        for each in way:
            found = found[each]
        found[last] = value

    return spoil


FOOTPRINT = ("tests", 0, "footprints", 0, "footprint")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_set(3, "tests"), "not the JSON of a Run: tests: 3 is not a list"),
        (_set("abc", "tests"), 'not the JSON of a Run: tests: "abc" is not a list'),
        (_set("cpu", "environment", "devices"), 'environment.devices: "cpu" is not a list'),
        (_set([], "environment"), "environment: [] is not an object"),
        (_set({"a b": 1}, "environment", "plugins"), 'environment.plugins."a b": 1 is not text'),
        (_set("yes", "complete"), 'complete: "yes" is not true or false'),
        (_set(1, "tests", 0, "later"), "tests[0]: RecordedTest knows no 'later'"),
        (_set("bad", "tests", 0, "outcome"), 'tests[0].outcome: "bad" is not one of passed, failed,'),
        (_set(None, "tests", 0, "test"), "tests[0].test: null is not text"),
        (_set(3, *FOOTPRINT, "peak", "cpu"), "tests[0].footprints[0].footprint.peak.cpu: 3 is not an object"),
        (_set(1.5, *FOOTPRINT, "peak", "cpu", "activations"), "peak.cpu.activations: 1.5 is not a whole number"),
        (_set(True, *FOOTPRINT, "steps"), "footprint.steps: true is not a whole number"),
        (
            _set(-5, *FOOTPRINT, "peak", "cpu", "activations"),
            "it makes no sense: test_a.py::test, footprint 'run': activations at peak on cpu is below 0: -5 bytes",
        ),
        (_set(0, *FOOTPRINT, "steps"), "it is about 0 steps"),
        (_set(-1, *FOOTPRINT, "at_peak", 0, "nbytes"), "1 tensors with -1 bytes are alive at peak"),
        (_set("test_a.py::test", "tests", 1, "test"), "test test_a.py::test is there more than once"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(spoil: Callable[[Any], None], says: str) -> None:
    run = json.loads(run_text(run_of(one_test("test_a.py::test", footprint(8)), one_test("test_b.py::test"))))
    spoil(run)

    with pytest.raises(ValueError, match=r"not the JSON of a Run|makes no sense") as raised:
        read_run(json.dumps(run))

    assert says in str(raised.value)


def test_numbers_that_another_program_wrote_are_read() -> None:
    text = run_text(EVERYTHING).replace('"seconds":2.5', '"seconds":2')

    assert read_run(text).times.seconds == 2
    assert read_run(text).environment == ENVIRONMENT
