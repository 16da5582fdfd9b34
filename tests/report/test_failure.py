from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_footprint.comparison import compare
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.report import failure_text, headline

MIB = 2**20
ACCEPT = "pytest tests/test_train.py::test_step --mem-baseline-update"


def cpu(**mib: float) -> DeviceUsage:
    return DeviceUsage({"cpu": Usage(**{name: ByteSize(int(size * MIB)) for name, size in mib.items()})})


def alive(fqn: str, mib: float, op: str = "aten.mm", source: str = "model.py:30", count: int = 1) -> LiveGroup:
    shape = (8, 256, 1024)
    return LiveGroup(RefType.ACTIVATION, fqn, op, shape, "float32", "cpu", count, ByteSize(int(mib * MIB)), source)


def orders(*, recomputed: range) -> tuple[str, ...]:
    return tuple(f"GPT.layers.{layer}{part}" for layer in recomputed for part in ("", ".attn", ".mlp"))


BEFORE = Footprint(
    peak=cpu(parameters=48, activations=100, optimizer_states=96),
    end=cpu(parameters=48, optimizer_states=96),
    growth=cpu(),
    recomputed=orders(recomputed=range(12)),
    at_peak=(alive("GPT.layers.11", 80), alive("GPT.head", 20)),
    environment={"torch": "2.12.1", "device": "cpu"},
)
LOGITS = replace(alive("GPT.head", 128, "aten._log_softmax", "train.py:88"), shape=(256, 1024))
LOGITS_KEPT = replace(
    BEFORE,
    peak=cpu(parameters=48, activations=228, optimizer_states=96),
    end=cpu(parameters=48, activations=128, optimizer_states=96),
    growth=cpu(activations=128),
    at_peak=(*BEFORE.at_peak, LOGITS),
    at_end=(LOGITS,),
    environment={"torch": "2.13.0", "device": "cpu"},
)
NO_CHECKPOINT = replace(
    BEFORE,
    peak=cpu(parameters=48, activations=124, gradients=4, optimizer_states=96),
    saved=SavedTensors(
        tuple(
            SavedTensor(f"GPT.layers.3.{part}", "aten.mm", (8, 256, 1024), "float32", ByteSize(8 * MIB), "cpu")
            for part in ("attn", "mlp", "ln")
        )
    ),
    recomputed=tuple(name for name in BEFORE.recomputed if ".3" not in name),
    at_peak=(*BEFORE.at_peak, alive("GPT.layers.3.attn", 8), alive("GPT.layers.3.mlp", 8), alive("GPT.layers.3.ln", 8)),
)


def test_logits_that_are_kept_are_a_message_that_names_their_line() -> None:
    text = failure_text(compare(BEFORE, LOGITS_KEPT), accept=ACCEPT)

    assert (
        text
        == """\
memory differs from its baseline: cpu peak +128 MiB (+52 %), 128 MiB more with every step: \
activations made in GPT.head: float32[256, 1024] from _log_softmax
activations +128 MiB (+128 %), made in GPT.head: float32[256, 1024] from aten._log_softmax at
  train.py:88
a line is where tensors are made; who keeps them, mem_tracker.assert_released(step) tells

changed      what                              baseline      now  difference      %
peak         cpu total, all of it activations   244 MiB  372 MiB    +128 MiB  +52 %
end of step  cpu total, all of it activations   144 MiB  272 MiB    +128 MiB  +89 %
growth       cpu total, all of it activations       0 B  128 MiB    +128 MiB    new

what grew (activations, in peak, end):
     bytes  module    tensors             operator      made at
  +128 MiB  GPT.head  float32[256, 1024]  _log_softmax  train.py:88

the baseline comes from another environment (baseline -> now): torch 2.12.1 -> 2.13.0

to accept it as the new baseline: pytest tests/test_train.py::test_step --mem-baseline-update"""
    )


def test_checkpointing_that_is_lost_is_a_message_that_names_the_layer() -> None:
    text = failure_text(compare(BEFORE, NO_CHECKPOINT), accept=ACCEPT)

    assert (
        text
        == """\
memory differs from its baseline: cpu peak +28 MiB (+11 %): GPT.layers.3 is no longer recomputed (3 modules)
activations +24 MiB (+24 %), mostly float32 from aten.mm in GPT.layers.3, the largest part made in
  GPT.layers.3.attn: float32[8, 256, 1024] from aten.mm at model.py:30

changed             what                   baseline      now  difference      %
peak                cpu total               244 MiB  272 MiB     +28 MiB  +11 %
                    cpu activations         100 MiB  124 MiB     +24 MiB  +24 %
                    cpu gradients               0 B    4 MiB      +4 MiB    new
saved for backward  cpu total                   0 B   24 MiB     +24 MiB    new
                    cpu GPT.layers.3.attn       0 B    8 MiB      +8 MiB    new
                    cpu GPT.layers.3.mlp        0 B    8 MiB      +8 MiB    new
                    cpu GPT.layers.3.ln         0 B    8 MiB      +8 MiB    new

what grew (activations, in peak, saved):
   bytes  module             tensors                operator  made at
  +8 MiB  GPT.layers.3.attn  float32[8, 256, 1024]  mm        model.py:30
  +8 MiB  GPT.layers.3.mlp   float32[8, 256, 1024]  mm        model.py:30
  +8 MiB  GPT.layers.3.ln    float32[8, 256, 1024]  mm        model.py:30

order:
  GPT.layers.3 is no longer recomputed (3 modules)
  recomputed order: the first call that differs is number 10, GPT.layers.3 -> GPT.layers.4

to accept it as the new baseline: pytest tests/test_train.py::test_step --mem-baseline-update"""
    )


