"""One line on the terminal that rewrites itself and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.settings import RANKS

if TYPE_CHECKING:
    import pytest

PATIENCE, PAUSE = 2.0, 0.25
"""Seconds that work takes before it is shown, and from one time to the next."""

_BELOW, _BACK = "\x1bD\x1b[A\x1b7\x1b[B\r\x1b[?7l", "\x1b[K\x1b[?7h\x1b8"
"""Makes room below the line that pytest is writing, keeps the cursor and goes there; nothing wraps; and comes back."""
_ERASE = b"\x1b7\x1b[B\r\x1b[J\x1b8"
_NARROW = 40
"""Columns below which nothing that can be said fits."""


class TerminalLine:
    """The line below the one that pytest is writing.

    It has a file descriptor of its own: what is written there is never captured, and whoever captures is not disturbed.
    Once the terminal is gone nothing happens any more.
    """

    def __init__(self, fd: int) -> None:
        self.fd = os.dup(fd)
        self.width = 0
        """Columns; 0 when there is no room."""
        self._pid = os.getpid()
        self._shown = False
        self._since = self._drawn = 0.0
        self.begin()

    def begin(self) -> None:
        """Look at the clock, and how wide the terminal is."""
        self._since = self._drawn = monotonic()
        try:
            columns = os.get_terminal_size(self.fd).columns - 1
        except OSError:
            columns = 0
        self.width = columns if columns >= _NARROW else 0

    def seconds(self) -> int:
        """Since it began."""
        return int(monotonic() - self._since)

    def group(self) -> int:
        """The group of processes that the terminal has in front; 0 when it is gone."""
        try:
            return os.tcgetpgrp(self.fd)
        except OSError:
            return 0

    def tell(self, text: str) -> None:
        """Show ``text`` if the work has taken long, and nothing was shown for a moment."""
        now = monotonic()
        if self.width and now - self._since >= PATIENCE and now - self._drawn >= PAUSE:
            self._drawn = now
            self._shown = True
            self._write((_BELOW + text + _BACK).encode("utf-8", "replace"))

    def erase(self) -> None:
        """Leave the terminal as it was; a forked process leaves that to its parent."""
        if self._shown and os.getpid() == self._pid:
            self._shown = False
            self._write(_ERASE)

    def close(self) -> None:
        """Erase it, for good."""
        self.erase()
        os.close(self.fd)

    def _write(self, text: bytes) -> None:
        try:
            os.write(self.fd, text)
        except OSError:
            self.width = 0


def terminal_line(config: pytest.Config, environ: Mapping[str, str] = os.environ) -> TerminalLine | None:
    """A line on pytest's terminal; ``None`` where nobody looks at it, or somebody asked for less.

    To be called while pytest captures nothing.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not reporter.isatty() or not hasattr(os, "tcgetpgrp") or RANKS in config.stash:
        return None  # of several ranks each would draw its own
    if config.option.verbose < 0 or config.option.color == "no" or config.getini("console_output_style") == "classic":
        return None
    if environ.get("TERM", "dumb") == "dumb" or environ.get("CI") or environ.get("BUILD_NUMBER"):
        return None
    try:
        return TerminalLine(1) if os.isatty(1) else None
    except OSError:
        return None


@contextmanager
def telling(config: pytest.Config) -> Generator[Callable[[str], None]]:
    """Give what shows how far work has come that pytest waits for, and erase that when it is over."""
    line = terminal_line(config)
    if line is None:
        yield lambda _: None
        return
    try:
        yield line.tell
    finally:
        line.close()
