"""Random programs are recorded to the byte, and run as they do without a tracker.

``FUZZ_PROGRAMS=20000 python -m pytest tests/fuzz`` runs so many other programs than the usual 1,000, which are the same
in every run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import program_actions  # noqa: F401 - registers the steps
import pytest
import torch
from exactness import ANY_MODE, DIFFER, differences, one_thread, same
from hypothesis import HealthCheck, given, seed, settings
from programs import Block, Step, programs, run_program

_ASKED_FOR = os.environ.get("FUZZ_PROGRAMS")
_BATCHES = 4
"""So that several workers share the work."""


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def _wrong(steps: tuple[Step | Block, ...]) -> list[str]:
    found = differences(lambda tracker: run_program(steps, tracker))
    excused = {ANY_MODE}
    if DIFFER in found and not _is_reproducible(steps):
        excused.add(DIFFER)
    return [each for each in found if each not in excused]


def _is_reproducible(steps: tuple[Step | Block, ...]) -> bool:
    """A program may show memory that nobody wrote: then its results follow what the heap held before."""
    held, results = [], []
    for size in range(8, 80, 9):
        held.append([torch.full((size,), float(size)) for _ in range(20)][::2])
        torch.manual_seed(0)
        results.append(run_program(steps, None))
    return all(same(results[0], result) for result in results)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", range(_BATCHES))
def test_any_program_is_recorded_to_the_byte(batch: int) -> None:
    @seed(batch if _ASKED_FOR is None else random.randrange(1 << 30))  # noqa: S311 - no secret
    @settings(
        max_examples=int(_ASKED_FOR or 1000) // _BATCHES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def check(steps: tuple[Step | Block, ...]) -> None:
        assert _wrong(steps) == []

    check()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((Step("copied"),), id="a tensor is deep-copied"),
        pytest.param((Step("saved_and_loaded"),), id="a tensor is loaded"),
        pytest.param((Step("storage_made"),), id="a storage is made without a tensor"),
        pytest.param((Block("inference_mode", (Step("cast", 0, 1),)),), id="a composite operator copies"),
        pytest.param(
            (Step("out"), Block("another and the same", (Step("out", 2, 2), Step("backward")))),
            id="an operator refuses its output",
        ),
        pytest.param((Step("sparse"), Step("view", 1, 1)), id="a sparse tensor is transposed"),
        pytest.param((Step("sparse"), Step("view", 1, 5)), id="a sparse tensor is unbound"),
    ],
)
def test_a_program_that_was_once_wrong_is_right(steps: tuple[Step | Block, ...]) -> None:
    assert _wrong(steps) == []
