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
"""Seconds that work takes before it is shown, and between two looks at it."""

_BELOW, _BACK = "\x1bD\x1b[A\x1b7\x1b[B\r\x1b[?7l", "\x1b[K\x1b[?7h\x1b8"
"""Makes room below the line that pytest is writing, keeps the cursor and goes there, not to wrap; and comes back."""
_ERASE = b"\x1b7\x1b[B\r\x1b[J\x1b8"
_NARROW = 40
"""Columns below which nothing that can be said fits."""


class TerminalLine:
    """The line below the one that pytest is writing.

    It has a file descriptor of its own: what is written there is never captured, and whoever captures is not disturbed.
    """

    def __init__(self, fd: int) -> None:
        self.fd = os.dup(fd)
        self.width = 0
        """Columns; 0 when there is no room."""
        self.measure()
        self._shown = False
        self._since = self._drawn = monotonic()

    def measure(self) -> None:
        """Look how wide the terminal is."""
        columns = os.get_terminal_size(self.fd).columns - 1
        self.width = columns if columns >= _NARROW else 0

    def draw(self, text: str) -> None:
        """Show ``text`` instead of what stands there."""
        self._shown = True
        os.write(self.fd, (_BELOW + text + _BACK).encode("utf-8", "replace"))

    def tell(self, text: str) -> None:
        """Show ``text`` if the work has taken long, and nothing was shown for a moment."""
        now = monotonic()
        if self.width and now - self._since >= PATIENCE and now - self._drawn >= PAUSE:
            self._drawn = now
            try:
                self.draw(f"{text:.{self.width}}")
            except OSError:  # the terminal is gone
                self.width = 0

    def erase(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            self._shown = False
            os.write(self.fd, _ERASE)

    def close(self) -> None:
        """Erase it, for good."""
        try:
            self.erase()
        except OSError:
            pass  # the terminal is gone
        finally:
            os.close(self.fd)


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
