from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from work import counted

from pytest_footprint.model.call_order import fold_order, unfold_order

PARTS = ["", ".attn", ".attn.qkv", ".mlp"]
NAMES = st.one_of(
    st.text(max_size=6),
    st.lists(st.sampled_from(["M", "0", "1", "2", "a", "b", "x2", "{0..1}", ","]), min_size=1, max_size=4).map(
        ".".join
    ),
)


def test_the_layers_of_a_forward_are_one_line() -> None:
    calls = ["GPT", *(f"GPT.layers.{layer}{part}" for layer in range(12) for part in PARTS), "GPT.head"]

    assert fold_order(calls) == ["GPT", "GPT.layers.{0..11}{,.attn,.attn.qkv,.mlp}", "GPT.head"]


def test_the_layers_of_a_backward_count_down() -> None:
    calls = [f"GPT.layers.{layer}{part}" for layer in reversed(range(12)) for part in PARTS]

    assert fold_order(calls) == ["GPT.layers.{11..0}{,.attn,.attn.qkv,.mlp}"]


def test_experts_in_layers_fold_inside_the_layer() -> None:
    calls = [name for i in range(3) for name in (f"M.{i}", *(f"M.{i}.experts.{j}" for j in range(2)))]

    assert fold_order(calls) == ["M.{0..2}{,.experts.{0..1}}"]


def test_a_loop_is_told_by_its_number_of_turns() -> None:
    assert fold_order(["R", *(["R.cell", "R.out"] * 50)]) == ["R", "{x50}{R.cell,R.out}"]


def test_a_layer_that_is_not_like_the_others_is_told_apart() -> None:
    calls = [f"M.{i}{part}" for i in range(6) for part in (["", ".a"] if i != 3 else [""])]

    assert fold_order(calls) == ["M.{0..2}{,.a}", "M.3", "M.{4..5}{,.a}"]


@given(st.lists(NAMES, max_size=40))
def test_unfolding_gives_the_same_calls_in_the_same_order(calls: list[str]) -> None:
    assert unfold_order(fold_order(calls)) == tuple(calls)


@given(st.lists(NAMES, max_size=4), st.integers(0, 5), st.lists(NAMES, max_size=2))
def test_repeated_calls_unfold_to_the_same_calls(body: list[str], turns: int, after: list[str]) -> None:
    calls = [*(body * turns), *after, *(f"M.{turn}.{name}" for turn in range(turns) for name in body)]

    assert unfold_order(fold_order(calls)) == tuple(calls)


@pytest.mark.parametrize(
    "calls",
    [
        [f"M.layers.{i}{part}" for i in range(500) for part in PARTS],
        [f"S.0.m{i}.w" for i in range(2000)],
        ["a.0"] * 2000,
        [f"M.{i % 7}.{i % 5}" for i in range(2000)],
    ],
    ids=["layers", "one long layer", "one name", "no pattern"],
)
def test_folding_two_thousand_calls_takes_few_calls_for_each(calls: list[str]) -> None:
    folded, work = counted(lambda: fold_order(calls))

    assert work < 100 * len(calls)
    assert unfold_order(folded) == tuple(calls)


@pytest.mark.parametrize("text", ["{x999999999999}a", "a.{0..99999999999}", "{0..9999}{0..9999}a"])
def test_a_damaged_count_is_an_error_and_not_all_of_the_memory(text: str) -> None:
    with pytest.raises(ValueError, match="at most 1000000 are believable"):
        unfold_order([text])
