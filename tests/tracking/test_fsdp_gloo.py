"""Sharded training in processes of its own, whose collectives really move memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from allocator import measure
from gloo_ranks import sharded_training, training_on
from sharded import fake_ranks

_TRIES = 5
"""A reduce-scatter of gloo's holds a copy of its input. When gloo's own thread is the last to let go of it, the
profiler hears nothing of that, and the "truth" keeps those bytes for ever. What is counted wrongly always is."""


@pytest.mark.parametrize(("ranks", "tries"), [(2, _TRIES), (4, 1)])
def test_sharded_training_over_gloo_counts_what_it_counts_on_a_fake_group(
    tmp_path: Path, ranks: int, tries: int
) -> None:
    with fake_ranks(ranks):
        truth = measure(training_on(ranks).step)

    for of_rank in sharded_training(tmp_path, ranks, tries):
        assert {(one["peak"], one["end"]) for one in of_rank} == {(truth.peak_at_operator_ends, truth.end)}
        assert all(one["unsharded"] > 0 and one["max_unsharded"] == 3 for one in of_rank)
        if tries > 1:
            assert any(one["peak"] == one["true peak"] and one["end"] == one["true end"] for one in of_rank), of_rank
