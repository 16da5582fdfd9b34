from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_footprint.baseline import BaselineFormatError, BaselineWriteError, encode, read, write_atomically
from pytest_footprint.model.hierarchy import Hierarchy

ORDER = Hierarchy(("M", "M.ü"))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "a.toml"

    write_atomically(path, encode(ORDER))

    assert read(path, kind=Hierarchy) == ORDER
    assert names(path.parent) == ["a.toml"]


def test_files_get_the_permissions_that_others_get(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")

    write_atomically(tmp_path / "a.toml", "text")

    assert (tmp_path / "a.toml").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_line_ends_are_the_same_on_every_system(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.toml", "one\ntwo\n")

    assert (tmp_path / "a.toml").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(BaselineWriteError) as raised:
        write_atomically(path, "new")

    reason = "No space left on device; what was stored before is untouched"
    assert str(raised.value) == f"cannot write the baseline {path}: {reason}"
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.toml"]


def test_a_folder_that_cannot_be_made_is_a_write_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BaselineWriteError, match=r"cannot write the baseline .*a\.toml: (File exists|Not a directory)"):
        write_atomically(tmp_path / "file" / "a.toml", "new")


def test_a_remainder_of_a_killed_run_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.toml"
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(BaselineWriteError):
        write_atomically(path, "lost")
    monkeypatch.undo()
    assert len(names(tmp_path)) == 1

    write_atomically(path, "new")

    assert path.read_text() == "new"


def test_bytes_that_are_no_text_are_answered_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"schema = 1\nkind = '\xff'\n")

    with pytest.raises(BaselineFormatError, match=r"a\.toml:2: the baseline is damaged: it is not UTF-8 text;"):
        read(path)


def test_where_nothing_is_stored_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "a.toml")
