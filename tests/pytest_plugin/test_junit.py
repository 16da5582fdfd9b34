"""JUnit properties of tracked tests."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from user_project import TORCH_WORKS, Project

TESTS = """
    kept, runs = [], []

    @pytest.mark.flaky(reruns=1)
    def test_rerun(mem_tracker, record_property):
        record_property("own", "value")
        runs.append(1)
        kept.append(allocate(KIB))
        allocate(KIB * len(runs))
        assert len(runs) > 1

    def test_is_not_tracked(): pass
"""


def properties(project: Project) -> dict[str, list[tuple[str | None, str | None]]]:
    cases = ET.parse(project.path / "junit.xml").iter("testcase")  # noqa: S314 - pytest wrote it
    return {
        case.attrib["name"]: [(each.get("name"), each.get("value")) for each in case.iter("property")] for case in cases
    }


def test_peak_and_end_are_properties_of_tracked_tests_once_each(each_way: Project) -> None:
    each_way.ini("mem_junit = true", "junit_family = xunit1")
    each_way.write(TORCH_WORKS, TESTS)

    each_way.run("--junitxml=junit.xml")

    found = properties(each_way)
    assert found["test_is_not_tracked"] == []
    assert [each for each in found["test_rerun"] if each != ("own", "value")] == [
        ("footprint.peak.cpu", "3072"),
        ("footprint.end.cpu", "1024"),
    ]


def test_without_the_ini_value_junit_stays_as_it_is(project: Project) -> None:
    project.ini("junit_family = xunit1")
    project.write(TORCH_WORKS, TESTS)

    project.run("--junitxml=junit.xml")

    assert set(properties(project)["test_rerun"]) == {("own", "value")}
