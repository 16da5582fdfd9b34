"""The project that a page of the documentation builds up, block by block, and the commands that are run in it."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.cli import main

if TYPE_CHECKING:
    import pytest

REPOSITORY = Path(__file__).parents[2]
WIDTH = "100"
_QUIET = ("-p", "no:asyncio", "-p", "no:cacheprovider", "-p", "no:rerunfailures", "-p", "no:hypothesispytest")
_TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
_TOP = re.compile(r"^(async def|def|class) (\w+)", re.MULTILINE)
_HUNK = re.compile(r"^@@.*\n", re.MULTILINE)


class PageError(Exception):
    """A block that cannot be what the page says it is."""


class PageProject:
    """A folder with what a page has shown so far."""

    def __init__(self, page: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="page-")).resolve()
        self.cwd = self.folder
        self.current = f"test_{page.stem.replace('-', '_').lower()}.py"
        self.output = ""
        self._asked: list[str] = []
        self._copied: set[Path] = set()
        self._before: dict[Path, str] = {}
        self._changed = False

    @property
    def copied(self) -> bool:
        """Whether the page shows files of this repository."""
        return bool(self._copied)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def copy(self, folder: str) -> None:
        """Begin with a folder of this repository; what a page shows of it must be in it."""
        shutil.copy(REPOSITORY / "README.md", self.folder)
        self.cwd = self.folder / folder
        shutil.copytree(REPOSITORY / folder, self.cwd, ignore=shutil.ignore_patterns("__pycache__", "__footprints__"))
        self._copied = set(self.cwd.iterdir())

    def show(self, source: str) -> list[str]:
        """A piece of the current file; the names of the tests in it."""
        path = self.cwd / self.current
        held = path.read_text("utf-8") if path.exists() else ""
        if path in self._copied:
            if source not in held:
                msg = f"{self.current} does not hold this"
                raise PageError(msg)
        else:
            path.write_text("\n\n".join(filter(None, [held, source])), "utf-8")
        self._asked, self._changed = _TEST.findall(source), True
        return self._asked

    def write(self, source: str) -> None:
        """The whole of the current file."""
        (self.cwd / self.current).write_text(source, "utf-8")

    def edit(self, diff: str) -> None:
        """Change the current file, each hunk in the one place where it fits; then a test that it is in is asked."""
        path = self.cwd / self.current
        text = path.read_text("utf-8")
        self._before.setdefault(path, text)
        for hunk in filter(None, _HUNK.split(diff)):
            old, new = (_side(hunk, sign) for sign in "-+")
            if text.count(old) != 1:
                msg = f"{self.current} holds this {text.count(old)} times, not once, so the diff does not fit:\n{old}"
                raise PageError(msg)
            [*_, (_, name)] = [("", ""), *_TOP.findall(text[: text.index(old) + len(old)])]
            self._asked = [name] if name.startswith("test_") else self._asked
            text = text.replace(old, new)
        path.write_text(text, "utf-8")
        self._changed = True

    def undo(self) -> None:
        """Take back all edits of the current file since the last time."""
        path = self.cwd / self.current
        path.write_text(self._before.pop(path), "utf-8")
        self._changed = True

    def rehearse(self, pytester: pytest.Pytester, names: list[str]) -> None:
        """These tests pass, and their baselines hold, in a copy."""
        copy = self.folder.with_name(f"{self.folder.name}-copy")
        shutil.copytree(self.cwd, copy)
        try:
            for option in ("--mem-baseline-update", "-q"):
                result = self._pytest(pytester, copy, [option, self.current, *self._only(names)])
                if result.ret:
                    raise PageError(str(result.stdout))
        finally:
            shutil.rmtree(copy)

    def run(self, pytester: pytest.Pytester, command: str) -> int:
        """Run a command of the page; `output` is what it printed, the exit status comes back."""
        program, *arguments = shlex.split(command, comments=True)
        if program == "pytest":
            result = self._pytest(pytester, self.cwd, arguments)
            self.output, status = f"{result.stdout}\n", int(result.ret)
        elif program == "pytest-footprint":
            self.output, status = _footprint(self.cwd, arguments)
        else:
            program = sys.executable if program == "python" else program
            done = subprocess.run(
                [program, *arguments], cwd=self.cwd, capture_output=True, encoding="utf-8", check=False
            )
            self.output, status = done.stdout + done.stderr, done.returncode
        self._changed = False
        return status

    def run_what_was_asked(self, pytester: pytest.Pytester) -> None:
        """The tests of the last block, unless a command ran since the last change."""
        if self._changed:
            self.run(pytester, shlex.join(["pytest", "--tb=native", self.current, *self._only(self._asked)]))

    def _only(self, names: list[str]) -> list[str]:
        return ["-k", " or ".join(names)] if names else []

    def _pytest(self, pytester: pytest.Pytester, folder: Path, arguments: list[str]) -> pytest.RunResult:
        with contextlib.chdir(folder):
            return pytester.runpytest(*_QUIET, *arguments)


def _footprint(folder: Path, arguments: list[str]) -> tuple[str, int]:
    screen = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        try:
            status = main(arguments)
        except SystemExit as end:  # --help
            status = int(end.code or 0)
    return screen.getvalue(), status


def _side(hunk: str, sign: str) -> str:
    return "".join(line[1:] or "\n" for line in hunk.splitlines(keepends=True) if line[0] in f" {sign}\n")
