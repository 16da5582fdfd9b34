from __future__ import annotations

from pytest_footprint.comparison import compare
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import OrderChange, Signal
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.usage import DeviceUsage, Usage


def model(*modules: str, keys: tuple[str, ...], kept: int = 4) -> Footprint:
    return Footprint(
        peak=DeviceUsage({"cpu": Usage(activations=ByteSize(kept))}),
        saved=SavedTensors(
            tuple(SavedTensor(name, "aten.mm", (1,), "float32", ByteSize(4), "cpu") for name in modules)
        ),
        forward=modules,
        backward=modules[::-1],
        recomputed=modules,
        structure=Structure(tuple(TensorSpec(key, (1,), "float32") for key in keys)),
        at_peak=(LiveGroup(RefType.ACTIVATION, modules[-1], "aten.mm", (1,), "float32", "cpu", 1, ByteSize(kept)),),
    )


def signals(before: Footprint, after: Footprint) -> set[Signal]:
    return {change.signal for change in compare(before, after).changes}


def test_a_renamed_module_is_told_as_that_and_nothing_else() -> None:
    before = model("M", "M.old", "M.old.up", keys=("M.old.up.weight", "M.old.up.bias"))
    after = model("M", "M.new", "M.new.up", keys=("M.new.up.weight", "M.new.up.bias"))

    assert signals(before, after) == {Signal.STRUCTURE}


def test_what_a_renamed_module_has_more_of_is_told_under_its_new_name() -> None:
    before = model("M", "M.old", keys=("M.old.weight",))
    after = model("M", "M.new", keys=("M.new.weight",), kept=12)

    [culprit] = compare(before, after).culprits

    assert (culprit.fqn, culprit.count, culprit.nbytes) == ("M.new", 0, 8)


def test_a_parameter_with_another_name_is_no_other_module() -> None:
    before = model("M", "M.a", keys=("M.a.weight",))
    after = model("M", "M.b", keys=("M.a.kernel",))

    assert signals(before, after) == {Signal.SAVED, Signal.ORDER, Signal.STRUCTURE}


def fates(before: Footprint, after: Footprint) -> set[tuple[str, int, int]]:
    orders = [change for change in compare(before, after).changes if isinstance(change, OrderChange)]
    return {(edit.fqn, edit.before, edit.after) for change in orders for edit in change.edits}


def test_a_module_that_is_still_there_was_not_renamed() -> None:
    before = model("M", "M.a", keys=("M.a.weight",))
    after = model("M", "M.a", "M.b", keys=("M.b.weight",))

    assert fates(before, after) == {("M.b", 0, 1)}


def test_a_module_that_was_already_there_is_not_another_one_renamed() -> None:
    before = model("M", "M.a", "M.b", keys=("M.a.weight",))
    after = model("M", "M.b", keys=("M.b.weight",))

    assert fates(before, after) == {("M.a", 1, 0)}
