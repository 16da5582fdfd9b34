"""A baseline's life: missing, stored, holding, broken, renewed."""

from __future__ import annotations

import os
import re
import sys

import pytest
from user_project import FOOTPRINTS_WORK, TORCH_WORKS, Project

ONE_TEST = """
    def test_step(mem_baseline):
        assert footprint(SIZE) == mem_baseline
"""


def write_test(project: Project, size: int, test: str = ONE_TEST) -> None:
    project.write(FOOTPRINTS_WORK, f"SIZE = {size}", test)


def store(project: Project, size: int = 1024, test: str = ONE_TEST) -> None:
    write_test(project, size, test)
    project.run("--mem-baseline-update").assert_outcomes(passed=1)


def test_a_baseline_goes_from_missing_to_stored_to_broken_to_renewed(each_way: Project) -> None:
    write_test(each_way, 1024)
    missing = each_way.run()
    created = each_way.run("--mem-baseline-update")
    holds = each_way.run()
    write_test(each_way, 3072)
    broken = each_way.run()
    renewed = each_way.run("--mem-baseline-update")
    holds_again = each_way.run()

    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(
        [
            "E  *no memory baseline is stored at __footprints__/test_it/test_step.cpu.toml",
            "E       measured: cpu peak 5 KiB",
            "E       store it: pytest test_it.py::test_step --mem-baseline-update",
        ]
    )
    created.assert_outcomes(passed=1)
    created.stdout.fnmatch_lines(
        ["*= memory baselines written =*", "__footprints__/test_it/test_step.cpu.toml *- *-> *cpu peak 5 KiB"]
    )
    holds.assert_outcomes(passed=1)
    holds.stdout.no_fnmatch_line("*memory baselines written*")
    broken.assert_outcomes(failed=1)
    broken.stdout.fnmatch_lines(
        [
            "E  *memory differs from its baseline: cpu peak +2 KiB*",
            "E  *changed  *",
            "E  *peak*activations *5 KiB *7 KiB *+2 KiB *+40 %*",
            "E  *pytest test_it.py::test_step --mem-baseline-update",
            "FAILED test_it.py::test_step - *memory differs from*",
        ]
    )
    broken.stdout.no_fnmatch_line("*[[]+ received]*")
    broken.stdout.no_fnmatch_line("*truncated*")
    renewed.assert_outcomes(passed=1)
    renewed.stdout.fnmatch_lines(["__footprints__/test_it/test_step.cpu.toml *cpu peak 5 KiB *-> *cpu peak 7 KiB"])
    holds_again.assert_outcomes(passed=1)


def test_trackers_and_their_values_have_baselines_of_their_own(each_way: Project) -> None:
    each_way.write(
        TORCH_WORKS,
        """
        def step(model, x): model(x).sum().backward()

        def test_all(mem_tracker, mod_tracker, mem_baseline):
            model, x = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()), torch.ones(2, 4)
            footprint = mem_tracker.run(step, model, x)
            assert footprint == mem_baseline
            assert mem_tracker == mem_baseline(name="memory")
            assert mod_tracker == mem_baseline(name="order")
            assert mod_tracker.structure(model) == mem_baseline(name="structure")
        """,
    )

    each_way.run("--mem-baseline-update").assert_outcomes(passed=1)
    each_way.run().assert_outcomes(passed=1)

    assert list(each_way.baselines()) == [
        "test_all.cpu.toml",
        "test_all.memory.cpu.toml",
        "test_all.order.any.toml",
        "test_all.structure.any.toml",
    ]


def test_snapshot_update_writes_too(each_way: Project) -> None:
    write_test(each_way, 1024)

    each_way.run("--snapshot-update").assert_outcomes(passed=1)
    each_way.run().assert_outcomes(passed=1)

    assert list(each_way.baselines()) == ["test_step.cpu.toml"]


@pytest.mark.parametrize(
    ("ini", "args", "call"),
    [
        ("mem_tolerance = 50%", (), ""),
        ("", ("--mem-tolerance=0.5",), ""),
        ("mem_tolerance = 1%", (), '(tolerance="50%")'),
        ("", (), '(tolerance="1KiB")'),
    ],
    ids=["ini", "option", "call", "absolute call"],
)
def test_a_tolerance_allows_both_directions_up_to_its_bound(
    project: Project, ini: str, args: tuple[str, ...], call: str
) -> None:
    project.ini(ini)
    test = f"def test_step(mem_baseline):\n    assert footprint(SIZE) == mem_baseline{call}"
    store(project, 2048, test)
    outcomes = []

    for size in (1024, 3072, 1023, 3073):
        write_test(project, size, test)
        outcomes.append(project.run(*args).parseoutcomes())

    assert outcomes == [{"passed": 1}, {"passed": 1}, {"failed": 1}, {"failed": 1}]


