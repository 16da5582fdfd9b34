"""Templates, and what makes a page safe: everything is escaped, and only the page's own script may run."""

from __future__ import annotations

import base64
import json
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pytest_footprint.report.words import kind

_ASSETS = files("pytest_footprint.report.page").joinpath("assets")
UPLOT = "uplot/uPlot.iife.min.js"
"""The library that draws."""
_UNSAFE = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def page(template: str, scripts: tuple[str, ...], **values: object) -> str:
    """Fill a template of ``assets``; its ``scripts`` run in that order."""
    script = "\n".join(map(_asset, scripts))
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    style = _asset("uplot/uPlot.min.css") + _asset("page.css")
    text = (
        _environment()
        .get_template(template)
        .render(
            script=Markup(script),  # noqa: S704 - our own files
            style=Markup(style),  # noqa: S704 - the same
            digest=digest,
            **values,
        )
    )
    return text.encode("utf-8", "replace").decode()  # lone surrogates of a test's name are in no encoding


def data(plain: object) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    return Markup(json.dumps(plain, separators=(",", ":")).translate(_UNSAFE))  # noqa: S704 - escaped just here


@cache
def _asset(name: str) -> str:
    return _ASSETS.joinpath(name).read_text("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"data": data, "kind": kind}
    environment.filters.update(filters)
    return environment
