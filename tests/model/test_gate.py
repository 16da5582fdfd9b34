from __future__ import annotations

import pytest

from pytest_footprint.model.comparison import Signal
from pytest_footprint.model.gate import Gate


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("peak:5%", Signal.PEAK),
        ("end: 1MiB", Signal.END),
        ("growth:0", Signal.GROWTH),
        ("saved:0.1", Signal.SAVED),
        ("order", Signal.ORDER),
        ("structure", Signal.STRUCTURE),
        ("vanished", None),
    ],
)
def test_a_gate_is_a_signal_with_a_bound_or_one_of_the_words(text: str, signal: Signal | None) -> None:
    assert Gate.parse(text).signal is signal


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("peak", '\'peak\' is not a gate; write "peak:5%", "end:1MiB"'),
        ("pike:5%", "'pike:5%' is not a gate; write"),
        ("order:5%", "'order:5%' is not a gate; write"),
        ("peak:5", "'peak:5' is not a gate: '5' is not a tolerance; write \"2%\""),
        ("peak:", "'peak:' is not a gate: '' is not a tolerance"),
    ],
)
def test_what_is_no_gate_is_refused_with_what_works(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="is not a gate") as raised:
        Gate.parse(text)

    assert str(raised.value).startswith(problem)


@pytest.mark.parametrize(
    ("gate", "before", "after", "allowed"),
    [
        ("peak:10%", 100, 110, True),
        ("peak:10%", 100, 111, False),
        ("peak:0", 100, 10, True),
        ("peak:5B", 0, 5, True),
        ("peak:5B", 0, 6, False),
        ("growth:50%", 0, 1, False),
    ],
)
def test_only_more_than_the_bound_fails(gate: str, before: int, after: int, allowed: bool) -> None:  # noqa: FBT001
    assert Gate.parse(gate).allows(before, after) is allowed
