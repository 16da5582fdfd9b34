"""A command on a terminal, and what a person sees there from moment to moment."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyte

_MOST = 60
"""Seconds after which it is stopped."""
_SECONDS = re.compile(r" in \d+\.\d\ds")
_OF_CI = ("CI", "BUILD_NUMBER", "NO_COLOR", "PY_COLORS", "FORCE_COLOR", "COLUMNS", "LINES", "PYTEST_ADDOPTS")


@dataclass
class Screen:
    """What stood on the screen, each time that it changed, and what came in all."""

    columns: int
    rows: int
    frames: list[str] = field(default_factory=list)
    sent: bytes = b""
    status: int = 0

    def __post_init__(self) -> None:
        self._screen = pyte.HistoryScreen(self.columns, self.rows, history=10_000, ratio=1)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, data: bytes) -> None:
        self.sent += data
        self._stream.feed(data)
        shown = "\n".join(line.rstrip() for line in self._screen.display)
        if not self.frames or self.frames[-1] != shown:
            self.frames.append(shown)

    def seen(self, pattern: str) -> list[str]:
        """Lines of any frame that match in whole, in the order in which they first came."""
        lines = dict.fromkeys(line for frame in self.frames for line in frame.splitlines())
        return [line for line in lines if re.fullmatch(pattern, line)]

    @property
    def left(self) -> str:
        """All that can be read when it is over, with what has scrolled away, but for how long it took."""
        gone = ["".join(row[x].data for x in range(self.columns)) for row in self._screen.history.top]
        text = "\n".join(line.rstrip() for line in [*gone, *self._screen.display]).rstrip()
        return _SECONDS.sub(" in some time", text).replace("=", "")


def on_a_terminal(
    command: Sequence[str],
    folder: Path,
    *,
    columns: int = 100,
    rows: int = 30,
    environ: Mapping[str, str] = {},
    answer: Callable[[Screen], bytes] = lambda _: b"",
) -> Screen:
    """Run ``command`` on a terminal of this size; ``answer`` types what it returns again and again."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in _OF_CI}
    process = subprocess.Popen(
        # The leader of a session gets the first terminal that it opens, and so what Ctrl-C sends.
        ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(its), *command],  # noqa: S607 - any sh will do
        cwd=folder,
        env={**environment, "TERM": "xterm-256color", **environ},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=_may_be_interrupted,  # noqa: PLW1509 - no thread runs here
    )
    os.close(its)
    screen = Screen(columns, rows)
    try:
        _watch(ours, screen, answer)
        screen.status = process.wait(_MOST)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return screen


def _may_be_interrupted() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and all that those start in turn."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _watch(terminal: int, screen: Screen, answer: Callable[[Screen], bytes]) -> None:
    began = time.monotonic()
    while time.monotonic() - began < _MOST:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                screen.feed(os.read(terminal, 65536))
            except OSError:  # what Linux says when nobody holds the other side any more
                return
            if typed := answer(screen):
                os.write(terminal, typed)
