"""Options are declared once: pytest, ``--help`` and the page say the same."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.pytest_plugin.options import OPTIONS, Option
from pytest_footprint.pytest_plugin.options_page import options_page

if TYPE_CHECKING:
    from user_project import Project

PAGE = Path(__file__).parents[2] / "docs" / "options.md"


def test_the_page_says_what_the_code_says() -> None:
    command = "python -m pytest_footprint.pytest_plugin.options_page > docs/options.md"

    assert PAGE.read_text("utf-8") == options_page(), f"write it anew: {command}"


def test_help_says_of_each_option_what_the_page_says(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")

    text = project.run("--help").stdout.str()

    for option in OPTIONS:
        if option.flag:
            assert f"{option.about} ({f'ini: {option.ini}; ' if option.ini else ''}default: {option.default})" in text
        if option.ini:
            assert f"  {option.ini} (" in text


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_each_option_tells_what_it_does_and_its_default(option: Option) -> None:
    assert option.about
    assert option.default
    assert option.flag or option.ini
    assert "|" not in "".join(str(getattr(option, field.name)) for field in fields(option))


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.flag], ids=lambda option: option.name)
def test_an_option_that_is_not_given_leaves_the_ini_its_turn(
    option: Option, project: Project, pytester: pytest.Pytester
) -> None:
    assert pytester.parseconfig().getoption(option.name) is None
