from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from work import counted

from pytest_footprint.model.fqn import fold, fold_alike, matches, natural, unfold

NAMES = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(["GPT", "layers", "0", "1", "2", "10", "01", "attn", "", "{0..1}", "a,b", "\\", "x2", "٣"]),
        min_size=1,
        max_size=5,
    ).map(".".join),
)


@pytest.mark.parametrize(
    ("pattern", "fqn", "found"),
    [
        ("layers.*.attn", "GPT.layers.0.attn", True),
        ("layers.*.attn", "GPT.layers.0.attn.proj", True),
        ("GPT.layers.0", "GPT.layers.0.attn", True),
        ("*", "GPT", True),
        ("layers.?", "GPT.layers.7", True),
        ("layers.1", "GPT.layers.10", False),
        ("layers.*.attn", "GPT.layers.0", False),
        ("attn", "GPT.layers.0.attn", False),
        ("layers.*", "GPT.layers", False),
        ("gpt", "GPT", False),
    ],
)
def test_patterns_name_modules_and_what_is_inside_them(pattern: str, fqn: str, found: bool) -> None:  # noqa: FBT001
    assert matches(pattern, fqn) is found


def test_layers_that_differ_in_one_index_fold_into_one() -> None:
    names = ["GPT.tok", *(f"GPT.layers.{layer}.attn" for layer in (0, 1, 2, 5)), "GPT.head"]

    assert fold(names) == ["GPT.tok", "GPT.layers.{0..2,5}.attn", "GPT.head"]


def test_experts_in_layers_fold_at_both_indices() -> None:
    names = [f"M.layers.{layer}.experts.{expert}" for layer in range(4) for expert in range(8)]

    assert fold(names) == ["M.layers.{0..3}.experts.{0..7}"]


def test_a_single_layer_and_numbers_with_leading_zeros_stay_as_they_are() -> None:
    assert fold(["M.3.w", "M.01", "M.02"]) == ["M.3.w", "M.01", "M.02"]


@given(st.lists(NAMES))
@example(["a.{0..1}", "a.0", "a.1"])
@example(["0..3", "a.٣", "a.3", "a.4"])
def test_folding_loses_no_name_and_invents_none(names: list[str]) -> None:
    unfolded = [name for folded in fold(names) for name in unfold(folded)]

    assert sorted(unfolded) == sorted(set(names))


def test_folding_a_thousand_modules_takes_few_calls_for_each() -> None:
    names = [f"M.layers.{layer}.{part}" for layer in range(125) for part in "abcdefgh"]

    folded, work = counted(lambda: fold(names))

    assert work < 100 * len(names)
    assert len(folded) == 8


@pytest.mark.parametrize("wrong", ["a.{0..1", "a.}", "a{b{c}", "end\\", "{x2"])
def test_braces_that_do_not_match_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a folded name: its braces or backslashes do not match"):
        unfold(wrong)


@given(st.lists(st.tuples(NAMES, st.integers(0, 2)), unique=True))
def test_only_rows_with_equal_keys_fold(rows: list[tuple[str, int]]) -> None:
    folded = fold_alike(rows)

    assert sorted((name, key) for text, _, key in folded for name in unfold(text)) == sorted(rows)
    assert [count for _, count, _ in folded] == [len(unfold(text)) for text, _, _ in folded]


def test_names_sort_as_people_count() -> None:
    assert sorted(["l.10", "l.2", "l", "l.2.a"], key=natural) == ["l", "l.2", "l.2.a", "l.10"]
