"""A `Run` as JSON and back: one test a line, so that tools that know lines can work on it too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pytest_footprint.model.codec import from_plain, read_json, to_plain
from pytest_footprint.model.run import CheckResult, Environment, LimitVerdict, Outcome, Run, TakenFootprint, Times
from pytest_footprint.model.run_sense import run_problem

SCHEMA = 1
"""Goes up when a reader of the older one could not read what is written. ``run.schema.json`` describes it."""

KIND = "run"


def run_text(run: Run) -> str:
    """The JSON document of a whole run; `read_run` gives an equal one."""
    lines = (line(one.test, one.outcome, findings(one.footprints, one.limits, one.checks)) for one in run.tests)
    return document(run.environment, lines, complete=run.complete, times=run.times)


def findings(
    footprints: Sequence[TakenFootprint] = (), limits: Sequence[LimitVerdict] = (), checks: Sequence[CheckResult] = ()
) -> str:
    """The part of a test's line that the process knows in which it ran; lists that are empty are there all the same."""
    plain = {"footprints": footprints, "limits": limits, "checks": checks}
    return _compact({name: [to_plain(one) for one in found] for name, found in plain.items()})


def line(test: str, outcome: Outcome, found: str) -> str:
    """The JSON of one test, from its node id, its outcome and its `findings`."""
    # Not read and written again: of thousands of tests that would take seconds.
    return f"{_compact({'test': test, 'outcome': outcome})[:-1]},{found[1:]}"


def document(environment: Environment, lines: Iterable[str], *, complete: bool, times: Times) -> str:
    """Put a run together from what `line` wrote, in the order of the node ids. Only the last line holds times."""
    head = _compact({"schema": SCHEMA, "kind": KIND, "complete": complete, "environment": to_plain(environment)})
    tests = "".join(f"\n{each}," for each in lines).removesuffix(",")
    whole = {"started": times.started, "seconds": times.seconds, "tests": dict(times.tests)}
    return f'{head[:-1]},\n"tests":[{tests}\n],\n"times":{_compact(whole)}}}\n'


def read_run(text: str) -> Run:
    """Read what `run_text` or `document` wrote.

    Raises:
        ValueError: it is not JSON, not a run, of another schema, or makes no sense; the message says what it is.
    """
    try:
        found = read_json(text)
    except ValueError as problem:
        msg = f"it is not JSON: {problem}"
        raise ValueError(msg) from None
    if not isinstance(found, dict) or found.get("kind") != KIND or "schema" not in found:
        msg = f'it is JSON, but not that of a run: it has no "kind": "{KIND}" and "schema"'
        raise ValueError(msg)
    schema = found.pop("schema")
    if schema != SCHEMA:
        newer = isinstance(schema, int) and schema > SCHEMA
        todo = "upgrade pytest-footprint" if newer else "write it anew with pytest --mem-json"
        msg = f"it has schema {schema!r}, and this version reads {SCHEMA}: {todo}"
        raise ValueError(msg)
    del found["kind"]
    run = from_plain(Run, found)
    if nonsense := run_problem(run):
        msg = f"it makes no sense: {nonsense}"
        raise ValueError(msg)
    return run


def _compact(plain: object) -> str:
    return json.dumps(plain, separators=(",", ":"))
