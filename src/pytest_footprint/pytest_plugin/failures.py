"""Failed tests: the frames of their tracebacks keep every local tensor alive, which spoils the next measurement."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import pytest

from pytest_footprint.pytest_plugin.recording import RECORDING

_FAILURES = pytest.StashKey[list[BaseException]]()


def remember_failure(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Note the error of a phase of a test that this plugin has to do with."""
    recording = item.stash.get(RECORDING, None)
    if call.excinfo is not None and recording is not None and recording.concerned:
        item.stash.setdefault(_FAILURES, []).append(call.excinfo.value)


def clear_failures(item: pytest.Item) -> None:
    """Drop the local variables of the frames of noted errors.

    To be called when the report is made and a debugger has been left: both need the variables.
    """
    if _FAILURES not in item.stash:
        return  # nearly every test
    for error in item.stash[_FAILURES]:
        for each in _chain(error, set()):
            traceback.clear_frames(each.__traceback__)
            for frame, _ in traceback.walk_tb(each.__traceback__):
                # Before Python 3.13 a frame keeps a copy of its variables, made when pytest looked at them; looking
                # again brings the copy up to date.
                _ = frame.f_locals
    del item.stash[_FAILURES]


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    yield from _chain(error.__cause__, seen)
    yield from _chain(error.__context__, seen)
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _chain(part, seen)