def test_a_conftest_sets_the_tolerance_of_its_tests(project: Project) -> None:
    project.conftest("""
        import pytest

        @pytest.fixture
        def mem_baseline(mem_baseline):
            return mem_baseline.with_defaults(tolerance="50%")
    """)
    test = """
        def test_step(mem_baseline):
            assert footprint(SIZE) == mem_baseline
            assert footprint(SIZE) == mem_baseline(name="strict", tolerance=0)
            assert footprint(SIZE) == mem_baseline
    """
    store(project, 2048, test)
    write_test(project, 2049, test.replace("tolerance=0", ""))
    default = project.run("--mem-tolerance=0")
    write_test(project, 2049, test)

    strict = project.run()

    default.assert_outcomes(passed=1)
    strict.assert_outcomes(failed=1)
    strict.stdout.fnmatch_lines([">  *mem_baseline(name=*", "E  *memory differs from its baseline: cpu peak +1 B*"])
    assert list(project.baselines()) == ["test_step.2.cpu.toml", "test_step.cpu.toml", "test_step.strict.cpu.toml"]


def test_other_defaults_than_those_of_a_baseline_are_an_error(project: Project) -> None:
    write_test(project, 1024, "def test_step(mem_baseline): mem_baseline.with_defaults(matcher=None)")

    project.run().stdout.fnmatch_lines(["E  *TypeError: mem_baseline.with_defaults takes tolerance=, not matcher="])


def test_an_update_leaves_what_is_within_the_tolerance_alone(project: Project) -> None:
    store(project, 1000)
    stored = project.baselines()
    write_test(project, 1001)

    result = project.run("--mem-baseline-update", "--mem-tolerance=1%")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*memory baselines written*")
    assert project.baselines() == stored


def test_each_device_has_its_own_baseline(project: Project) -> None:
    store(project)

    write_test(
        project, 4096, 'def test_step(mem_baseline):\n    assert footprint(SIZE, "cuda-NVIDIA H200") == mem_baseline'
    )
    project.run("--mem-baseline-update").assert_outcomes(passed=1)

    assert list(project.baselines()) == ["test_step.cpu.toml", "test_step.cuda-NVIDIA-H200~*.toml"] or [
        name.partition("~")[0] for name in project.baselines()
    ] == ["test_step.cpu.toml", "test_step.cuda-NVIDIA-H200"]
    assert "activations = 1024 " in project.baselines()["test_step.cpu.toml"]


def test_a_baseline_that_exists_only_for_other_devices_is_hinted_at(project: Project) -> None:
    for device in ("cuda-NVIDIA H200", "xpu"):
        on_device = f'def test_step(mem_baseline):\n    assert footprint(SIZE, "{device}") == mem_baseline'
        store(project, 1024, on_device)
    write_test(project, 1024)

    result = project.run()

    result.stdout.fnmatch_lines(
        [
            "E  *no memory baseline is stored at __footprints__/test_it/test_step.cpu.toml",
            "E       there is one for cuda-NVIDIA-H200 and xpu; this run is on cpu",
            "E       measured: cpu peak 5 KiB",
        ]
    )


def test_users_snapshots_stay_as_they_are(project: Project) -> None:
    both = """
        def test_step(mem_baseline, snapshot):
            assert footprint(SIZE) == mem_baseline
            assert SIZE == snapshot
    """
    write_test(project, 1024, both)
    project.run("--snapshot-update").assert_outcomes(passed=1)
    snapshot = (project.path / "__snapshots__" / "test_it.ambr").read_text()
    write_test(project, 2048, both)

    result = project.run("--mem-baseline-update")

    result.assert_outcomes(failed=1)
    assert (project.path / "__snapshots__" / "test_it.ambr").read_text() == snapshot
    assert "activations = 2048 " in project.baselines()["test_step.cpu.toml"]


