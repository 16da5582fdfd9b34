"""How far a test has come, shown while a person waits for it."""

from __future__ import annotations

import _thread
import os
import weakref
from array import array
from collections.abc import Generator, Sized
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.pytest_plugin.output.terminal_line import PATIENCE, PAUSE, TerminalLine, terminal_line
from pytest_footprint.pytest_plugin.recording import RECORDING
from pytest_footprint.pytest_plugin.settings import PROGRESS

if TYPE_CHECKING:
    from pytest_footprint.tracking import MemTracker

_MOST = 1.0
"""Seconds to wait for the thread's end."""
_DOTS = "..."
_SHOWS_ITSELF = frozenset({"capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys"})
"""Fixtures with which a test may write on the terminal itself."""


class Progress:
    """Shows a line while the set-up or the call of a tracked test runs.

    One step can be a single call that takes minutes, in which nothing comes by but operators. So a thread looks at the
    clock and at how many events there are. It must not be noticed:

    - It allocates nothing that Python's collector counts, so collections, and what dies in them, stay where they were.
    - It is none of `threading`'s, so tests that count threads count as many as before.
    - It is over before the process forks, before a debugger begins, and before pytest writes.
    - It writes only while pytest captures: else somebody writes on the terminal for the person.
    """

    def __init__(self, line: TerminalLine) -> None:
        self._line = line
        self._pid = os.getpid()
        self._group = _group_on(line.fd)
        self._name = ""
        self._said = ""
        self._events: Sized = array("q")
        self._since = 0.0
        self._runs = False
        # Made once: what is made while a test is recorded would count for the collector.
        self._stop, self._over = _thread.allocate_lock(), _thread.allocate_lock()
        self._look, self._take = self._look_again, self._told

    def follow(self, tracker: MemTracker) -> None:
        """Show what this tracker does, of the test that runs."""
        tracker.on_progress = self._take
        self._events = tracker.trace.events
        self._begin()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Get ready for a test, and leave nothing of it however it ends."""
        shows_itself = not _SHOWS_ITSELF.isdisjoint(getattr(item, "fixturenames", ()))
        self._name = "" if shows_itself else self._cut(item.name)
        self._events, self._since = array("q"), monotonic()
        self._say("")
        try:
            return (yield)
        finally:
            self.end()
            self._name = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Begin again: between set-up and call pytest may have written."""
        if RECORDING in item.stash and item.stash[RECORDING].concerned:
            self._begin()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self) -> None:
        """Make way for what pytest writes."""
        self.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """Make way for a debugger."""
        self.end()

    def pytest_unconfigure(self) -> None:
        """Give the terminal back."""
        self.end()
        self._line.close()

    def _told(self, work: str) -> None:
        self._say(work)
        if work:
            self._begin()

    def _begin(self) -> None:
        if self._runs or not self._name or not self._line.width or os.getpid() != self._pid:
            return
        self._stop.acquire(blocking=False)
        self._over.acquire(blocking=False)
        self._runs = True
        try:
            _thread.start_new_thread(self._look, ())
        except RuntimeError:  # no more threads can be had
            self._over.release()

    def end(self) -> None:
        """Let the thread end, and erase what it has written."""
        if os.getpid() != self._pid:
            return
        try:
            if self._runs:
                self._join()
                self._line.measure()
            self._line.erase()
        except OSError:  # the terminal is gone
            self._line.width = 0

    def _join(self) -> None:
        if self._stop.locked():
            self._stop.release()
        if self._over.acquire(timeout=_MOST):
            self._over.release()
        else:
            self._name = ""  # a terminal that takes nothing, as after Ctrl-S
        self._runs = False

    def _look_again(self) -> None:
        """What the thread does.

        Only numbers, strings and calls that make nothing else: no tuple (as for `max`), no bound method, no exception.
        """
        line = self._line
        try:
            pause = max(0.0, PATIENCE - (monotonic() - self._since))
            while not self._stop.acquire(True, pause):
                if not os.isatty(1) and (not self._group or os.tcgetpgrp(line.fd) == self._group):
                    line.draw(self._text())
                pause = PAUSE
        except OSError:
            line.width = 0  # the terminal is gone
        finally:
            self._over.release()

    def _text(self) -> str:
        """``test_step: step 2 of 5, 12 s, 4321 events``, of which a long name was cut.

        No format has a specification: a call of `__format__` makes a tuple.
        """
        count = len(self._events)
        events = f", {count} event{'' if count == 1 else 's'}" if count else ""
        return f"{self._said}{int(monotonic() - self._since)} s{events}"

    def _cut(self, name: str) -> str:
        """At most half of the line, so that there is room for what is said of it."""
        room = self._line.width // 2
        return name if len(name) <= room else name[: room - len(_DOTS)] + _DOTS if room else ""

    def _say(self, work: str) -> None:
        """Put together what the thread need not; between two steps nothing may be made here either."""
        self._said = f"{self._name}: {work}, " if work else f"{self._name}: "


def show_progress(config: pytest.Config) -> None:
    """Show how far tests have come, if a person looks at the terminal and no other process writes there."""
    if config.option.capture != "fd" or _logs_live(config):
        return
    if (line := terminal_line(config)) is None:
        return
    progress = config.stash[PROGRESS] = Progress(line)
    config.pluginmanager.register(progress, "footprint-progress")
    _end_before_forks(progress)


def _group_on(fd: int) -> int:
    """This process's group, which must have the terminal in front; 0 where the terminal does not know groups."""
    try:
        os.tcgetpgrp(fd)
    except OSError:
        return 0
    return os.getpgrp()


def _logs_live(config: pytest.Config) -> bool:
    return bool(config.getoption("log_cli_level", None) or config.getini("log_cli"))


def _end_before_forks(progress: Progress) -> None:
    """A thread does not live on in a forked process, and Python warns of forks beside threads."""
    known = weakref.ref(progress)

    def before() -> None:
        if (found := known()) is not None:
            found.end()

    os.register_at_fork(before=before)
