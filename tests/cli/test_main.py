from __future__ import annotations

from importlib.metadata import version

import pytest

from pytest_footprint.cli import main


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])

    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"pytest-footprint {version('pytest-footprint')}\n"


def test_without_arguments_it_shows_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    status = main([])

    assert status == 0
    assert "pytest --mem-baseline-update   store what is measured now" in capsys.readouterr().out
