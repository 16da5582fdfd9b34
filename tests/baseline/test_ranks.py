"""Baselines of many ranks: the common value in full, and of the others what differs."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_footprint import ByteSize, DeviceUsage, Footprint, Hierarchy, RankFootprints, Usage
from pytest_footprint.baseline import BaselineFormatError, decode, encode
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.ref_type import RefType


def took(nbytes: int, device: str = "cpu", *modules: str) -> Footprint:
    usage = DeviceUsage({device: Usage(activations=ByteSize(nbytes))})
    group = LiveGroup(RefType.ACTIVATION, "M", "aten.mm", (nbytes,), "int8", device, 1, ByteSize(nbytes))
    return Footprint(peak=usage, at_peak=(group,), forward=modules, environment={"device": "cpu"})


def test_the_file_of_equal_ranks_is_that_of_one_process_with_a_line_that_says_so() -> None:
    one, all_alike = encode(took(8)).splitlines(), encode(RankFootprints(dict.fromkeys(range(4), took(8)))).splitlines()

    assert [line for line in all_alike if line not in one] == ['ranks = "0-3"  # all 4 alike']
    assert len(all_alike) == len(one) + 1


def test_a_rank_that_begins_to_differ_adds_lines_and_changes_none_but_one() -> None:
    alike = encode(RankFootprints(dict.fromkeys(range(4), took(8)))).splitlines()

    text = encode(RankFootprints({**dict.fromkeys(range(4), took(8)), 2: took(9)}))

    assert [line for line in alike if line not in text.splitlines()] == ['ranks = "0-3"  # all 4 alike']
    assert text.endswith(
        """
# Rank 2: what is not as above; a heading without lines takes away what stands under it above.

[rank.2.peak.cpu]
total = 9  # 9 B
activations = 9  # 9 B

[rank.2.at_peak.cpu.activations]
"M | aten.mm | 1 x int8[9]" = 9  # 9 B

# end of baseline
"""
    )


@pytest.mark.parametrize(
    "values",
    [
        RankFootprints({0: took(8), 1: took(8)}),
        RankFootprints({0: took(8), 1: took(8, "cpu", "M", "M.a"), 2: took(8)}),
        RankFootprints({0: took(8), 1: took(8, "cuda:0"), 5: Footprint()}),
        RankFootprints({0: Footprint(), 1: took(8)}),
        RankFootprints({0: took(8), 1: Footprint(peak=took(8).peak, at_peak=took(8).at_peak, steps=3)}),
        RankValues({0: Hierarchy(("a",)), 1: Hierarchy(("a",), ("a",)), 2: Hierarchy()}),
    ],
    ids=["alike", "order", "device", "nothing", "steps", "hierarchies"],
)
def test_every_rank_is_read_as_it_was_written(values: RankValues[Any]) -> None:
    read = decode(encode(values))

    assert type(read) is type(values)
    assert isinstance(read, RankValues)
    assert encode(read) == encode(values)
    for rank, value in values.items():
        assert _without_provenance(encode(read[rank])) == _without_provenance(encode(value))


def _without_provenance(text: str) -> str:
    return text.partition("# Where the numbers come from")[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'ranks = "0-1"',
            'ranks = "1-0"',
            "t.toml:4: the baseline is damaged: '1-0' does not name ranks",
        ),
        ("[rank.1.", "[rank.7.", "the baseline is damaged: rank 7 is none of ranks = '0-1'"),
        ("total = 9 ", "total = 10 ", "the baseline is damaged: total is 10, and the sizes below it make 9"),
    ],
    ids=["ranks", "a stranger", "a total"],
)
def test_damage_is_named(old: str, new: str, said: str) -> None:
    text = encode(RankFootprints({0: took(8), 1: took(9)}))

    with pytest.raises(BaselineFormatError, match="damaged") as caught:
        decode(text.replace(old, new), where="t.toml")

    assert said in str(caught.value)


def test_one_process_and_several_ranks_are_not_compared() -> None:
    one, several = encode(took(8)), encode(RankFootprints({0: took(8)}))

    with pytest.raises(BaselineFormatError, match="is of one process, and a footprint of several ranks is compared"):
        decode(one, kind=Footprint, of_ranks=True)
    with pytest.raises(BaselineFormatError, match="is of several ranks, and a footprint of one process is compared"):
        decode(several, kind=Footprint, of_ranks=False)
