"""Making our words, and not a dump of two objects, what the user reads when a baseline check fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.baselines.check_log import CHECK_LOG

if TYPE_CHECKING:
    import pytest


class Explained:
    """An operand of ``==`` that says itself why the comparison failed."""

    SHOWN_AS = "<mem_baseline>"
    """Its repr: short, for pytest shows the arguments of a failed test."""

    def explanation(self) -> list[str]:
        """Lines, the headline first; none when nothing failed."""
        raise NotImplementedError


def explanation_of(left: object, right: object) -> list[str]:
    """The lines of the operand that explains itself, if one of the two does."""
    for operand in (right, left):
        if isinstance(operand, Explained):
            return operand.explanation()
    return []


def show_in_full(item: pytest.Item, call: pytest.CallInfo[None]) -> str:
    """Let the AssertionError of a failed baseline check say all of it, and return that; ``""`` if nothing failed so.

    pytest cuts explanations of ``assert a == b`` after eight lines, and gives none for asserts in modules that it does
    not rewrite.
    """
    log = item.stash.get(CHECK_LOG, None)
    if log is None or not log.failure:
        return ""
    # unittest test cases keep their errors on the item until their own makereport puts them into `call`.
    excinfos = getattr(item, "_excinfo", None) or ([call.excinfo] if call.excinfo else [])
    headline = log.failure.partition("\n")[0]
    for excinfo in excinfos:
        if isinstance(excinfo.value, AssertionError):
            _complete(excinfo.value, headline, log.failure)
    return log.failure if any(log.failure in str(excinfo.value) for excinfo in excinfos) else ""


def _complete(error: AssertionError, headline: str, text: str) -> None:
    said = str(error)
    users_own, asserted, _ = said.partition(f"assert {headline}")
    if asserted:
        error.args = (users_own + text,)
    elif not said or Explained.SHOWN_AS in said:  # asserts that pytest does not rewrite; unittest's assertEqual
        error.args = (text,)
