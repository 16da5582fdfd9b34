"""What a run may call stale, case by case."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_footprint.baseline import baseline_path
from pytest_footprint.baseline.orphans import RanFile, orphans

TEST_FILE = Path("tests/test_a.py")
FOLDER = Path("tests/__footprints__/test_a")


def names(
    stored: str, *, asked: str = "", unreached: tuple[str, ...] = (), ran: bool = True, gone: bool = False
) -> list[str]:
    """Stale ones of ``stored``; names are written without ``.toml`` and with spaces between."""
    judged = orphans(
        [FOLDER / f"{name}.toml" for name in stored.split()],
        [FOLDER / f"{name}.toml" for name in asked.split()],
        [RanFile(TEST_FILE, frozenset(unreached))] if ran else [],
        [FOLDER] if gone else [],
    )
    return [path.name.removesuffix(".toml") for path in judged]


@pytest.mark.parametrize(
    ("stored", "asked", "unreached", "expected"),
    [
        pytest.param("t.cpu", "t.cpu", (), "", id="asked for"),
        pytest.param("t.cpu old.cpu", "t.cpu", (), "old.cpu", id="test is gone"),
        pytest.param("old.cpu old.order.any", "", (), "old.cpu old.order.any", id="the last test is gone"),
        pytest.param("t.cpu t.order.any", "t.cpu", (), "t.order.any", id="check is gone"),
        pytest.param("t.cpu t.2.cpu", "t.cpu", (), "t.2.cpu", id="second check is gone"),
        pytest.param("t[a].cpu t[b].cpu", "t[a].cpu", (), "t[b].cpu", id="parameter is gone"),
        pytest.param("T..t.cpu t.cpu", "t.cpu", (), "T..t.cpu", id="class is gone"),
        pytest.param("t.cpu t.2.cpu t.order.any", "t.cpu", ("t",), "", id="test stopped at its second check"),
        pytest.param("t.cpu", "", ("t",), "", id="test was skipped"),
        pytest.param("t[a].cpu u[a].cpu", "", ("t[NOTSET]",), "u[a].cpu", id="no parameters here"),
        pytest.param("ta.cpu t.cpu", "", ("t",), "ta.cpu", id="a name that begins alike"),
        pytest.param("t.cpu t.cuda-H200", "t.cpu", (), "", id="also a baseline of another device"),
        pytest.param("t.cpu old.cuda-H200", "t.cpu", (), "", id="test of another device"),
        pytest.param("t.cpu old.cuda-H200 old.order.any", "t.cpu", (), "", id="what goes with another device"),
        pytest.param(
            "t.cpu old.cpu old.cuda-H200 old.order.any", "t.cpu", (), "old.cpu old.order.any", id="both devices"
        ),
        pytest.param("t.cpu t[cuda].order.any", "t.cpu", (), "", id="named after a device that is not here"),
        pytest.param("t.cpu t[barracuda].cpu", "t.cpu", (), "t[barracuda].cpu", id="named after no device"),
        pytest.param("t.cpu t.cuda-H200", "t.cuda-H200", (), "", id="the CPU's baseline on a GPU machine"),
        pytest.param("u.cpu t.cuda-H200", "t.cuda-H200", (), "", id="a CPU test that did not run on the GPU machine"),
        pytest.param(
            "u.cpu old.cuda-H200", "u.cpu v.cuda-H200", (), "old.cuda-H200", id="test is gone on a GPU machine"
        ),
        pytest.param("t.cpu", "t.order.any", (), "t.cpu", id="only orders are left"),
        pytest.param("notes .hidden t", "", (), "", id="files of others"),
    ],
)
def test_only_what_no_check_of_this_device_can_ask_for_is_stale(
    stored: str, asked: str, unreached: tuple[str, ...], expected: str
) -> None:
    assert " ".join(names(stored, asked=asked, unreached=unreached)) == expected


def test_a_file_that_did_not_run_completely_is_not_judged() -> None:
    assert names("old.cpu", ran=False) == []


def test_all_of_a_test_file_that_is_gone_is_stale_but_for_other_devices() -> None:
    assert names("t.cpu t.order.any u.cuda-H200", ran=False, gone=True) == ["t.cpu", "t.order.any"]


def test_checks_of_one_file_say_nothing_of_another() -> None:
    other = Path("tests/__footprints__/test_b/t.cpu.toml")

    assert orphans([FOLDER / "t.cpu.toml"], [other], [RanFile(TEST_FILE), RanFile(Path("tests/test_b.py"))]) == (
        FOLDER / "t.cpu.toml",
    )


@pytest.mark.parametrize("test_id", ["T::t[a/b]", "t[FP16]", "t[é.猫]", f"t[{'x' * 300}]", "T::U::t"])
@pytest.mark.parametrize("name", [None, "order", "7", "a.b"])
@pytest.mark.parametrize("index", [1, 2])
def test_a_test_that_failed_keeps_its_baselines_however_it_is_called(
    test_id: str, name: str | None, index: int
) -> None:
    path = baseline_path(TEST_FILE, test_id, name, "cpu", index=index)

    assert orphans([path], [], [RanFile(TEST_FILE)]) == (path,)
    assert orphans([path], [], [RanFile(TEST_FILE, frozenset({test_id}))]) == ()
