"""How far a test has come, shown while a person waits for it."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.pytest_plugin.output.terminal_line import TerminalLine, terminal_line
from pytest_footprint.pytest_plugin.settings import PROGRESS

if TYPE_CHECKING:
    from pytest_footprint.tracking import MemTracker

_DOTS = "..."
_SHOWS_ITSELF = frozenset({"capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys"})
"""Fixtures with which a test may write on the terminal itself."""


class Progress:
    """Shows a line at the boundaries of steps and arms of a test that takes long.

    It must not be noticed: it makes nothing that Python's collector counts (no tuple, no slice, no bound method), so
    what dies when stays what it was; and it writes only while pytest captures, else somebody writes for the person.
    """

    def __init__(self, line: TerminalLine) -> None:
        self._line = line
        self._pid = os.getpid()
        self._group = _group_on(line.fd)
        self._name = ""
        self._take = self._told

    def follow(self, tracker: MemTracker) -> None:
        """Show what this tracker does, of the test that runs."""
        tracker.on_progress = self._take

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Get ready for a test, and leave nothing of it however it ends."""
        shows_itself = not _SHOWS_ITSELF.isdisjoint(getattr(item, "fixturenames", ()))
        self._line.begin()
        self._name = "" if shows_itself else self._cut(item.name)
        try:
            return (yield)
        finally:
            self._line.erase()
            self._name = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self) -> None:
        """Make way for what pytest writes."""
        self._line.erase()

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """Make way for a debugger."""
        self._line.erase()

    def pytest_unconfigure(self) -> None:
        """Give the terminal back."""
        self._line.close()

    def _told(self, work: str) -> None:
        line = self._line
        if not self._name or os.getpid() != self._pid or os.isatty(1):
            return
        if not work:
            line.erase()
        elif not self._group or line.group() == self._group:
            line.tell(f"{self._name}: {work}, {line.seconds()} s")

    def _cut(self, name: str) -> str:
        """At most half of the line, so that there is room for what is said of it."""
        room = self._line.width // 2
        return name if len(name) <= room else name[: room - len(_DOTS)] + _DOTS if room else ""


def show_progress(config: pytest.Config) -> None:
    """Show how far tests have come, if a person looks at the terminal and no other process writes there."""
    if config.option.capture != "fd" or _logs_live(config):
        return
    if (line := terminal_line(config)) is None:
        return
    progress = config.stash[PROGRESS] = Progress(line)
    config.pluginmanager.register(progress, "footprint-progress")


def _group_on(fd: int) -> int:
    """This process's group, which must have the terminal in front; 0 where the terminal does not know groups."""
    try:
        os.tcgetpgrp(fd)
    except OSError:
        return 0
    return os.getpgrp()


def _logs_live(config: pytest.Config) -> bool:
    return bool(config.getoption("log_cli_level", None) or config.getini("log_cli"))
