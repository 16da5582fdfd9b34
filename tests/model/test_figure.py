from __future__ import annotations

import re

import pytest

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.figure import Figure, device_of, figures
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.usage import DeviceUsage, Usage


def _saved(nbytes: int, device: str) -> SavedTensor:
    return SavedTensor("Net", "aten.mm", (nbytes,), "uint8", ByteSize(nbytes), device)


TWO = Footprint(
    peak=DeviceUsage(
        {"cpu": Usage(inputs=ByteSize(1)), "cuda:0": Usage(activations=ByteSize(5), gradients=ByteSize(2))}
    ),
    end=DeviceUsage({"cuda:0": Usage(gradients=ByteSize(2))}),
    saved=SavedTensors((_saved(3, "cuda:0"), _saved(1, "cuda:0"), _saved(64, "cpu"))),
)


@pytest.mark.parametrize(
    ("text", "nbytes", "words"),
    [
        ("peak", 7, "the peak"),
        ("peak.activations", 5, "the activations at the peak"),
        ("end.gradients", 2, "the gradients at the end"),
        ("end.total", 2, "the end"),
        ("growth", 0, "the growth of the last step"),
        ("saved", 4, "what is saved for backward"),
    ],
)
def test_a_figure_reads_its_number_from_a_footprint(text: str, nbytes: int, words: str) -> None:
    figure = Figure.parse(text)

    assert figure.on(TWO, "cuda:0") == nbytes
    assert figure.words == words
    assert Figure.parse(str(figure)) == figure


@pytest.mark.parametrize("bad", ["", "peak.", "saved.activations", "saved.total", "Peak", "peak.peak", 3, None, ["a"]])
def test_what_is_no_figure_is_an_error_that_shows_the_forms(bad: object) -> None:
    with pytest.raises(ValueError, match=rf'^of={re.escape(repr(bad))} is no number of a footprint; write "peak", "sa'):
        Figure.parse(bad)


def test_a_bare_reference_type_is_told_to_say_when() -> None:
    with pytest.raises(ValueError, match=r"^of='activations' does not say when: write 'peak.activations' or 'end.acti"):
        Figure.parse("activations")


def test_several_figures_can_be_named_but_not_none() -> None:
    assert figures(("peak", "saved")) == (Figure("peak"), Figure("saved"))
    assert figures("end") == (Figure("end"),)
    with pytest.raises(ValueError, match=r"^of=\(\) names nothing"):
        figures(())


def test_the_only_accelerator_goes_before_the_cpu() -> None:
    assert device_of([TWO]) == "cuda:0"
    assert device_of([TWO], "cpu") == "cpu"
    assert device_of([Footprint()]) == "cpu"


def test_with_several_accelerators_one_must_be_named() -> None:
    other = Footprint(peak=DeviceUsage({"cuda:1": Usage()}))

    with pytest.raises(ValueError, match=r"so name one: device='cpu', device='cuda:0', device='cuda:1'$"):
        device_of([TWO, other])
    with pytest.raises(ValueError, match=r"^nothing was recorded on device='xpu:0'; devices: cpu, cuda:0$"):
        device_of([TWO], "xpu:0")
