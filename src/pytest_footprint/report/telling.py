"""The one change that is most likely the cause of the others."""

from __future__ import annotations

from pytest_footprint.model.comparison import Comparison, Signal
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
from pytest_footprint.report.findings import first_of, short
from pytest_footprint.report.orders import came_or_went, moved, recounted
from pytest_footprint.report.sentences import order_changes, same_tensors, sentences, shifted_lines, text_changes


def telling(comparison: Comparison, dtypes: str = "") -> str:
    """In short; ``""`` when nothing tells more than the tensors do.

    Tensors that are new do not tell why they are; a module that is no longer recomputed does.

    Args:
        comparison: with at least one change.
        dtypes: which tensors have another dtype now, in words, where that explains much.
    """
    orders, texts = order_changes(comparison), text_changes(comparison)
    structure = [change for change in texts if change.signal is Signal.STRUCTURE]
    candidates = (
        *shifted_lines(comparison),
        *sentences(filter(same_tensors, structure)),
        first_of(comparison.findings, Trained, StaysWhole, NotSharded, NowSharded),
        *came_or_went(orders),
        *sentences(change for change in texts if change.signal is Signal.ORDER),
        *sentences(structure),
        *moved(orders),
        first_of(filter(_tells, comparison.findings), Resharded, Doubled, KeptGradients, ParameterCopies, FlatCopy),
        first_of(comparison.findings, NewDtype) if comparison.sizes else "",
        dtypes,
        first_of(comparison.findings, Remade),
        *recounted(orders),
    )
    return next(filter(None, candidates), "")


def telling_finding(comparison: Comparison) -> bool:
    """Whether the one change is told by a finding, which stands for several changes."""
    return telling(comparison) in {short(one) for one in comparison.findings}


def _tells(one: Finding) -> bool:
    """Whether it is a cause: casts that are gone are told by the dtypes that tensors have instead."""
    return not isinstance(one, ParameterCopies) or one.now