def test_an_improvement_is_called_one() -> None:
    text = failure_text(compare(LOGITS_KEPT, BEFORE), accept=ACCEPT)

    first, *_, last = text.splitlines()
    assert first == (
        "memory is below its baseline: cpu peak -128 MiB (-34 %):"
        " activations made in GPT.head, no longer alive: float32[256, 1024] from _log_softmax"
    )
    assert "what shrank (activations, in peak, end):" in text
    assert last == f"this is less memory; where that was meant, store it, so that it is defended from now on: {ACCEPT}"


HUGE = replace(
    LOGITS_KEPT,
    peak=DeviceUsage(
        {
            device: Usage(**{kind.value: ByteSize(MIB * place) for place, kind in enumerate(RefType, start=1)})
            for device in ("cpu", "cuda:0")
        }
    ),
    saved=SavedTensors(
        tuple(
            SavedTensor(f"GPT.{10 * 'module'}{i}", "aten.mm", (i,), "float32", ByteSize(i), "cpu") for i in range(1, 50)
        )
    ),
    recomputed=(),
    forward=tuple(f"GPT.{'m' * place}" for place in range(40)),
    structure=Structure(tuple(TensorSpec(f"GPT.{'m' * place}", (place,), "float32") for place in range(40))),
    at_peak=tuple(
        alive(f"GPT.{10 * 'module'}{i}", i, "aten.native_layer_norm_backward", f"{9 * 'dir/'}m.py:{i}")
        for i in range(50)
    ),
)


def test_the_largest_difference_still_fits_one_screen() -> None:
    _, *others = failure_text(compare(BEFORE, HUGE), accept=ACCEPT).splitlines()

    assert len(others) <= 33
    assert max(map(len, others)) <= 100
    assert sum("(-v shows all)" in line for line in others) == 3
    assert {line.split()[0] for line in others if "cpu total" in line} >= {"peak", "end", "growth", "saved"}


def test_verbose_shows_everything_in_full() -> None:
    comparison = compare(BEFORE, HUGE)

    text = failure_text(comparison, accept=ACCEPT, verbose=True)

    assert "shows all" not in text
    assert "..." not in text
    assert all(change.subject.replace("_", " ") in text for change in comparison.sizes)
    assert all(one.fqn in text for one in comparison.culprits)
    assert all(f"{9 * 'dir/'}m.py:{i}" in text for i in range(1, 50))


def test_growth_alone_is_told_per_step() -> None:
    after = replace(BEFORE, growth=cpu(other=2), at_end=(replace(alive("", 2, "aten.clone"), ref_type=RefType.OTHER),))

    first, second, *_ = failure_text(compare(BEFORE, after), accept=ACCEPT).splitlines()

    assert first == (
        "memory differs from its baseline: cpu growth per step +2 MiB (new):"
        " tensors made at model.py:30: float32[8, 256, 1024] from clone"
    )
    assert second == "other +2 MiB (new), made outside modules: float32[8, 256, 1024] from aten.clone at model.py:30"


def test_a_shift_between_types_is_told_without_a_total() -> None:
    after = replace(BEFORE, peak=cpu(parameters=48, temporaries=100, optimizer_states=96), at_peak=())

    assert headline(compare(BEFORE, after)).startswith(
        "memory differs from its baseline: cpu peak of temporaries +100 MiB (new)"
    )


