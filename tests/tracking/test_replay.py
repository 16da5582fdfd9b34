"""What is read from a trace file is what the tracker said while the program ran."""

from __future__ import annotations

from collections.abc import Iterator

import program_actions  # noqa: F401 - registers the steps
import pytest
from exactness import one_thread
from hypothesis import HealthCheck, given, seed, settings
from programs import Block, Step, programs, run_program

from pytest_footprint import Footprint, MemTracker
from pytest_footprint.trace.file import from_bytes, to_bytes
from pytest_footprint.trace.moment import Moment
from pytest_footprint.trace.recorded import Recorded, Take


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.mark.filterwarnings("ignore")
@seed(1)
@settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(most=12))
def test_footprints_of_real_programs_are_read_again_as_they_were(steps: tuple[Step | Block, ...]) -> None:
    taken: list[tuple[Footprint, Moment]] = []
    tracker = MemTracker()
    tracker.on_footprint = lambda footprint, moment: taken.append((footprint, moment))
    with tracker:
        half = len(steps) // 2
        kept = run_program(steps[:half], tracker)
        tracker.footprint()
        tracker.run(run_program, steps[half:], None)
        tracker.footprint()
        del kept
    tracker.footprint()

    takes = (Take(str(number), moment, each.structure, each.environment) for number, (each, moment) in enumerate(taken))
    back = from_bytes(to_bytes(Recorded(tracker.trace, tuple(takes))))

    assert len(taken) == len(back.takes) >= 4
    for take, (footprint, _) in zip(back.takes, taken, strict=True):
        found = take.footprint(back.trace)
        assert found == footprint
        assert found.environment == footprint.environment
        assert found.inside_ops == footprint.inside_ops
