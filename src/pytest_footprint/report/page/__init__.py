"""Values as pages: one file each, which needs no network and no server."""

from pytest_footprint.report.page.comparison import run_comparison_page
from pytest_footprint.report.page.history import history_page
from pytest_footprint.report.page.run import run_page

__all__ = ["history_page", "run_comparison_page", "run_page"]
