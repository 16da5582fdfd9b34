from __future__ import annotations

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import (
    Comparison,
    Culprit,
    Order,
    OrderChange,
    OrderEdit,
    Signal,
    SizeChange,
    TextChange,
)
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.report import failure_text, headline

KIB = 2**10
TOTAL = SizeChange(Signal.PEAK, "total", "cpu", ByteSize(100 * KIB), ByteSize(140 * KIB))
ACTIVATIONS = SizeChange(Signal.PEAK, "activations", "cpu", ByteSize(0), ByteSize(40 * KIB))
NEW_MODULE = OrderChange(Order.FORWARD, 2, "", "M.c", (OrderEdit("M.c", 1, 0, 1),))
UNTIED = TextChange(Signal.STRUCTURE, "tied", "M.a.weight = M.b.weight", "")


def culprit(fqn: str, kib: int, *, signal: Signal = Signal.PEAK, count: int = 1, was: str = "") -> Culprit:
    size = ByteSize(kib * KIB)
    return Culprit(signal, RefType.ACTIVATION, fqn, "aten.mm", (256,), "float32", "cpu", count, size, "model.py:3", was)


def said(*culprits: Culprit, changes: tuple[OrderChange | TextChange, ...] = ()) -> str:
    return failure_text(Comparison((TOTAL, ACTIVATIONS, *changes), culprits), accept="ACCEPT")


def test_weights_that_are_no_longer_tied_explain_more_than_a_module_that_is_new() -> None:
    assert headline(Comparison((TOTAL, ACTIVATIONS, NEW_MODULE, UNTIED))) == (
        "memory differs from its baseline: cpu peak +40 KiB (+40 %): no longer tied: M.a.weight = M.b.weight"
    )


def test_a_module_that_is_new_explains_more_than_the_dtype_of_tensors_which_is_told_below() -> None:
    first, _, third, *_ = said(culprit("M.c", 40, was="bfloat16"), changes=(NEW_MODULE,)).splitlines()

    assert first.endswith("(+40 %): M.c now runs in forward")
    assert third == "activations of M.c are float32, not bfloat16"


def test_a_dtype_that_explains_little_is_not_the_cause() -> None:
    first, *_ = said(culprit("M.a", 36), culprit("M.b", 4, was="bfloat16")).splitlines()

    assert first.endswith("activations made in M.a: float32[256] from mm")


def test_tensors_of_more_layers_at_the_end_than_at_the_peak_are_one_row() -> None:
    peak = culprit("M.layers.{1..3}", 30, count=3)
    end = culprit("M.layers.{0..3}", 40, count=4, signal=Signal.END)
    comparison = Comparison((TOTAL, ACTIVATIONS), (peak, end))

    brief = failure_text(comparison, accept="ACCEPT")
    full = failure_text(comparison, accept="ACCEPT", verbose=True)

    assert "what grew (activations, in peak, end):" in brief
    assert brief.count("x float32[256]  mm") == 1
    assert "+40 KiB" in brief
    assert full.count("x float32[256]  aten.mm") == 2


def test_long_names_are_told_without_their_root_where_all_have_the_same() -> None:
    text = said(culprit("M.decoder.layers.{0..3}.mlp.down", 40))

    assert "\n  +40 KiB  decoder.layers.{0..3}.mlp.down  float32[256]" in text


def test_names_of_several_roots_are_told_in_full() -> None:
    text = said(culprit("M.decoder.layers.{0..3}.mlp.down", 30), culprit("N.encoder.layers.{0..3}.mlp", 10))

    assert "\n  +30 KiB  M.decoder.layers.{0..3}.mlp.down  float32[256]" in text


def test_where_types_differ_the_signal_leaves_its_room_to_the_names() -> None:
    saved = culprit("M.a", 8, signal=Signal.SAVED)
    state = Culprit(Signal.PEAK, RefType.OPTIMIZER_STATE, "M", "", None, "float32", "cpu", 2, ByteSize(9 * KIB))
    comparison = Comparison((TOTAL, ACTIVATIONS), (saved, state))

    assert "bytes  type              module  tensors       operator  made at\n" in failure_text(
        comparison, accept="ACCEPT"
    )
    assert "  made at     in\n" in failure_text(comparison, accept="ACCEPT", verbose=True)
