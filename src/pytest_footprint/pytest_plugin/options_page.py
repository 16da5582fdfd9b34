"""The page that lists every option: ``python -m pytest_footprint.pytest_plugin.options_page > docs/options.md``."""

from __future__ import annotations

import sys

from pytest_footprint.pytest_plugin.options import OPTIONS, Option

_HEAD = """\
# Options

Written by `python -m pytest_footprint.pytest_plugin.options_page > docs/options.md`; edit
`src/pytest_footprint/pytest_plugin/options.py`.

What stands in a test or conftest file goes before the command line, that before the ini file, that before the
default. `--max-peak-memory=` without a size takes back the limit of the ini file, and `--mem-tolerance=`, `--mem-json=`
and `--mem-trace=` likewise; the last two are an error where the ini file has none.

| in code | command line | ini | default | what it does |
|---|---|---|---|---|
"""
_NONE = "-"


def options_page() -> str:
    """The page as Markdown."""
    return _HEAD + "".join(f"| {' | '.join(_cells(option))} |\n" for option in OPTIONS)


def _cells(option: Option) -> list[str]:
    flag = f"{option.flag}{'=' if option.metavar else ''}{option.metavar}"
    ini = f"{option.ini} ({'true or false' if option.ini_type == 'bool' else option.ini_type})"
    return [
        "<br>".join(map(_code, option.code)) or _NONE,
        _code(flag) if option.flag else _NONE,
        _code(option.ini) + ini.removeprefix(option.ini) if option.ini else _NONE,
        option.default,
        option.about,
    ]


def _code(text: str) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    sys.stdout.write(options_page())
