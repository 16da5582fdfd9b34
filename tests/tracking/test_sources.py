from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from pytest_footprint.tracking import MemTracker
from pytest_footprint.tracking.operators.sources import _is_users


def test_what_the_standard_library_does_for_the_user_is_told_with_the_users_line() -> None:
    weight = torch.nn.Parameter(torch.zeros(8))

    with MemTracker() as tracker:
        kept = copy.deepcopy([weight])

    sources = {group.source for group in tracker.footprint().at_end if group.source}
    assert {source.rpartition(":")[0].rpartition("/")[2] for source in sources} == {Path(__file__).name}, sources
    assert kept


@pytest.mark.parametrize(
    ("filename", "users"),
    [
        (torch.__file__, False),
        (json.__file__, False),
        (pytest.__file__, True),
        (__file__, True),
        ("<string>", True),
    ],
    ids=["torch", "standard library", "an installed package", "a test", "exec"],
)
def test_whose_code_it_is(filename: str, users: bool) -> None:  # noqa: FBT001 - a test's parameter
    assert _is_users(filename) is users
