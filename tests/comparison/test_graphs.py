from __future__ import annotations

import pytest

from pytest_footprint.comparison.graphs import graph_kept
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Culprit, Signal
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors


def saved(*numels: int) -> SavedTensors:
    return SavedTensors(tuple(SavedTensor("M", "aten.mm", (n,), "float32", ByteSize(4 * n), "cpu") for n in numels))


def kept(*shape: int, signal: Signal = Signal.END, ref_type: RefType = RefType.ACTIVATION, nbytes: int = 0) -> Culprit:
    size = 4
    for length in shape:
        size *= length
    return Culprit(signal, ref_type, "M", "aten.mm", shape, "float32", "cpu", 1, ByteSize(nbytes or size))


def test_most_of_what_was_saved_is_a_graph_in_whatever_shape_it_is_seen() -> None:
    assert graph_kept(saved(12, 12), [kept(3, 4)]) == 48


def test_graphs_of_several_steps_count_with_all_their_bytes() -> None:
    assert graph_kept(saved(12, 12), [kept(12, nbytes=480)]) == 480


@pytest.mark.parametrize(
    "one",
    [
        kept(11),
        kept(12, signal=Signal.PEAK),
        kept(12, ref_type=RefType.PARAMETER),
        kept(12, nbytes=-48),
    ],
    ids=["not saved", "alive at the peak", "a parameter", "no longer alive"],
)
def test_other_tensors_are_no_graph(one: Culprit) -> None:
    assert graph_kept(saved(12, 12), [one]) == 0


def test_one_tensor_of_many_is_no_graph_however_often_it_is_kept() -> None:
    assert graph_kept(saved(12, 13, 14), [kept(12, nbytes=4800)]) == 0


def test_where_nothing_was_saved_nothing_is_a_graph() -> None:
    assert graph_kept(saved(), [kept(12)]) == 0
