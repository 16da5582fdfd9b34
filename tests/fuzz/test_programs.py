"""Random programs are recorded to the byte, and run as they do without a tracker."""

from __future__ import annotations

import os
from collections.abc import Iterator

import program_actions  # noqa: F401 - registers the steps
import pytest
from exactness import ANY_MODE, differences, one_thread
from hypothesis import HealthCheck, given, settings
from programs import Block, Step, programs, run_program

PROGRAMS = int(os.environ.get("FUZZ_PROGRAMS", "1000"))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=PROGRAMS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(programs())
def test_any_program_is_recorded_to_the_byte(steps: tuple[Step | Block, ...]) -> None:
    found = differences(lambda tracker: run_program(steps, tracker))

    assert [each for each in found if each != ANY_MODE] == []
