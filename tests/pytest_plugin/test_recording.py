"""What is tracked, from when to when, and what a limit does."""

from __future__ import annotations

import pytest
from refusals import first_uses
from user_project import TORCH_WORKS, Project


def test_the_fixture_the_marker_and_the_default_limit_work_together(each_way: Project) -> None:
    each_way.ini("max_peak_memory = 6KiB")
    each_way.write(
        TORCH_WORKS,
        """
        def test_tracker_is_recording_from_the_start(mem_tracker):
            allocate(4 * KIB)
            assert mem_tracker.footprint().peak.total == 4 * KIB

        def test_run_measures_its_steps(mem_tracker):
            footprint = mem_tracker.run(allocate, 2 * KIB, steps=2, warmup=1)
            assert footprint.peak.total == 2 * KIB

        def test_step_and_mark(mem_tracker):
            with mem_tracker.step():
                kept = allocate(KIB)
                mem_tracker.mark("kept")
            assert mem_tracker.footprint().at("kept").total == KIB

        def test_above_default(): allocate(8 * KIB)

        @pytest.mark.max_peak_memory("8KiB")
        def test_marker_goes_over_default(): allocate(8 * KIB)

        @pytest.mark.max_peak_memory("7KiB")
        def test_above_marker(): allocate(8 * KIB)

        @pytest.mark.max_peak_memory("1KiB")
        class TestClosest:
            @pytest.mark.max_peak_memory("4KiB")
            def test_closest_marker_wins(self): allocate(4 * KIB)

            def test_class_marker_holds_for_the_others(self): allocate(4 * KIB)
        """,
    )

    result = each_way.run()

    result.assert_outcomes(passed=5, failed=3)
    result.stdout.fnmatch_lines_random(
        [
            "cpu peak is 8 KiB, 2 KiB over the limit of 6 KiB (+33 %) from ini max_peak_memory",
            "cpu peak is 8 KiB, 1 KiB over the limit of 7 KiB (+14 %) from @pytest.mark.max_peak_memory('7KiB')",
            "cpu peak is 4 KiB, 3 KiB over the limit of 1 KiB (+300 %) from @pytest.mark.max_peak_memory('1KiB')",
            "*float32[[]2048]*ones*test_it.py:*",
        ]
    )
    result.stdout.no_fnmatch_line("*traceback entries are hidden*")


def test_the_option_limits_every_test(each_way: Project) -> None:
    each_way.ini("max_peak_memory = 1GiB")
    each_way.write(TORCH_WORKS, "def test_small(): allocate(KIB)", "def test_large(): allocate(4 * KIB)")

    result = each_way.run("--max-peak-memory=2KiB")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_large*cpu peak is 4 KiB*"])


def test_a_limit_may_be_of_one_reference_type_and_one_device(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        def train():
            model = torch.nn.Linear(16, 16, bias=False)
            model(torch.ones(1, 16)).sum().backward()

        @pytest.mark.max_peak_memory("1KiB", of="gradients")
        def test_gradients_are_within(): train()

        @pytest.mark.max_peak_memory(1023, of="parameters", device="cpu")
        def test_parameters_are_not(): train()

        @pytest.mark.max_peak_memory(0, device="cuda")
        def test_another_device_is_not_held_to_it(): train()
        """,
    )

    result = project.run()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["cpu peak of parameters is 1 KiB, 1 B over the limit of 1023 B*from @pytest*of='parameters'*"]
    )


def test_function_fixtures_count_and_wider_ones_do_not(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        @pytest.fixture(scope="module")
        def shared():
            allocate(64 * KIB)
            return allocate(KIB)

        @pytest.fixture
        def own(): return allocate(2 * KIB)

        @pytest.mark.max_peak_memory("2KiB")
        def test_first(own, shared): pass

        @pytest.mark.max_peak_memory("2KiB")
        def test_second(own, shared): pass

        @pytest.mark.max_peak_memory(2047)
        def test_third(own): pass
        """,
    )

    result = project.run()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_third*"])