@pytest.mark.parametrize(
    ("before", "after", "line", "brief"),
    [
        (["M", "M.a"], ["M"], "M.a no longer runs in forward and backward", ""),
        (["M"], ["M", "M.0", "M.1"], "M.{0..1} now run in forward and backward (2 modules)", ""),
        (["M"], ["M", "M", "M"], "M runs 3 times in forward and backward, not once", ""),
        (
            ["M", "M.a", "M.b", "M.c"],
            ["M.b", "M", "M.a", "M.c"],
            "M.b moved in forward and backward: it ran after M.a, now first",
            "M.b now runs first, not after a, in forward",
        ),
        (
            ["M.0", "M.1", "M.2", "M.3"],
            ["M.3", "M.2", "M.1", "M.0"],
            "M.{1..3} moved in forward and backward (3 modules): M.1 ran after M.0, now after M.2",
            "M.{1..3} now run after M.2, not after M.0, in forward",
        ),
    ],
)
def test_a_call_order_that_changed_is_a_sentence(before: list[str], after: list[str], line: str, brief: str) -> None:
    comparison = compare(Hierarchy(tuple(before), tuple(before)), Hierarchy(tuple(after), tuple(after)))

    text = failure_text(comparison, accept=ACCEPT)

    assert headline(comparison) == f"modules run in another order than in the baseline: {brief or line}, and 1 more"
    assert text.count(f"\n  {line}") == 1
    assert "backward order: the first call that differs is number" in text


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (("a", (2,)), ("a", (3,)), "a: float32[2] -> float32[3]"),
        (("M.a", (2,)), ("M.b", (2,)), "key renamed: M.a -> M.b"),
    ],
)
def test_a_structure_that_changed_is_one_line(
    before: tuple[str, tuple[int, ...]], after: tuple[str, tuple[int, ...]], line: str
) -> None:
    comparison = compare(Structure((TensorSpec(*before, "float32"),)), Structure((TensorSpec(*after, "float32"),)))

    text = failure_text(comparison, accept=ACCEPT)

    assert text == (f"the structure is not that of the baseline: {line}\n\nto accept it as the new baseline: {ACCEPT}")


def test_keys_and_ties_that_come_and_go_are_said_to() -> None:
    before = Structure((TensorSpec("x.a", (1,), "int8"), TensorSpec("c", (1,), "int8")), (("x.a", "c"),))
    after = Structure((TensorSpec("y.b", (2,), "int8"), TensorSpec("c", (1,), "int8")), (("y.b", "c", "d"), ("e", "f")))

    lines = failure_text(compare(before, after), accept=ACCEPT, verbose=True).splitlines()

    assert lines[2:7] == [
        "structure:",
        "  x.a is gone: it was int8[1]",
        "  y.b is new: int8[2]",
        "  tied otherwise: c = x.a -> c = d = y.b",
        "  now tied: e = f",
    ]


def test_another_dtype_that_is_saved_is_told_with_equal_bytes() -> None:
    def saves(dtype: str) -> Footprint:
        return Footprint(saved=SavedTensors((SavedTensor("M", "aten.mm", (2,), dtype, ByteSize(8), "cpu"),)))

    assert headline(compare(saves("int32"), saves("float32"))) == (
        "what is saved for backward is not what the baseline says: M saves float32[2] from mm, not int32[2] from mm"
    )


def test_a_total_that_grew_is_told_before_one_that_shrank() -> None:
    after = replace(BEFORE, peak=cpu(activations=1), end=cpu(parameters=48, optimizer_states=97))

    text = failure_text(compare(BEFORE, after), accept=ACCEPT)

    assert text.startswith(
        "memory differs from its baseline: cpu end of step +1 MiB (+0.69 %): optimizer states\n"
        "optimizer states +1 MiB (+1 %)\n"
    )
    assert "improvement" not in text


def test_a_total_that_shrank_is_an_improvement_whatever_moved_inside_it() -> None:
    after = replace(BEFORE, peak=cpu(parameters=48, activations=50, gradients=1, optimizer_states=96))

    text = failure_text(compare(BEFORE, after), accept=ACCEPT)

    assert text.startswith("memory is below its baseline: cpu peak -49 MiB (-20 %): activations\n")
    assert "this is less memory; where that was meant, store it" in text


def test_a_saved_tensor_that_another_module_made_is_told_once() -> None:
    made = alive("M.fc", 8)
    needed = SavedTensor("M.act", "aten.mm", (2048, 1024), "float32", ByteSize(8 * MIB), "cpu")
    after = Footprint(peak=cpu(activations=8), at_peak=(made,), saved=SavedTensors((needed,)))

    lines = failure_text(compare(Footprint(), after), accept=ACCEPT).splitlines()

    at = lines.index("what grew (activations, in peak, saved):")
    assert lines[at + 2].split()[:3] == ["+8", "MiB", "M.fc"]
    assert lines[at + 3] == ""


def test_what_shrank_along_with_its_structure_is_for_a_person_to_judge() -> None:
    wide, narrow = (Structure((TensorSpec("M.weight", (size, 4), "float32"),)) for size in (64, 32))
    before = Footprint(peak=cpu(parameters=2), structure=wide)
    after = Footprint(peak=cpu(parameters=1), structure=narrow)

    text = failure_text(compare(before, after), accept="pytest --mem-baseline-update")

    assert "improvement" not in text
    assert "to accept it as the new baseline: pytest --mem-baseline-update" in text


def test_as_many_tensors_of_another_size_are_not_counted_as_none() -> None:
    def parameters(nbytes: int) -> LiveGroup:
        return LiveGroup(RefType.PARAMETER, "M", "", (), "float32", "cpu", 4, ByteSize(nbytes))

    before = Footprint(peak=cpu(parameters=1), at_peak=(parameters(1 << 20),))
    after = Footprint(peak=cpu(parameters=2), at_peak=(parameters(2 << 20),))

    text = failure_text(compare(before, after), accept="")

    assert "0 x" not in text
