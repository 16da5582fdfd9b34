"""`pytest-footprint check` and `pytest-footprint prune`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_footprint.baseline import baseline_path, encode, write_atomically
from pytest_footprint.cli import main
from pytest_footprint.model.hierarchy import Hierarchy

NEWER = "the baseline has schema 99, written by a newer pytest-footprint; this one reads schema 1: upgrade it"
STORED = encode(Hierarchy(("M", "M.a")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two test files with a baseline each, one of them in a sub-folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("test_a.py", "sub/test_b.py"):
        store(name)
        (tmp_path / name).touch()
    return tmp_path


def store(test_file: str, test: str = "test_it", device: str = "cpu", text: str = STORED) -> Path:
    path = baseline_path(Path(test_file), test, None, device)
    write_atomically(path, text)
    return path


def test_when_all_is_well_check_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "2 baselines checked: all can be read and have a test file\n"


def test_check_lists_what_cannot_be_used(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store("test_a.py", "test_newer", text=STORED.replace("schema = 1", "schema = 99"))
    store("test_gone.py", device="cuda-h200")

    assert main(["check", "."]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "4 baselines checked",
        "1 cannot be read:",
        f"  __footprints__/test_a/test_newer.cpu.toml:2: {NEWER}; to renew it: pytest --mem-baseline-update",
        "1 without a test file:",
        "  __footprints__/test_gone/test_it.cuda-h200.toml",
        "to delete these: pytest-footprint prune --delete",
        "after renaming a test file: rename their folder instead",
    ]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["sub"], 1),
        (["test_a.py"], 1),
        (["__footprints__"], 1),
        (["__footprints__/test_a"], 1),
        (["__footprints__/test_a/test_it.cpu.toml"], 1),
        ([".", "sub", "test_a.py"], 2),
    ],
)
def test_paths_say_what_to_look_at(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], count: int
) -> None:
    assert main(["check", *arguments]) == 0
    assert capsys.readouterr().out.startswith(f"{count} baseline{'s' * (count > 1)} checked:")


def test_where_there_are_none_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    store(".venv/lib/test_x.py")
    store("env/test_x.py")
    Path("env/pyvenv.cfg").touch()

    assert main(["check"]) == main(["prune"]) == 0
    assert capsys.readouterr().out == "0 baselines checked\nnothing to delete: each baseline has a test file\n"


@pytest.mark.parametrize("command", ["check", "prune"])
def test_a_path_that_does_not_exist_is_bad_input(
    project: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "tests"]) == 2
    assert (
        capsys.readouterr().err
        == f"pytest-footprint {command}: tests does not exist; name a folder, a test file or a baseline\n"
    )


def test_prune_lists_first_and_deletes_on_demand(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = [store("test_gone.py", device=device) for device in ("cpu", "cuda-h200")]
    listed = [f"  {path}" for path in gone]

    assert main(["prune"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "would delete 2 baselines whose test file is gone:",
        *listed,
        "nothing was deleted yet; to do it: the same with --delete",
    ]
    assert all(path.exists() for path in gone)

    assert main(["prune", "--delete"]) == 0
    assert capsys.readouterr().out.splitlines() == ["deleted 2 baselines whose test file is gone:", *listed]
    assert not gone[0].parent.exists()
    assert main(["check"]) == 0


def test_a_baseline_that_cannot_be_deleted_is_said(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store("test_gone.py")

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", read_only)

    assert main(["prune", "--delete"]) == 2
    assert capsys.readouterr().err == (
        f"pytest-footprint prune: cannot delete the baseline {path}: Read-only file system\n"
    )
