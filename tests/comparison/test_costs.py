"""Work is counted, not timed: what holds, as nearly all checks do, is quick to see."""

from __future__ import annotations

import sys
from types import FrameType

from pytest_footprint import Footprint
from pytest_footprint.comparison import compare
from pytest_footprint.model.structure import Structure, TensorSpec

MODULES = 500


def test_a_large_model_whose_keys_are_in_another_order_is_compared_in_few_calls() -> None:
    names = [f"Net.layers.{number}" for number in range(MODULES)]
    tensors = tuple(TensorSpec(f"{name}.weight", (number, 4), "float32") for number, name in enumerate(names))
    after = Footprint(structure=Structure(tensors), forward=tuple(names), backward=tuple(reversed(names)))
    before = Footprint(structure=Structure(tensors[::-1]), forward=tuple(names), backward=tuple(reversed(names)))
    calls = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call"

    outer = sys.getprofile()
    sys.setprofile(note)
    try:
        found = compare(before, after)
    finally:
        sys.setprofile(outer)

    assert not found
    assert calls < 6 * MODULES
