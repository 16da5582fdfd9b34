from __future__ import annotations

import pytest
import tabulate

from pytest_footprint.report import snapshot_text, state_snapshots_text

SMALL = {"cpu": {"Parameter": 1536, "Total": 2**20}, "cuda:0": {"Parameter": 0, "Total": 0}}


def test_a_snapshot_is_told_as_torch_tells_it() -> None:
    assert snapshot_text(SMALL, "KiB") == "Device: cpu\n\tParameter: 1.5 KiB\n\tTotal: 1024.0 KiB"


def test_bytes_are_whole() -> None:
    assert snapshot_text(SMALL) == "Device: cpu\n\tParameter: 1536 B\n\tTotal: 1048576 B"


def test_a_small_model_is_not_nothing_in_large_units() -> None:
    assert snapshot_text(SMALL, "GiB") == "Device: cpu\n\tParameter: 1.4e-06 GiB\n\tTotal: 0.00098 GiB"


@pytest.mark.parametrize("as_table", [True, False])
def test_an_unknown_unit_is_refused(as_table: bool) -> None:  # noqa: FBT001
    with pytest.raises(ValueError, match=r"^Unsupported unit: MB\. Supported units are: B, KiB, MiB, GiB$"):
        snapshot_text(SMALL, "MB", tabulate=as_table)
    with pytest.raises(ValueError, match="Unsupported unit: MB"):
        state_snapshots_text({}, "MB", tabulate=as_table)


@pytest.mark.parametrize("as_table", [True, False])
def test_an_empty_snapshot_says_so(as_table: bool) -> None:  # noqa: FBT001
    assert snapshot_text({}, tabulate=as_table) == "No memory tracked."


def test_a_snapshot_is_a_table_when_asked() -> None:
    assert (
        snapshot_text(SMALL, "KiB", tabulate=True)
        == """\
========  ===========  ==========
Device    Parameter    Total
========  ===========  ==========
cpu       1.5 KiB      1024.0 KiB
========  ===========  =========="""
    )


def test_the_snapshots_of_a_module_are_told_by_state_and_call() -> None:
    text = state_snapshots_text({"Pre-Forward": [SMALL, {}], "Post-Forward": []})

    assert (
        text
        == """\
Pre-Forward
# 1:
Device: cpu
\tParameter: 1536 B
\tTotal: 1048576 B
# 2:
No memory tracked.
Post-Forward
"""
    )


def test_the_snapshots_of_a_module_are_a_table_that_names_each_call_once() -> None:
    both = {"cpu": {"Total": 1024}, "cuda:0": {"Total": 2048}}

    assert (
        state_snapshots_text({"Pre-Forward": [both, both]}, "KiB", tabulate=True)
        == """\
===============  ========  =======
State & Call     Device    Total
===============  ========  =======
Pre-Forward # 1  cpu       1.0 KiB
..               cuda:0    2.0 KiB
Pre-Forward # 2  cpu       1.0 KiB
..               cuda:0    2.0 KiB
===============  ========  ======="""
    )


def test_tabulate_is_left_as_it_was() -> None:
    before = tabulate.PRESERVE_WHITESPACE, tabulate.MIN_PADDING

    snapshot_text(SMALL, tabulate=True)

    assert before == (tabulate.PRESERVE_WHITESPACE, tabulate.MIN_PADDING)