@pytest.mark.parametrize(
    ("stop", "workers"),
    [(("-k", "first"), ()), (("-x",), ()), ((), ()), (("-x",), ("-n2",))],
    ids=["deselected", "stopped early", "one lost its check", "stopped early in workers"],
)
def test_no_update_deletes_a_baseline(
    pytester: pytest.Pytester, stop: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    project = Project(pytester, workers)
    project.write(
        FOOTPRINTS_WORK,
        """
        def test_first(mem_baseline): assert footprint(1) == mem_baseline

        @pytest.mark.parametrize("device", ["cuda:0", "cpu"])
        def test_second(mem_baseline, device): assert footprint(1) == mem_baseline
        """,
    )
    project.run("--mem-baseline-update").assert_outcomes(passed=3)
    stored = project.baselines()
    assert len(stored) == 3
    project.write(
        FOOTPRINTS_WORK,
        """
        def test_first(mem_baseline): raise OSError

        @pytest.mark.parametrize("device", ["cuda:0", "cpu"])
        def test_second(mem_baseline, device): pytest.skip("no GPU")
        """,
    )

    for flag in ("--mem-baseline-update", "--snapshot-update", "-q"):
        result = project.run(flag, *stop)
        result.stdout.no_fnmatch_line("*unused*")

    assert project.baselines() == stored


def test_files_of_others_are_neither_judged_nor_deleted(project: Project) -> None:
    kept = project.path / "__snapshots__" / "test_it" / "kept.txt"
    kept.parent.mkdir(parents=True)
    kept.touch()
    store(project)

    for flag in ("--mem-baseline-update", "--snapshot-update", "-q"):
        result = project.run(flag)

        assert result.ret == pytest.ExitCode.OK
        assert kept.exists()


def test_the_second_check_without_a_name_is_numbered(project: Project) -> None:
    test = """
        def test_step(mem_baseline):
            assert footprint(SIZE) == mem_baseline
            assert footprint(2 * SIZE) == mem_baseline
    """

    store(project, 1024, test)

    assert list(project.baselines()) == ["test_step.2.cpu.toml", "test_step.cpu.toml"]
    project.run().assert_outcomes(passed=1)


def test_one_name_for_two_values_is_said_and_not_written(project: Project) -> None:
    write_test(
        project,
        1024,
        """
        def test_step(mem_baseline):
            assert footprint(1024) == mem_baseline(name="same")
            assert footprint(1024) == mem_baseline(name="same")
            assert footprint(2048) == mem_baseline(name="same")
        """,
    )

    result = project.run("--mem-baseline-update")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E  *two different values of this test share one memory baseline",
            "E       file: __footprints__/test_it/test_step.same.cpu.toml",
            "E       tell them apart: mem_baseline(name=...)",
        ]
    )
    assert "activations = 1024 " in project.baselines()["test_step.same.cpu.toml"]

    for args in ((), ("--mem-baseline-update",)):
        again = project.run(*args)

        again.assert_outcomes(failed=1)
        again.stdout.fnmatch_lines(["E  *two different values of this test share one memory baseline"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "*:[0-9]*: the baseline *"),
        (lambda text: re.sub(r"(activations.*)", r"<<<<<<< HEAD\n\1\n=======\nx = 1\n>>>>>>> b", text), "*merge*"),
        (lambda text: text.replace("schema = 1", "schema = 99"), "*:2: *schema*99*"),
        (lambda _: "\x00\x01", "*:1: *"),
        (lambda _: "", "*:1: the file is no baseline*"),
    ],
    ids=["truncated", "merge conflict", "newer schema", "binary", "empty"],
)
def test_a_damaged_baseline_is_named_with_its_line_and_can_be_renewed(
    project: Project, damage: object, message: str
) -> None:
    assert callable(damage)
    store(project)
    (path,) = project.path.rglob("*.toml")
    sound = path.read_text("utf-8")
    path.write_text(damage(sound), "utf-8")

    failed = project.run()
    renewed = project.run("--mem-baseline-update")

    failed.assert_outcomes(failed=1)
    where = "E  *memory baseline cannot be read: __footprints__/test_it/test_step.cpu.toml:[0-9]*: "
    failed.stdout.fnmatch_lines([f"{where}*pytest test_it.py::test_step --mem-baseline-update"])
    failed.stdout.fnmatch_lines([message])
    renewed.assert_outcomes(passed=1)
    renewed.stdout.fnmatch_lines(["__footprints__/test_it/test_step.cpu.toml *unreadable *-> *cpu peak 5 KiB"])
    assert path.read_text("utf-8") == sound


