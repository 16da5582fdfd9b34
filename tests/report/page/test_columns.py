"""Packed columns hold all of the lifetimes."""

from __future__ import annotations

import base64
import json
import zlib
from itertools import accumulate
from typing import Any

from hypothesis import given
from traces import Writer, writers

from pytest_footprint.model.lifetimes import Lifetimes
from pytest_footprint.report.page.columns import packed
from pytest_footprint.trace.lifetimes import lifetimes
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.window import everything


def unpacked(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))


@given(writers())
def test_every_tensor_and_every_span_is_in_the_columns_with_its_moments(writer: Writer) -> None:
    read = lifetimes(Reading(writer.trace), everything(writer.trace))

    columns = unpacked(packed(read))

    assert columns["last"] == read.last - read.first
    assert _tensors(columns) == [
        (each.born - read.first + 1, each.freed - each.born, each.nbytes, each.ref_type, each.fqn, each.op, each.device)
        for each in read.tensors
    ]
    assert _spans(columns) == [
        (each.what, each.fqn, each.first - read.first + 1, each.last - each.first) for each in read.spans
    ]


def _tensors(columns: Any) -> list[tuple[object, ...]]:
    words = columns["strings"]
    rows = zip(columns["look"], accumulate(columns["born"]), columns["lasts"], columns["bytes"], strict=True)
    looks = [[words[each] for each in look] for look in columns["looks"]]
    return [(born, lasts, nbytes, *looks[look][:3], looks[look][4]) for look, born, lasts, nbytes in rows]


def _spans(columns: Any) -> list[tuple[object, ...]]:
    words, spans = columns["strings"], columns["spans"]
    rows = zip(spans["what"], spans["fqn"], accumulate(spans["first"]), spans["lasts"], strict=True)
    return [(words[what], words[fqn], first, lasts) for what, fqn, first, lasts in rows]


def test_equal_looks_stand_there_once() -> None:
    assert unpacked(packed(Lifetimes(0, 0, (), (), ())))["looks"] == []
