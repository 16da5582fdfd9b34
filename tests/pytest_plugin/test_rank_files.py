"""Which files of ranks are deleted again, and what is told of them, whichever of two processes comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_footprint import Footprint
from pytest_footprint.baseline import encode
from pytest_footprint.pytest_plugin.baselines.rank_files import RankFiles
from pytest_footprint.pytest_plugin.results import LIKE_FIRST_RANK, BaselineUpdate

RANK2 = "test_it[rank2].cpu.toml"
NEW = BaselineUpdate(RANK2, "", "cpu peak 0 B")
CHANGED = BaselineUpdate(RANK2, "cpu peak 1 B", "cpu peak 0 B")
OF_ANOTHER = BaselineUpdate("test_it[rank3].cpu.toml", "", "cpu peak 3 B")


@pytest.fixture
def files(tmp_path: Path) -> RankFiles:
    """Those of rank 2, whose file says what that of rank 0 says."""
    own, first = tmp_path / RANK2, tmp_path / "test_it[rank0].cpu.toml"
    for path in (own, first):
        path.write_text(encode(Footprint()), "utf-8")
    return RankFiles(own, lambda path: path.name, first)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param([NEW], [], id="new in this run, so as if it had never been"),
        pytest.param([CHANGED], [BaselineUpdate(RANK2, "its own", LIKE_FIRST_RANK)], id="written over"),
        pytest.param([], [BaselineUpdate(RANK2, "its own", LIKE_FIRST_RANK)], id="of an earlier run"),
    ],
)
def test_an_equal_file_is_deleted_and_told(
    files: RankFiles, written: list[BaselineUpdate], told: list[BaselineUpdate]
) -> None:
    updates = [OF_ANOTHER, *written]

    files.drop_equal(updates)

    assert not files.own.exists()
    assert updates == [OF_ANOTHER, *told]


def test_what_another_process_deletes_in_the_meantime_that_one_tells(
    files: RankFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(path: Path) -> None:
        raise FileNotFoundError(path)

    updates = [NEW]
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", overtaken)
        files.drop_equal(updates)

    assert updates == [NEW]
