from __future__ import annotations

from pytest_footprint.report import RankUsage, ranks_text

MIB = 2**20


def usage(rank: int, *, parameters: int = 4, activations: int = 8, inputs: int = 1) -> RankUsage:
    peak = {"parameters": parameters * MIB, "activations": activations * MIB, "inputs": inputs * MIB}
    return RankUsage(rank, "cpu", peak, parameters * MIB)


def test_what_differs_stands_first_and_equal_ranks_in_one_line() -> None:
    text = ranks_text("test_it", [usage(63, activations=4), *map(usage, (2, 1, 0, 9)), usage(5, parameters=5)])

    assert text.split("\n") == [
        "test_it: 6 ranks, rank 5 takes most: cpu 14 MiB, 5 MiB more than rank 63 (+56 %)",
        "rank      peak         activations  parameters  inputs    end",
        "0-2, 9  13 MiB  +44 %  8 MiB        4 MiB       1 MiB   4 MiB",
        "5       14 MiB  +56 %  8 MiB        5 MiB       1 MiB   5 MiB",
        "63       9 MiB         4 MiB        4 MiB       1 MiB   4 MiB",
    ]


def test_all_equal_ranks_are_said_to_be() -> None:
    first = ranks_text("test_it", [usage(0), usage(1)]).split("\n")[0]

    assert first == "test_it: 2 ranks, each with the peak cpu 13 MiB"


def test_a_narrow_screen_loses_columns_and_not_its_shape() -> None:
    lines = ranks_text("test_it", [usage(0), usage(1, activations=9)], width=40).split("\n")

    assert lines[1:] == [
        "rank    peak          activations    end",
        "0     13 MiB          8 MiB        4 MiB",
        "1     14 MiB  +7.7 %  9 MiB        4 MiB",
    ]
