from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.run import CheckVerdict
from pytest_footprint.pytest_plugin.baselines.check import BaselineCheck
from pytest_footprint.pytest_plugin.relative import relative
from pytest_footprint.pytest_plugin.texts import shown

if TYPE_CHECKING:
    import pytest


def test_a_path_is_shown_from_the_folder_that_the_reader_knows(tmp_path: Path) -> None:
    assert relative(tmp_path / "a" / "b", tmp_path) == Path("a", "b")
    assert relative(tmp_path / "a", tmp_path / "b") == Path("..", "a")


def test_a_path_on_another_drive_is_shown_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_way(path: object, start: object) -> NoReturn:
        msg = f"path is on mount 'D:', start on mount 'C:': {path}, {start}"
        raise ValueError(msg)

    monkeypatch.setattr(os.path, "relpath", no_way)
    config: Any = SimpleNamespace(rootpath=tmp_path, invocation_params=SimpleNamespace(dir=tmp_path))
    path = tmp_path / "test_a.toml"
    check = BaselineCheck(path, str(path), Footprint(), "pytest --mem-baseline-update", "cpu")

    assert shown(path, config) == str(path)
    assert check.result(CheckVerdict.MISSING, "", "", config).baseline == path.as_posix()