@pytest.mark.parametrize("reason", ["No space left on device", "Read-only file system"])
def test_a_disk_that_does_not_take_the_file_is_an_error_and_the_old_file_is_intact(
    project: Project, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    store(project)
    stored = project.baselines()
    write_test(project, 2048)

    def full(descriptor: int) -> None:
        raise OSError(28, reason)

    monkeypatch.setattr(os, "fsync", full)
    result = project.run("--mem-baseline-update")

    result.assert_outcomes(failed=1)
    said = "cannot write the baseline __footprints__/test_it/test_step.cpu.toml"
    result.stdout.fnmatch_lines(
        [f"E  *memory baseline was not updated: {said}: {reason}; what was stored before is untouched"]
    )
    result.stdout.no_fnmatch_line("*memory baselines written*")
    assert project.baselines() == stored
    assert not list(project.path.rglob("*.tmp"))


def test_a_folder_that_cannot_be_made_is_an_error(project: Project) -> None:
    (project.path / "__footprints__").write_text("a file")
    write_test(project, 1024)

    result = project.run("--mem-baseline-update")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E  *memory baseline *__footprints__/test_it/test_step.cpu.toml*"])


def test_something_else_than_a_footprint_is_a_type_error(project: Project) -> None:
    write_test(project, 1024, "def test_step(mem_baseline):\n    assert [1] == mem_baseline")

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*TypeError: a memory baseline cannot hold a value of type 'list'; compare a Footprint,*"]
    )


def test_a_method_that_was_not_called_is_told_to_be_called(project: Project) -> None:
    write_test(
        project, 1024, "def test_step(mem_tracker, mem_baseline):\n    assert mem_tracker.footprint == mem_baseline"
    )

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*mem_tracker or mod_tracker; call it first: footprint()"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('exclude="x"', "TypeError: mem_baseline takes name=, tolerance= and ranks=, not exclude="),
        ('tolerance="lots"', "ValueError: 'lots' is not a tolerance; write *"),
    ],
)
def test_a_wrong_option_of_the_baseline_is_an_error(project: Project, call: str, message: str) -> None:
    write_test(project, 1024, f"def test_step(mem_baseline):\n    mem_baseline({call})")

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E  *{message}"])


def test_the_whole_message_shows_in_asserts_that_pytest_does_not_rewrite(project: Project) -> None:
    project.write("def same(left, right):\n    assert left == right", name="helper")
    write_test(
        project,
        1024,
        """
        import unittest
        from helper import same

        def test_helper(mem_baseline): same(footprint(SIZE), mem_baseline)

        def test_own_words(mem_baseline): assert footprint(SIZE) == mem_baseline, "my own words"

        class TestCase(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _baseline(self, mem_baseline): self.mem_baseline = mem_baseline

            def test_equal(self): self.assertEqual(footprint(SIZE), self.mem_baseline)
        """,
    )

    result = project.run()

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "E  *no memory baseline is stored at *test_helper.cpu.toml",
            "E  *store it: pytest test_it.py::test_helper --mem-baseline-update",
            "E  *my own words",
            "E  *no memory baseline is stored at *test_own_words.cpu.toml",
            "E  *store it: pytest test_it.py::test_own_words --mem-baseline-update",
            "E  *no memory baseline is stored at *TestCase*test_equal.cpu.toml",
            "E  *store it: pytest test_it.py::TestCase::test_equal --mem-baseline-update",
        ]
    )


def test_a_failure_that_is_not_the_baselines_keeps_its_own_message(project: Project) -> None:
    write_test(
        project,
        1024,
        """
        def test_step(mem_baseline):
            assert not footprint(SIZE) == mem_baseline
            assert 1 == 2
        """,
    )

    result = project.run()

    result.stdout.fnmatch_lines(["E  *assert 1 == 2"])
    result.stdout.no_fnmatch_line("E *no memory baseline*")


def test_more_is_shown_with_v(project: Project) -> None:
    many = """
        from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors

        def test_step(mem_baseline):
            saved = SavedTensors(tuple(
                SavedTensor(f"M.part{i}", "aten.mm", (i + 1, SIZE), "float32", ByteSize(SIZE * i), "cpu")
                for i in range(99)
            ))
            assert Footprint(saved=saved, environment={"device": "cpu"}) == mem_baseline
    """
    store(project, 64, many)
    write_test(project, 128, many)

    short, long = project.run(), project.run("-v")

    assert 0 < sum(line.startswith("E ") for line in short.outlines) <= 40
    assert sum(line.startswith("E ") for line in long.outlines) > 90


