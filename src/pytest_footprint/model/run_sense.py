"""Whether a run that comes from a file makes sense: one that others wrote, or merged by hand, may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.run import RecordedTest, Run


def run_problem(run: Run) -> str:
    """What is wrong first; ``""`` when nothing is."""
    return next(_problems(run), "")


def _problems(run: Run) -> Iterator[str]:
    twice = [test for test, count in Counter(each.test for each in run.tests).items() if count > 1]
    if twice:
        more = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        yield f"test {twice[0]} is there more than once{more}"
    for test in run.tests:
        yield from _of_test(test)


def _of_test(test: RecordedTest) -> Iterator[str]:
    for taken in test.footprints:
        for problem in _of_footprint(taken.footprint):
            yield f"{test.test}, footprint {taken.name!r}: {problem}"
    for limit in test.limits:
        for name, nbytes in (("limit", limit.limit), ("peak", limit.peak)):
            if nbytes < 0:
                yield f"{test.test}: the {name} on {limit.device} is below 0: {int(nbytes)} bytes"


def _of_footprint(footprint: Footprint) -> Iterator[str]:
    yield from _below_zero(footprint)
    for saved in footprint.saved:
        if saved.nbytes < 0:
            yield f"a tensor saved by {saved.fqn or 'no module'} has a size below 0: {int(saved.nbytes)} bytes"
    for moment, groups in (("peak", footprint.at_peak), ("end", footprint.at_end)):
        for group in groups:
            if group.nbytes < 0 or group.count < 1:
                yield f"{group.count} tensors with {int(group.nbytes)} bytes are alive at {moment}"
    if footprint.steps < 1:
        yield f"it is about {footprint.steps} steps"


def _below_zero(footprint: Footprint) -> Iterator[str]:
    marks = {f"mark {name!r}": usage for name, usage in footprint.marks.items()}
    moments = {"start": footprint.start, "peak": footprint.peak, "end": footprint.end, **marks}
    for moment, devices in moments.items():
        for device, usage in devices.items():
            for ref_type, nbytes in usage.items():
                if nbytes < 0:
                    yield f"{ref_type.value} at {moment} on {device} is below 0: {int(nbytes)} bytes"
