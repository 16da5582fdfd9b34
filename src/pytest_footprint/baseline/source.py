"""The text of a baseline as TOML, and the line of each thing that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any, NoReturn

from pytest_footprint.baseline import toml
from pytest_footprint.baseline.encode import SCHEMA
from pytest_footprint.baseline.errors import BaselineFormatError
from pytest_footprint.baseline.kinds import KINDS

_CONFLICT = re.compile(r"(?:<<<<<<<|>>>>>>>|\|\|\|\|\|\|\|) .*|=======")
_AT_LINE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True)
class Source:
    """The text of one file, where it is from, and what writes it anew."""

    text: str
    where: str
    renew: str

    @property
    def lines(self) -> list[str]:
        """The lines, without the empty one behind the last."""
        return self.text.rstrip("\n").split("\n")

    def parse(self) -> dict[str, Any]:
        """What it says.

        Raises:
            BaselineFormatError: it is no TOML, or holds the marks of a merge conflict.
        """
        for number, line in enumerate(self.lines, start=1):
            if _CONFLICT.fullmatch(line.rstrip()):
                self.fail(f"the baseline has a merge conflict: {line.rstrip()!r}; settle it", line=number)
        try:
            return tomllib.loads(self.text)
        except RecursionError:
            self.fail("the baseline is damaged: its lists and tables are nested too deeply to be read")
        except tomllib.TOMLDecodeError as problem:
            match = _AT_LINE.search(str(problem))
            place = int(match[1]) if match and match[1] else len(self.lines)
            what = _AT_LINE.sub("", str(problem)).strip()
            self.fail(f"the baseline is damaged: {what[:1].lower()}{what[1:]}", line=place)

    def check_schema(self, document: dict[str, Any]) -> None:
        """Refuse what another version wrote.

        Raises:
            BaselineFormatError: it has another schema, or none.
        """
        found = document.get("schema")
        if not isinstance(found, int) or isinstance(found, bool):
            self.fail("the file is no baseline: it has no schema number", "schema")
        if found > SCHEMA:
            newer = (
                f"the baseline has schema {found}, written by a newer pytest-footprint; this one reads schema {SCHEMA}"
            )
            self.fail(f"{newer}: upgrade it", "schema")
        if found < SCHEMA:
            self.fail(f"the baseline has the old schema {found}; this version reads schema {SCHEMA}", "schema")

    def kind(self, document: dict[str, Any]) -> str:
        """Which kind of value it holds.

        Raises:
            BaselineFormatError: there is no such kind.
        """
        found = document.get("kind")
        if not isinstance(found, str) or found not in KINDS:
            self.fail(f"the baseline has kind {found!r}, which is none of {', '.join(KINDS)}", "kind")
        return found

    def fail(self, problem: str, *path: str, line: int | None = None) -> NoReturn:
        """Say what is wrong, at ``line`` or where the value at ``path`` is defined.

        Raises:
            BaselineFormatError: always.
        """
        raise BaselineFormatError(self.where, line or self._line_of(path), problem, self.renew) from None

    def _line_of(self, path: tuple[str, ...]) -> int:
        """The line that defines the value at ``path``, or the nearest table around it; the first line failing that."""
        at = 0
        for length in range(len(path), 0, -1):
            heading = toml.header(*path[:length]).strip()
            if heading in self.lines:
                at = self.lines.index(heading)
                break
        for number, line in enumerate(self.lines[at:], start=at + 1):
            if path and line.startswith(f"{toml.key(path[-1])} ="):
                return number
        return at + 1