def test_the_command_can_be_pasted_from_where_pytest_was_started(
    project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.path / "sub dir"
    folder.mkdir()
    write_test(
        project,
        1024,
        '@pytest.mark.parametrize("v", ["a b"])\ndef test_step(mem_baseline, v): assert footprint(1) == mem_baseline',
    )
    (project.path / "test_it.py").rename(folder / "test_there.py")
    result = project.run()
    (line,) = [line for line in result.outlines if "store it: " in line]
    command = line.partition("store it: pytest ")[2]

    pasted = pytester.run("sh", "-c", f"{sys.executable} -m pytest -p no:cacheprovider {command}")

    assert pasted.parseoutcomes() == {"passed": 1} | {k: v for k, v in pasted.parseoutcomes().items() if k != "passed"}
    assert len(project.baselines()) == 1


def test_without_syrupy_limits_work_and_the_baseline_says_why_not(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        @pytest.mark.max_peak_memory("1KiB")
        def test_limit(): allocate(2 * KIB)

        def test_tracker(mem_tracker): allocate(KIB)

        def test_baseline(mem_baseline): pass
        """,
    )

    result = project.run("-p", "no:syrupy")

    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["mem_baseline needs the syrupy plugin, which is switched off (-p no:syrupy);"])


def test_what_an_earlier_test_left_on_a_model_of_the_session_is_named(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        @pytest.fixture(scope="session")
        def model(): return torch.nn.Linear(16, 64)

        def step(model, x): model(x).sum().backward()

        def test_other(model): step(model, torch.ones(2, 16))

        def test_step(model, mem_tracker, mem_baseline):
            assert mem_tracker.run(step, model, torch.ones(2, 16)) == mem_baseline
        """,
    )
    project.run("--mem-baseline-update", "-k", "test_step").assert_outcomes(passed=1, deselected=1)

    result = project.run()

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E  *memory differs from its baseline:*: 4.25 KiB of gradients were there before this test began",
            "E  *before the step there were 4.25 KiB of gradients on cpu, not 0 B: older than this test",
            "E  *so this depends on what ran before (an earlier test, a session- or module-scoped fixture)*",
        ]
    )


def _checks(*lines: str) -> str:
    return "\n".join(["def test_step(mem_baseline):", *(f"    assert {line} == mem_baseline" for line in lines)])


IN_ORDER = "of its test, and these go by their order"


def test_a_check_that_others_shifted_says_whose_baseline_it_fits(project: Project) -> None:
    one, two, three = (f"footprint({size})" for size in (1024, 2048, 4096))
    store(project, test=_checks(one, two, three))
    write_test(project, 0, _checks(two, three))

    taken_out = project.run()

    write_test(project, 0, _checks(one, three, two))
    swapped = project.run()
    taken_out.stdout.fnmatch_lines(
        [
            "E  *memory differs from its baseline: cpu peak +1 KiB*",
            f"E       this is unnamed check 1 {IN_ORDER}: it fits the baseline of check 2,",
            "E         so one was put in or taken out: name them, mem_baseline(name=...)",
            "E       to accept it as the new baseline: *",
        ]
    )
    swapped.stdout.fnmatch_lines([f"E       this is unnamed check 2 {IN_ORDER}: it fits the baseline of check 3,"])


def test_a_check_that_fits_no_other_baseline_says_that_unnamed_ones_go_by_their_order(project: Project) -> None:
    store(project, test=_checks("footprint(1024)", "footprint(2048)"))
    write_test(project, 0, _checks("footprint(1024)", "footprint(512)"))

    result = project.run()

    result.stdout.fnmatch_lines([f"E       this is unnamed check 2 {IN_ORDER}: if one was put in*"])


def test_a_new_check_at_the_end_says_whose_baseline_it_fits(project: Project) -> None:
    store(project, test=_checks("footprint(1024)"))
    write_test(project, 0, _checks("footprint(1024)", "footprint(1024)"))

    result = project.run()

    result.stdout.fnmatch_lines(
        [
            "E  *no memory baseline is stored at __footprints__/test_it/test_step.2.cpu.toml",
            f"E       this is unnamed check 2 {IN_ORDER}: it fits the baseline of check 1, *",
            "E       measured: cpu peak 5 KiB",
        ]
    )


def test_checks_that_are_alone_or_named_say_nothing_of_order(project: Project) -> None:
    named = 'def test_step(mem_baseline):\n    assert footprint(SIZE) == mem_baseline(name="one")'
    for test in (ONE_TEST, named):
        store(project, test=test)
        write_test(project, 4096, test)

        project.run().stdout.no_fnmatch_line("*unnamed*")


def test_a_baseline_of_an_order_is_none_for_another_device(project: Project) -> None:
    store(project, test=_checks('Hierarchy(forward=("M",))'))
    write_test(project, 1024)

    project.run().stdout.no_fnmatch_line("*there is one for*")