def test_what_is_torn_down_after_the_test_does_not_count(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        @pytest.fixture
        def late():
            yield
            allocate(64 * KIB)

        @pytest.mark.max_peak_memory("2KiB")
        def test_it(late): allocate(KIB)
        """,
    )

    project.run().assert_outcomes(passed=1)


def test_a_limit_and_the_fixture_share_one_tracker(project: Project) -> None:
    project.conftest("""
        from pytest_footprint.tracking import MemTracker

        entered = []
        enter = MemTracker.__enter__
        MemTracker.__enter__ = lambda self: (entered.append(self), enter(self))[1]

        def pytest_unconfigure():
            MemTracker.__enter__ = enter
    """)
    project.write(
        TORCH_WORKS,
        """
        @pytest.mark.max_peak_memory("1MiB")
        def test_it(mem_tracker, request):
            late = request.getfixturevalue("mem_tracker")
            import conftest
            assert conftest.entered == [mem_tracker] == [late]
        """,
    )

    project.run("--mem-all", "--mem-report").assert_outcomes(passed=1)


def test_the_fixture_may_be_asked_for_late(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        def test_it(request):
            allocate(64 * KIB)
            tracker = request.getfixturevalue("mem_tracker")
            allocate(KIB)
            assert tracker.footprint().peak.total == KIB
        """,
    )

    project.run().assert_outcomes(passed=1)


