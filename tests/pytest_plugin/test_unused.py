"""Tests that use nothing of ours: what they cost in hooks, and that whatever turns up late is still served."""

from __future__ import annotations

import pytest
from user_project import FOOTPRINTS_WORK, TORCH_WORKS, Project


def test_a_tracker_that_a_fixture_asks_for_late_is_the_one_of_the_test_and_later_tests_are_served(
    each_way: Project,
) -> None:
    each_way.write(
        TORCH_WORKS,
        """
        @pytest.fixture
        def late(request): return request.getfixturevalue("mem_tracker")

        @pytest.fixture
        def after(late): return allocate(2 * KIB)

        def test_plain(): pass

        def test_late(late, after):
            allocate(KIB)
            assert late.footprint().peak.total == 3 * KIB

        def test_inside(request):
            kept = allocate(64 * KIB)
            tracker = request.getfixturevalue("mem_tracker")
            allocate(KIB)
            assert tracker.footprint().peak.total == KIB

        def test_each_has_its_own(request):
            assert request.getfixturevalue("mem_tracker").footprint().peak.total == 0

        def test_world(request):
            request.getfixturevalue("fsdp_mem_tracker")

        def test_without_a_size(request):
            request.getfixturevalue("fake_world")
        """,
    )

    result = each_way.run()

    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["*the fixture fake_world needs to know how many ranks there are*"])


def test_what_was_asked_for_late_is_dropped_and_leaves_torch_when_its_test_is_over(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as stack
        from pytest_footprint.pytest_plugin.recording import RECORDING

        def test_late(request): request.getfixturevalue("mem_tracker")

        def test_next(request):
            assert RECORDING not in request.session.items[0].stash
            assert not stack()
        """,
    )

    project.run().assert_outcomes(passed=2)


def test_a_baseline_that_is_asked_for_late_is_written_checked_and_explained(each_way: Project) -> None:
    text = """
        def test_plain(): pass

        def test_late(request):
            assert footprint({}) == request.getfixturevalue("mem_baseline")

        def test_after(): pass
    """
    each_way.write(FOOTPRINTS_WORK, text.format(1024))

    written = each_way.run("--mem-baseline-update")
    written.assert_outcomes(passed=3)
    written.stdout.fnmatch_lines(["*memory baselines written*", "*test_late*"])
    assert list(each_way.baselines()) == ["test_late.cpu.toml"]
    each_way.run().assert_outcomes(passed=3)

    each_way.write(FOOTPRINTS_WORK, text.format(2048))
    changed = each_way.run()
    changed.assert_outcomes(passed=2, failed=1)
    changed.stdout.fnmatch_lines(["*peak*5 KiB*6 KiB*"])


ADDERS = {
    "protocol": """
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            mark(item)
            return (yield)
    """,
    "set-up": """
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_setup(item):
            mark(item)
            return (yield)
    """,
    "earlier test": """
        @pytest.fixture(scope="module", autouse=True)
        def marks(request):
            for item in request.session.items:
                mark(item)
    """,
    "class": """
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            mark(item.parent)
            return (yield)
    """,
}


@pytest.mark.parametrize("adder", ADDERS.values(), ids=list(ADDERS))
def test_a_limit_that_is_added_while_tests_run_holds(project: Project, adder: str) -> None:
    project.conftest("import pytest\n\ndef mark(node): node.add_marker(pytest.mark.max_peak_memory('1KiB'))\n")
    conftest = project.path / "conftest.py"
    conftest.write_text(conftest.read_text("utf-8") + _dedent(adder), "utf-8")
    project.write(
        TORCH_WORKS,
        """
        @pytest.fixture
        def own(): return allocate(KIB)

        class TestIt:
            def test_first(self): pass
            def test_within(self): allocate(KIB)
            def test_above(self): allocate(2 * KIB)
            def test_above_with_its_fixture(self, own): allocate(KIB)
        """,
    )

    result = project.run()

    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines_random(
        ["FAILED *test_above - *cpu peak is *", "FAILED *test_above_with_its_fixture - *cpu peak is *"]
    )


def test_a_wrong_limit_that_is_added_while_tests_run_fails_the_set_up_of_its_test(project: Project) -> None:
    project.conftest("""
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            item.add_marker(pytest.mark.max_peak_memory("lots"))
            return (yield)
    """)
    project.write("def test_it(): pass")

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["max_peak_memory: 'lots' is not a byte size;*"])


def test_a_fake_world_that_is_added_while_tests_run_begins_before_the_fixtures(each_way: Project) -> None:
    each_way.conftest("""
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_setup(item):
            if item.name == "test_world":
                item.add_marker(pytest.mark.fake_world(8))
            return (yield)
    """)
    each_way.write(
        """
        import pytest
        import torch.distributed as dist

        @pytest.fixture
        def size(): return dist.get_world_size()

        def test_plain(): assert not dist.is_initialized()
        def test_world(size): assert size == 8
        def test_over(): assert not dist.is_initialized()
        """
    )

    each_way.run().assert_outcomes(passed=3)


def test_the_baseline_of_a_test_that_is_gone_is_stale_although_no_test_uses_us_any_more(each_way: Project) -> None:
    each_way.write(
        FOOTPRINTS_WORK, "def test_gone(mem_baseline): assert footprint(1024) == mem_baseline", "def test_stays(): pass"
    )
    each_way.run("--mem-baseline-update").assert_outcomes(passed=2)
    each_way.write("def test_stays(): pass\n\ndef test_new(): pass")

    result = each_way.run()

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*stale memory baselines*", "*test_gone.cpu.toml*"])
    each_way.run("--mem-baseline-prune").assert_outcomes(passed=2)
    assert not each_way.baselines()


def test_another_plugin_hears_of_a_tracker_that_is_asked_for_late(project: Project) -> None:
    project.conftest("""
        def pytest_footprint_taken(item, footprint):
            print("heard:", item.name, footprint.peak.total)
    """)
    project.write(TORCH_WORKS, "def test_it(request):\n    request.getfixturevalue('mem_tracker')\n    allocate(KIB)")

    project.run("-s").stdout.fnmatch_lines(["*heard: test_it 1 KiB*"])


HOOKS_CALLED = """
    import pytest

    calls = []

    def pytest_configure(config):
        def note(name, implementations, arguments):
            called = [each for each in implementations if each.function.__module__.startswith("pytest_footprint")]
            if name.startswith("pytest_runtest") or name == "pytest_fixture_setup":
                calls.extend([name] * len(called))

        config.add_cleanup(config.pluginmanager.add_hookcall_monitoring(note, lambda *_: None))

    def pytest_unconfigure():
        print("called:", sorted(set(calls)), len(calls))
"""


def test_one_hook_is_called_around_a_test_that_uses_nothing(project: Project) -> None:
    project.conftest(HOOKS_CALLED)
    project.write("""
        import pytest

        @pytest.fixture
        def own(): pass

        @pytest.mark.parametrize("number", range(10))
        def test_it(number, own): pass
    """)

    project.run("-s").stdout.fnmatch_lines(["called: [[]'pytest_runtest_setup'] 10"])


def _dedent(text: str) -> str:
    return "\n".join(line.removeprefix("        ") for line in text.splitlines()) + "\n"
