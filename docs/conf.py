"""The site: ``sphinx-build -W -n docs build/site``, or ``tox run -e docs``. Nothing is fetched while it builds."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Any

import pytest_footprint

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "pytest-footprint"
version = release = version_of("pytest-footprint")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "_static"]

default_role = "py:obj"  # `run` in a docstring is a link where there is something to link to
smartquotes = False  # it makes dashes of the options' two hyphens
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    "member-order": "bysource",
}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"pytest-footprint {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
pygments_style = "friendly"
pygments_dark_style = "github-dark"

nitpicky = True
# Types of torch, pytest and Python have no page here, and those of this package that users do not name neither.
nitpick_ignore_regex = [(r"py:.*", r"(?!pytest_footprint\.[A-Z]\w+$).*")]


def _link_to_the_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: Element
) -> Element | None:
    """Annotations name the module in which a class is written; the page has it under the name that users import."""
    domain, name = env.get_domain("py"), node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py":
        return None
    for full in (f"pytest_footprint.{name}", *(f"{home}.{name}" for home in _HOMES)):
        found: Any = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", full, node, contnode)
        if found is not None:
            return found  # type: ignore[no-any-return]
    return None


_HOMES = sorted({f"pytest_footprint.{home}" for home in pytest_footprint._HOMES.values()})  # noqa: SLF001 - ours


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", _link_to_the_public_name)
