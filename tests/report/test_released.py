from __future__ import annotations

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.report.released import released_text

LOSS = LiveGroup(RefType.ACTIVATION, "GPT.head", "aten.mm", (8, 64), "float32", "cpu", 3, ByteSize(6144), "model.py:72")
WEIGHT = LiveGroup(RefType.PARAMETER, "GPT.wte", "aten.empty", (64, 64), "float32", "cpu", 1, ByteSize(16384), "a.py:1")


def test_who_made_it_and_who_holds_it_is_told_for_each_the_largest_first() -> None:
    chain = "loop.LOSSES[0].grad_fn: SumBackward0 -> MmBackward0 (saved self)"

    assert released_text("train()", [(LOSS, chain), (WEIGHT, "loop.MODEL.wte.weight")]) == (
        "4 tensors (22 KiB) that train() made are still alive, the largest, held by loop.MODEL.wte.weight\n"
        "\n"
        "  16 KiB parameters of GPT.wte: float32[64, 64] from aten.empty, a.py:1\n"
        "    held by loop.MODEL.wte.weight\n"
        "\n"
        "  6 KiB activations of GPT.head: 3 x float32[8, 64] from aten.mm, model.py:72\n"
        f"    held by {chain}"
    )


def test_the_headline_leaves_the_chain_of_a_graph_to_the_lines_below() -> None:
    headline = released_text("f()", [(WEIGHT, "m.L[0].grad_fn: AddBackward0 (saved other)")]).partition("\n")[0]

    assert headline == "a tensor (16 KiB) that f() made is still alive, held by m.L[0].grad_fn"


def test_a_holder_that_nobody_sees_is_said_to_be_one() -> None:
    assert "held by no variable that Python can see: a reference inside C++" in released_text("f()", [(LOSS, "")])


def test_only_the_largest_are_shown() -> None:
    text = released_text("f()", [(LOSS, "m.x")] * 7)

    assert text.endswith("\n\n  ... and 2 more of other shapes or makers")
