"""What GitHub reads: workflow commands, and the summary of a step."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.report.markdown import cell_code, code_block, details, escaped, row

_ROWS = 50
_FAILURES = 20
_MOST = 500_000
"""Bytes of one summary: GitHub takes 1 MiB a step, and other tools of the step write there too."""


def annotation(*, file: str, line: int, title: str, message: str) -> str:
    """The command that shows ``message`` at a line of the changed files.

    Escaped as `actions/toolkit`'s ``command.ts`` does.
    """
    values = (("file", file), ("line", str(line)), ("title", title))
    properties = ",".join(f"{name}={_escaped_property(value)}" for name, value in values)
    return f"::error {properties}::{_escaped_data(message)}"


def step_summary(failures: Sequence[tuple[str, str]], tracked: Sequence[tuple[str, str, str, str, str]]) -> str:
    """Markdown for the page of a workflow run.

    Args:
        failures: test and our text for it.
        tracked: test, peak, its largest reference type, limit and verdict, the highest peak first.
    """
    said = [f"{len(failures)} test{'s' * (len(failures) > 1)} failed"] if failures else []
    said += [f"{len(tracked)} test{'s' * (len(tracked) > 1)} tracked"] if tracked else []
    parts = [f"### Memory: {', '.join(said)}"]
    if failures:
        rows = [row(cell_code(test), escaped(text.partition("\n")[0])) for test, text in failures[:_FAILURES]]
        parts.append("\n".join([row("test", "why it failed"), "|---|---|", *rows]))
        parts += [details(test, code_block(text)) for test, text in failures[:_FAILURES]]
        parts += _more(len(failures) - _FAILURES, "failures")
    if tracked:
        shown = tracked[:_ROWS]
        rows = [row(cell_code(test), *map(escaped, cells)) for test, *cells in shown]
        parts.append("\n".join([row("test", "peak", "largest", "limit", "verdict"), "|---|--:|---|--:|---|", *rows]))
        parts += _more(len(tracked) - len(shown), "tests, with lower peaks")
    return _fitting(parts)


def _more(count: int, what: str) -> list[str]:
    return [f"and {count} more {what}"] if count > 0 else []


def _fitting(parts: Sequence[str]) -> str:
    text = ""
    for part in parts:
        if len((text + part).encode("utf-8", "surrogatepass")) < _MOST:
            text += f"{part}\n\n"
    return text


def _escaped_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped_data(text).replace(":", "%3A").replace(",", "%2C")
