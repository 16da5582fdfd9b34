from __future__ import annotations

from pytest_footprint import ByteSize, DeviceUsage, Footprint, Hierarchy, RankFootprints, Usage
from pytest_footprint.comparison import compare_ranks
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.report import brief, ranks_failure_text, value_text


def took(kib: int) -> Footprint:
    usage = DeviceUsage({"cpu": Usage(activations=ByteSize(kib * 1024))})
    return Footprint(peak=usage, end=usage)


BEFORE = RankFootprints(dict.fromkeys(range(8), took(8)))


def text(after: RankFootprints, before: RankFootprints = BEFORE) -> str:
    return ranks_failure_text(compare_ranks(before, after), before, after, accept="torchrun")


def test_the_rank_that_differs_is_named_with_what_all_took() -> None:
    assert text(RankFootprints({**BEFORE, 3: took(12), 5: took(4)})) == (
        """\
ranks 3,5 of 8: memory differs from its baseline: cpu peak +4 KiB (+50 %): activations
activations +4 KiB (+50 %)

told below: rank 3, which grew most

changed      what                              baseline     now  difference      %
peak         cpu total, all of it activations     8 KiB  12 KiB      +4 KiB  +50 %
end of step  cpu total, all of it activations     8 KiB  12 KiB      +4 KiB  +50 %

cpu peak of the ranks: min 4 KiB (rank 5), max 12 KiB (rank 3)
  rank       what             baseline     now  difference
  0-2,4,6-7  cpu peak            8 KiB   8 KiB
             cpu end of step     8 KiB   8 KiB
  3          cpu peak            8 KiB  12 KiB      +4 KiB
             cpu end of step     8 KiB  12 KiB      +4 KiB
  5          cpu peak            8 KiB   4 KiB      -4 KiB
             cpu end of step     8 KiB   4 KiB      -4 KiB

to accept it as the new baseline: torchrun"""
    )


def test_all_ranks_are_one_line() -> None:
    assert text(RankFootprints(dict.fromkeys(range(8), took(9)))).startswith(
        "all 8 ranks: memory differs from its baseline: cpu peak +1 KiB (+12 %)"
    )


def test_less_memory_on_all_is_an_improvement() -> None:
    said = text(RankFootprints({**BEFORE, 1: took(7)}))

    assert said.startswith("rank 1 of 8: memory is below its baseline: cpu peak -1 KiB")
    assert "this is less memory; where that was meant, store it" in said


def test_another_number_of_ranks_is_said_first() -> None:
    said = text(RankFootprints({0: took(8), 1: took(8)}))

    assert said.startswith("the baseline is of ranks 0-7, and this is of ranks 0-1\n")


def test_ranks_in_a_few_words() -> None:
    assert brief(BEFORE) == "cpu peak 8 KiB on all 8 ranks"
    assert brief(RankFootprints({**BEFORE, 1: took(9)})) == (
        "cpu peak of the ranks: min 8 KiB (ranks 0,2-7), max 9 KiB (rank 1)"
    )
    orders = RankValues({0: Hierarchy(("a",)), 1: Hierarchy(), 2: Hierarchy()})
    assert brief(orders) == "0 forward, 0 backward, 0 recomputed, but not on rank 0 of 3"


def test_each_kind_of_rank_is_shown() -> None:
    said = value_text(RankFootprints({0: took(8), 1: took(8), 2: took(9)}))

    assert said.startswith("cpu peak of the ranks: min 8 KiB (ranks 0-1), max 9 KiB (rank 2)\n\nranks 0-1:\n\ncpu ")
    assert "\n\nrank 2:\n\ncpu " in said