def test_modes_of_fixtures_leave_torch_before_the_tracker_does(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack as stack

        class Mode(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                return func(*args, **(kwargs or {}))

        @pytest.fixture
        def mode():
            with Mode() as mode:
                yield
                assert stack()[-1] is mode

        def test_one(mode, mem_tracker): allocate(KIB)

        def test_nothing_is_left(): assert not stack()
        """,
    )

    project.run().assert_outcomes(passed=2)


def test_mem_all_tracks_what_touches_torch_and_leaves_the_rest_alone(each_way: Project) -> None:
    each_way.write("def test_plain(): pass", name="test_plain")
    each_way.write(TORCH_WORKS, "def test_torch(): allocate(KIB)", "def test_idle(): pass", name="test_torch")

    result = each_way.run("--mem-all", "--mem-report")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["test_torch.py::test_torch *cpu 1 KiB*"])
    result.stdout.no_fnmatch_line("test_plain.py::test_plain *")
    result.stdout.no_fnmatch_line("test_torch.py::test_idle *")


def test_the_report_shows_what_the_gpus_allocator_says_beside_what_was_tracked(each_way: Project) -> None:
    each_way.conftest(
        """
        import pytest
        from fake_cuda import FakeCuda

        @pytest.fixture(scope="session", autouse=True)
        def cuda():
            with FakeCuda().installed() as fake:
                fake.take(512)  # what the session keeps on the device
                yield fake
        """
    )
    each_way.write(
        TORCH_WORKS,
        """
        from fake_cuda import on_gpu

        def test_gpu(mem_tracker, cuda):
            kept = on_gpu(4 * KIB)
            cuda.pulse(5 * KIB)
            run = mem_tracker.run(cuda.pulse, KIB)
            assert run.measured["cuda:0"].allocated == KIB + 512

        @pytest.mark.max_peak_memory("2KiB", device="cuda")
        def test_above(cuda):
            kept = on_gpu(4 * KIB)
            cuda.pulse(3 * 1024 * KIB)

        def test_cpu(): allocate(KIB)
        """,
    )

    result = each_way.run("--mem-all", "--mem-report")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines_random(
        [
            "cuda:0 peak is 4 KiB, 2 KiB over the limit of 2 KiB (+100 %) from *",
            "cuda:0 peak by the CUDA allocator (whole process): 3 MiB allocated, 4 MiB reserved",
            "test * peak *allocated *reserved *limit *verdict",
            "test_it.py::test_gpu *cuda:0 4 KiB *5.5 KiB *2 MiB *passed",
            "test_it.py::test_above *cuda:0 4 KiB *3 MiB *4 MiB *over the limit",
        ]
    )


def test_mem_all_alone_names_the_highest_peak(project: Project) -> None:
    project.write(TORCH_WORKS, "def test_low(): allocate(KIB)", "def test_high(): allocate(2 * KIB)")

    result = project.run("--mem-all")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["2 tests tracked, highest peak cpu 2 KiB in test_it.py::test_high; --mem-report shows each"]
    )


@pytest.mark.parametrize("option", ["--mem-all", "--mem-report"])
def test_a_run_without_tracked_tests_says_how_to_track_one(project: Project, option: str) -> None:
    project.write("def test_it(): pass")

    result = project.run(option)

    result.stdout.fnmatch_lines(
        ["no test was tracked: use mem_tracker or max_peak_memory in a test, or run with --mem-all"]
    )


def test_footprints_are_dropped_when_their_test_is_over(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        from pytest_footprint.pytest_plugin.recording import RECORDING

        def test_first(mem_tracker): allocate(KIB)

        def test_second(request):
            first, second = request.session.items
            assert RECORDING not in first.stash
            assert RECORDING in second.stash
        """,
    )

    project.run("--mem-report").assert_outcomes(passed=2)


def test_mem_all_does_not_import_torch(project: Project) -> None:
    project.write("import sys\n\ndef test_it(): assert 'torch' not in sys.modules")

    project.run_alone("-p", "no:hypothesispytest", "--mem-all", "--mem-report").assert_outcomes(passed=1)


def test_a_default_limit_also_holds_for_a_test_that_imports_torch_itself(project: Project) -> None:
    project.write("def test_it():\n    import torch\n    torch.ones(1024)")

    result = project.run_alone("--max-peak-memory=1KiB")

    result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("ini", "args", "inside"),
    [
        pytest.param((), (), False, id="default"),
        pytest.param((), ("--mem-inside-ops",), True, id="option"),
        pytest.param(("mem_inside_ops = true",), (), True, id="ini"),
    ],
)
def test_memory_inside_operators_counts_when_asked_for(
    project: Project,
    ini: tuple[str, ...],
    args: tuple[str, ...],
    inside: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    project.ini(*ini)
    project.write(
        f"""
        import torch

        def test_unique(mem_tracker):
            x = torch.arange(1000)
            footprint = mem_tracker.run(x.unique)
            assert ("aten._unique2" in footprint.inside_ops) is {inside}
        """
    )

    project.run(*args).assert_outcomes(passed=1)


def test_a_torch_that_has_moved_something_is_told_in_four_lines_and_spoils_no_other_test(each_way: Project) -> None:
    each_way.conftest(
        """
        import pytest
        import torch

        @pytest.fixture(scope="session", autouse=True)
        def later_torch():
            with pytest.MonkeyPatch.context() as patch:
                patch.delattr(torch._C, "_current_graph_task_id")
                yield
        """
    )
    each_way.write(
        TORCH_WORKS,
        """
        def test_memory(mem_tracker): allocate(KIB)

        def test_modules(mod_tracker): allocate(KIB)

        def test_root(fsdp_mem_tracker): fsdp_mem_tracker(torch.nn.Linear(2, 2))

        @pytest.mark.max_peak_memory("1GiB")
        def test_limit(): allocate(KIB)

        def test_nothing_measured(): allocate(KIB)
        """,
    )

    with first_uses():
        result = each_way.run()

    result.assert_outcomes(passed=1, failed=1, errors=3)
    result.stdout.fnmatch_lines(
        [
            "pytest-footprint * cannot measure with torch *, which differs inside:",
            "  torch._C._current_graph_task_id is missing",
            "Nothing was recorded. Install a torch from 2.11.0 to 2.15.0, or a newer pytest-footprint;",
            "if there is none yet, please open an issue with this text.",
            "*ERROR at setup of *",
        ],
        consecutive=True,
    )
    result.stdout.no_fnmatch_line("During handling*")
    result.stdout.no_fnmatch_line("*self_check.py*")
