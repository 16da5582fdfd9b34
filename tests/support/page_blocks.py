"""How each kind of block in the documentation is held to be true; see `docs/decisions/020`."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import torch
from page_project import REPOSITORY, WIDTH, PageError, PageProject
from shown import difference, difference_of_part
from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from pytest_footprint.cli import _parser
from pytest_footprint.model.run_json import read_run, run_text
from pytest_footprint.pytest_plugin.options import OPTIONS

if TYPE_CHECKING:
    import pytest

OUTPUT_HOLDS = "torch==" + torch.__version__.partition("+")[0] in (REPOSITORY / "constraints.txt").read_text("utf-8")
"""Another torch names its operators otherwise: with it, commands are run and what they print is not compared."""
_COMMENT = re.compile(r"^<!-- (file|copy|run|undo|setup)\b:?(.*?)-->$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^ *(?:- run: )?(?:python -m )?(pytest(?:-footprint)? [^#|>\n]*)", re.MULTILINE)
_FLAG = re.compile(r"--(?:mem|max)-[\w-]+")


def blocks(document: Document) -> Iterable[Region]:
    """All fenced blocks but the site's own directives, and the comments that direct them."""
    for fence in FencedCodeBlockLexer(r"[^\n]*")(document):
        if not fence.lexemes["language"].startswith("{"):
            yield Region(fence.start, fence.end, (fence.lexemes["language"], str(fence.lexemes["source"])), _check)
    for comment in _COMMENT.finditer(document.text):
        yield Region(comment.start(), comment.end(), (comment[1], comment[2]), _direct)


def remove_project(namespace: dict[str, Any]) -> None:
    if "project" in namespace:
        namespace["project"].remove()


def _project(example: Example) -> PageProject:
    if "project" not in example.namespace:
        example.namespace["project"] = PageProject(Path(example.path))
    project: PageProject = example.namespace["project"]
    return project


def _direct(example: Example) -> str | None:
    project, (verb, rest) = _project(example), example.parsed
    match verb:
        case "file":
            project.current = rest.strip()
        case "copy":
            project.copy(rest.strip())
        case "run":
            return _console(project, example.namespace["pytester"], f"$ {rest.strip()}")
        case "undo":
            project.undo()
        case "setup":
            with contextlib.chdir(project.cwd):
                exec(rest, {})  # noqa: S102 - our own page
    return None


def _check(example: Example) -> str | None:
    language, source = example.parsed
    check = _CHECKS.get(language)
    if check is None:
        return f"nothing checks a block of {language!r}; tests/support/page_blocks.py says what does"
    monkeypatch: pytest.MonkeyPatch = example.namespace["monkeypatch"]
    monkeypatch.setenv("COLUMNS", WIDTH)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:randomly")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # with it, syrupy would tell nothing
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    try:
        return check(_project(example), example.namespace["pytester"], source)
    except PageError as problem:
        return str(problem)


def _python(project: PageProject, pytester: pytest.Pytester, source: str) -> str | None:
    compile(source, project.current, "exec")
    names = project.show(source)
    if names and not project.copied:
        project.rehearse(pytester, names)
    return None


def _console(project: PageProject, pytester: pytest.Pytester, source: str) -> str | None:
    for command, shown in _commands(source):
        status = project.run(pytester, command)
        if shown:
            found = OUTPUT_HOLDS and difference(shown, project.output)
            if found:
                return f"$ {command}\n{found}"
        elif status:
            return f"$ {command}\nexit status {status}\n{project.output}"
    return None


def _commands(source: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", source, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown.strip("\n")


def _text(project: PageProject, pytester: pytest.Pytester, source: str) -> str | None:
    project.run_what_was_asked(pytester)
    return (OUTPUT_HOLDS and difference_of_part(source, project.output)) or None


def _diff(project: PageProject, pytester: pytest.Pytester, source: str) -> None:
    project.edit(source)


def _shell(project: PageProject, pytester: pytest.Pytester, source: str) -> str | None:
    known = {option.flag for option in OPTIONS}
    for command in _COMMAND.findall(source):
        if command.startswith("pytest-footprint"):
            _parser().parse_args(shlex.split(command)[1:])
        unknown = set(_FLAG.findall(command)) - known
        if command.startswith("pytest ") and unknown:
            return f"no option {unknown}"
    return None


def _json(project: PageProject, pytester: pytest.Pytester, source: str) -> str | None:
    schema = json.loads(files("pytest_footprint").joinpath("run.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(source))
    project.write(source)
    return difference(source, run_text(read_run(source))) or None


def _toml(project: PageProject, pytester: pytest.Pytester, source: str) -> str | None:
    tomllib.loads(source)
    path = project.cwd / project.current
    return difference(source, path.read_text("utf-8")) or None if path.suffix == ".toml" else None


def _ini(project: PageProject, pytester: pytest.Pytester, source: str) -> None:
    project.write(source)


def _by_hand(project: PageProject, pytester: pytest.Pytester, source: str) -> None:
    compile(source, "by hand", "exec")


def _drawing(project: PageProject, pytester: pytest.Pytester, source: str) -> None:
    pass


_CHECKS: dict[str, Callable[[PageProject, pytest.Pytester, str], str | None]] = {
    "python": _python,
    "console": _console,
    "text": _text,
    "diff": _diff,
    "sh": _shell,
    "yaml": _shell,
    "json": _json,
    "toml": _toml,
    "ini": _ini,
    "py": _by_hand,
    "": _drawing,
}
