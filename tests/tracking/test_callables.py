"""What is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_footprint.tracking import MemTracker


def _never() -> None:
    pytest.fail("it ran")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        (MemTracker.run, {"fn": _never}),
        (MemTracker.compare, {"off": _never, "on": _never}),
        (MemTracker.assert_saves, {"off": _never, "on": _never}),
        (MemTracker.assert_released, {"fn": _never}),
        (MemTracker.scaling, {"fn": _never, "n": [1, 2, 3]}),
    ],
)
def test_a_warm_up_below_0_is_refused_by_the_name_of_the_method(
    method: Callable[..., object], arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=rf"^{method.__name__}\(\) needs warmup >= 0, got -1$") as caught:
        method(MemTracker(), **arguments, warmup=-1)

    assert not hasattr(caught.value, "__notes__")  # no "(while measuring off)"


@pytest.mark.parametrize("name", ["steps", "warmup"])
@pytest.mark.parametrize("value", ["a", 1.5, None, True], ids=repr)
def test_what_is_no_number_is_refused_by_the_name_of_the_argument(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"^run\(\) needs a whole number for {name}, got {value!r}$"):
        MemTracker().run(_never, **{name: value})


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^run\(\) needs steps >= 1, got 0$"):
        MemTracker().run(_never, steps=0)


@pytest.mark.parametrize(
    "measure",
    [lambda fn: MemTracker().run(fn), lambda fn: MemTracker().scaling(fn, n=[1, 2, 3])],
    ids=["run", "scaling"],
)
def test_a_generator_function_is_refused_as_it_would_run_nothing(measure: Callable[..., object]) -> None:
    def steps(n: int = 1) -> Iterator[int]:
        yield n

    with pytest.raises(TypeError, match=r"^fn is a generator function, which runs nothing when it is called: pass fn="):
        measure(steps)
