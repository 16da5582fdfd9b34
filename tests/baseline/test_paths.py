from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_footprint.baseline import baseline_path

FILE = Path("tests/test_gpt.py")


def name_of(test_id: str, name: str | None = None, index: int = 1) -> str:
    return baseline_path(FILE, test_id, name, "cpu", index=index).name


def test_baselines_lie_beside_the_test_file() -> None:
    path = baseline_path(FILE, "test_step", None, "cuda-NVIDIA-H200")

    assert path.parent == Path("tests/__footprints__/test_gpt")
    assert path.name.startswith("test_step.cuda-NVIDIA-H200~")


@pytest.mark.parametrize(
    ("test_id", "name", "index", "expected"),
    [
        ("test_step", None, 1, "test_step.cpu.toml"),
        ("test_step", "memory", 1, "test_step.memory.cpu.toml"),
        ("test_step", None, 2, "test_step.2.cpu.toml"),
        ("test_step", "2", 1, "test_step.%32.cpu.toml"),
        ("TestGPT::test_step", None, 1, "TestGPT..test_step.cpu.toml"),
        ("test_step[a/b:c]", None, 1, "test_step[a%2Fb%3Ac].cpu.toml"),
        ("test_step[0.5-ü]", None, 1, "test_step[0%2E5-%C3%BC].cpu.toml"),
    ],
)
def test_names_can_be_read(test_id: str, name: str | None, index: int, expected: str) -> None:
    assert name_of(test_id, name, index) == expected


IDS = st.one_of(
    st.text(min_size=1),
    st.lists(st.sampled_from(["a", "A", "/", ":", "::", ".", "b", "~", "%2F", "[", "]", "2"]), min_size=1).map("".join),
)
CHECKS = st.tuples(IDS, st.none() | IDS, st.integers(1, 3))


@given(CHECKS, CHECKS)
def test_different_checks_have_different_files(
    one: tuple[str, str | None, int], other: tuple[str, str | None, int]
) -> None:
    assert (name_of(*one) == name_of(*other)) == (one == other)


def test_parameters_that_differ_in_case_only_have_different_files_where_case_is_ignored() -> None:
    names = {name_of(f"test_step[{dtype}]").lower() for dtype in ("fp16", "FP16", "Fp16")}

    assert len(names) == 3


@given(st.text(min_size=60, max_size=400), st.text(max_size=400))
def test_no_name_is_too_long_for_a_file_system(test_id: str, name: str) -> None:
    path = baseline_path(FILE, test_id, name, test_id, index=12)

    assert len(path.name.encode()) <= 255
    assert path.name.isascii()
    assert not set(path.name) & set('/\\:*?"<>|\0')


def test_long_ids_that_end_differently_have_different_files() -> None:
    assert name_of("test_" + 300 * "a" + "1") != name_of("test_" + 300 * "a" + "2")
