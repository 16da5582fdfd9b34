from __future__ import annotations

from pytest_footprint.report.table import shortened, table


def test_columns_that_may_be_shortened_share_the_loss() -> None:
    text = table(("a", "b", "c"), [("x" * 60, "y" * 50, "z" * 10)], elastic="a b", width=94)

    row = text.splitlines()[1].split()
    assert len(text.splitlines()[1]) == 94
    assert [len(cell) for cell in row] == [40, 40, 10]


def test_a_table_that_fits_is_not_shortened() -> None:
    assert table(("a", "b"), [("x" * 40, "1")], right="b", elastic="a", width=80) == f"{'a':40}  b\n{'x' * 40}  1"


def test_both_ends_of_a_name_stay() -> None:
    assert shortened("GPT.layers.{0..11}.attn.qkv", 18) == "GPT.l...}.attn.qkv"
    assert shortened("GPT.head", 8) == "GPT.head"
