"""What a footprint and its baseline prove together, in words; a guess at the cause ends in a question mark."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from pytest_footprint.model.finding import (
    Doubled,
    Finding,
    FlatCopy,
    KeptGradients,
    NewDtype,
    NotSharded,
    NowSharded,
    ParameterCopies,
    Remade,
    Resharded,
    StaysWhole,
    Trained,
)
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.report.words import are, file_line, kind, signed


def first_of(found: Iterable[Finding], *kinds: type[Finding]) -> str:
    """The first of these kinds, in short; ``""`` when there is none."""
    return next((short(one) for one in found if isinstance(one, kinds)), "")


@singledispatch
def short(one: Finding) -> str:
    """For a headline."""
    raise TypeError(one)


@singledispatch
def sentence(_: Finding) -> str:
    """What more there is to say; ``""`` when the headline says all."""
    return ""


@short.register
def _trained(one: Trained) -> str:
    it = _many(one.fqn, "them", "it")
    if one.now:
        return f"{one.fqn} {are(one.fqn)} trained now: in the baseline backward did not reach {it} (frozen?)"
    return f"{one.fqn} {are(one.fqn)} no longer trained: backward does not reach {it} (frozen, detached?)"


@sentence.register
def _training_takes(one: Trained) -> str:
    told = [f"gradients {one.gradients}"] if one.gradients else []
    told += [f"optimizer states {signed(one.states)}"] if one.states else []
    took = "takes" if one.now else "took"
    return f"what its training {took}: {', '.join(told)}" if told else ""


@short.register
def _whole(one: StaysWhole) -> str:
    return f"{one.fqn} {_many(one.fqn, 'stay', 'stays')} whole from forward to backward (reshard_after_forward=False?)"


@short.register
def _not_sharded(one: NotSharded) -> str:
    if one.root:
        own = _many(one.fqn, "their", "its")
        return f"{one.fqn} {are(one.fqn)} gathered together with {one.root}, no longer on {own} own (no fully_shard?)"
    return f"{one.fqn} {are(one.fqn)} no longer sharded (no fully_shard?)"


@short.register
def _now_sharded(one: NowSharded) -> str:
    return f"{one.fqn} {are(one.fqn)} sharded on {_many(one.fqn, 'their', 'its')} own now (fully_shard?)"


@short.register
def _resharded(one: Resharded) -> str:
    return f"parameters are sharded over {one.after} ranks, not {one.before}"


@short.register
def _doubled(one: Doubled) -> str:
    guess = "a second optimizer?" if one.ref_type is RefType.OPTIMIZER_STATE else "a copy of the model?"
    return f"{kind(one.ref_type)} exist twice: {one.after} tensors, not {one.before} ({guess})"


@sentence.register
def _doubled_whose(one: Doubled) -> str:
    if one.ref_type is RefType.OPTIMIZER_STATE:
        return "the model is the same, so its parameters have their states twice"
    return "as many as the model's own, in modules that do not run" if one.elsewhere else ""


@short.register
def _kept_gradients(one: KeptGradients) -> str:
    if one.at_peak:
        return "gradients of the step before are still alive at the peak (zero_grad left out, or too late?)"
    return "gradients are still there after the step (zero_grad?)"


@sentence.register
def _kept_gradients_since(one: KeptGradients) -> str:
    if one.at_peak:
        return f"{one.start} of gradients were there when the step began, and all of them live at its peak"
    began = f", and {one.start} of the step before were there when it began" if one.start else ""
    return (
        f"{one.nbytes} of gradients are alive after the step{began}; in the baseline none are: zero_grad is left"
        " out, or leaves zeros (set_to_none=False), or somebody else holds them"
    )


@short.register
def _copies(one: ParameterCopies) -> str:
    what = f"{one.dtype} copies of parameters" if one.cast else "copies of parameters"
    whose = f" of {one.fqn}" if one.fqn else f" ({_made(one.op, one.source)})"
    if not one.now:
        return f"no {what}{whose} any more{' (no autocast there?)' if one.cast else ''}"
    when = "after the step" if one.after_step else "at the peak"
    return f"{what}{whose} are alive {when}{' (cached by autocast?)' if one.cast else ''}"


@sentence.register
def _copies_take(one: ParameterCopies) -> str:
    return f"those copies: {one.nbytes} in {one.count} tensors from {one.op}" if one.now else ""


@short.register
def _flat(one: FlatCopy) -> str:
    what = "flat tensors, each" if one.count > 1 else "a flat tensor"
    return f"{what} as large as all {kind(one.of)} ({_made(one.op, one.source)})"


@short.register
def _new_dtype(one: NewDtype) -> str:
    where = f"in {one.fqn}" if one.fqn else "outside modules"
    return f"{one.dtype} tensors {where}, of which the baseline has none"


@short.register
def _remade(one: Remade) -> str:
    guess = "in place?" if one.in_place else "no longer in place?"
    saves = _many(one.fqn, "save", "saves")
    return f"{one.fqn} {saves} what {_op(one.after)} made, not what {_op(one.before)} made ({guess})"


def _many(fqn: str, many: str, single: str) -> str:
    return many if are(fqn) == "are" else single


def _made(op: str, source: str | None) -> str:
    return f"{_op(op)}, {file_line(source)}" if source else _op(op)


def _op(name: str) -> str:
    return name.removeprefix("aten.")
