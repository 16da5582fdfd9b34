"""Every kind of test that pytest runs can have a limit, a tracker and a baseline."""

from __future__ import annotations

import pytest
from user_project import FOOTPRINTS_WORK, TORCH_WORKS, Project

EVERY_KIND = """
    import unittest


    class TestClass:
        def test_method(self, mem_baseline):
            assert footprint(1024) == mem_baseline


    class TestCase(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _baseline(self, mem_baseline):
            self.mem_baseline = mem_baseline

        def test_method(self):
            assert footprint(1024) == self.mem_baseline


    @pytest.mark.asyncio
    async def test_coroutine(mem_baseline):
        assert footprint(1024) == mem_baseline


    @pytest.mark.parametrize("value", ["a/b", "ab", "a:b", "\\u00e9\\u732b", "x" * 300, "", " ", "A", "a"])
    def test_odd_ids(value, mem_baseline):
        assert footprint(1024 + 8 * len(value)) == mem_baseline


    @pytest.mark.xfail(strict=True)
    def test_xfails(mem_baseline):
        assert footprint(1024) == mem_baseline
        raise AssertionError


    def test_skips(mem_baseline):
        pytest.skip("not here")


    def test_raises(mem_baseline):
        assert footprint(1024) == mem_baseline
        raise ValueError("on purpose")
"""


def test_baselines_of_every_kind_of_test_are_stored_and_hold(each_way: Project) -> None:
    each_way.write(FOOTPRINTS_WORK, EVERY_KIND)

    each_way.run("--mem-baseline-update").assert_outcomes(passed=12, xfailed=1, skipped=1, failed=1)
    stored = each_way.baselines()
    each_way.run().assert_outcomes(passed=12, xfailed=1, skipped=1, failed=1)

    assert len(stored) == 14
    assert all(len(name.encode()) <= 255 for name in stored)
    assert stored == each_way.baselines()


def test_a_rerun_test_compares_with_its_one_baseline(project: Project) -> None:
    project.write(
        FOOTPRINTS_WORK,
        """
        runs = []

        @pytest.mark.flaky(reruns=2)
        def test_it(mem_baseline):
            runs.append(1)
            assert footprint(1024) == mem_baseline
            assert footprint(2048) == mem_baseline
            assert len(runs) == 3
        """,
    )

    assert project.run("--mem-baseline-update").parseoutcomes() == {"passed": 1, "rerun": 2}
    assert project.run().parseoutcomes() == {"passed": 1, "rerun": 2}

    assert list(project.baselines()) == ["test_it.2.cpu.toml", "test_it.cpu.toml"]


LIMITED = """
    import unittest

    pytestmark = pytest.mark.max_peak_memory("1KiB")


    class TestCase(unittest.TestCase):
        def setUp(self):
            self.kept = allocate(KIB)

        def test_within(self): pass

        def test_above(self): allocate(KIB)

        def test_own_failure(self):
            allocate(KIB)
            self.fail("its own")


    @pytest.mark.asyncio
    async def test_coroutine_above(): allocate(2 * KIB)


    @pytest.mark.parametrize("kib", [1, 2], ids=["one:", "two/"])
    def test_parametrized(kib): allocate(kib * KIB)


    @pytest.mark.xfail
    def test_expected_to_be_above(): allocate(2 * KIB)


    @pytest.mark.xfail(strict=True)
    def test_strictly_expected_but_within(): allocate(KIB)


    def test_skips_above():
        allocate(2 * KIB)
        pytest.skip("not here")


    def test_raises_above():
        allocate(2 * KIB)
        raise ValueError("its own")


    @pytest.fixture
    def broken(): raise OSError("no such device")


    def test_broken_set_up(broken): pass


    runs = []


    @pytest.mark.flaky(reruns=1)
    def test_within_at_second_run():
        runs.append(1)
        allocate(2 * KIB // len(runs))
"""


def test_limits_hold_for_every_kind_of_test(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    project.write(TORCH_WORKS, LIMITED)

    result = project.run("--mem-report")

    assert result.parseoutcomes() == {"passed": 3, "failed": 6, "xfailed": 1, "skipped": 1, "errors": 1, "rerun": 1}
    result.stdout.fnmatch_lines_random(
        [
            "FAILED test_it.py::TestCase::test_above - Failed: cpu peak is 2 KiB*",
            "FAILED test_it.py::TestCase::test_own_failure - AssertionError: its own",
            "FAILED test_it.py::test_coroutine_above - Failed: cpu peak is 2 KiB*",
            "FAILED test_it.py::test_parametrized[[]two/] - Failed: cpu peak is 2 KiB*",
            "FAILED test_it.py::test_strictly_expected_but_within*",
            "FAILED test_it.py::test_raises_above - ValueError: its own",
            "ERROR test_it.py::test_broken_set_up - OSError: no such device",
            "test_it.py::TestCase::test_own_failure *1 KiB  over the limit",
            "test_it.py::test_coroutine_above *1 KiB  over the limit",
            "test_it.py::test_expected_to_be_above *1 KiB  xfailed",
            "test_it.py::test_skips_above *1 KiB  skipped",
            "test_it.py::test_raises_above *1 KiB  over the limit",
            "test_it.py::test_within_at_second_run *cpu 1 KiB *1 KiB  passed",
        ]
    )


@pytest.mark.parametrize("name", ["mem_tracker", "mod_tracker", "fsdp_mem_tracker"])
def test_trackers_reach_a_test_case_through_an_autouse_fixture(project: Project, name: str) -> None:
    project.write(
        TORCH_WORKS,
        f"""
        import unittest

        class TestCase(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _tracker(self, {name}):
                self.tracker = {name}

            def test_it(self):
                assert self.tracker is not None
        """,
    )

    project.run().assert_outcomes(passed=1)
