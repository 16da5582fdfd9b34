from __future__ import annotations

import pytest

from pytest_footprint.report.table import beginning, both_ends, ending, table, wrapped


def test_columns_that_may_be_shortened_share_the_loss() -> None:
    text = table(("a", "b", "c"), [("x" * 60, "y" * 50, "z" * 10)], elastic={"a": ending, "b": both_ends}, width=94)

    row = text.splitlines()[1].split()
    assert len(text.splitlines()[1]) == 94
    assert [len(cell) for cell in row] == [40, 40, 10]


def test_a_table_that_fits_is_not_shortened() -> None:
    assert (
        table(("a", "b"), [("x" * 40, "1")], right="b", elastic={"a": ending}, width=80)
        == f"{'a':40}  b\n{'x' * 40}  1"
    )


@pytest.mark.parametrize(
    ("name", "width", "shown"),
    [
        ("GPT.layers.{0..11}.attn.qkv", 19, "...{0..11}.attn.qkv"),
        ("GPT.layers.{0..11}.attn.qkv", 18, "...attn.qkv"),
        ("GPT.head", 8, "GPT.head"),
        ("/home/me/project/train/model.py:88", 24, ".../train/model.py:88"),
        ("tests/train_small.py:88", 14, "...small.py:88"),
        ("footprints/test_gpt/test_a_long_name.toml", 20, "..._a_long_name.toml"),
        ("GPT.averyveryverylongname", 12, "...ylongname"),
    ],
)
def test_names_and_paths_keep_their_ends_and_are_cut_between_parts(name: str, width: int, shown: str) -> None:
    assert ending(name, width) == shown


def test_both_ends_of_a_path_stay() -> None:
    assert both_ends("__footprints__/test_gpt/test_step.toml", 24) == "__footp...test_step.toml"


def test_operators_keep_their_beginnings() -> None:
    text = table(("operator", "n"), [("convolution_backward", "1")], elastic={"operator": beginning}, width=17)

    assert text.splitlines()[1] == "convolution...  1"


def test_sentences_break_between_words_and_not_inside_shapes() -> None:
    assert wrapped("made in GPT.head: float32[4, 32, 256] from aten.mm", 30) == [
        "made in GPT.head:",
        "  float32[4, 32, 256] from",
        "  aten.mm",
    ]


def test_sentences_do_not_break_between_a_number_and_what_it_counts() -> None:
    assert wrapped("the largest part made in GPT: 4 x float32[8, 4]", 40) == [
        "the largest part made in GPT:",
        "  4 x float32[8, 4]",
    ]
