"""Values as text: nothing here decides, and nothing prints."""

from pytest_footprint.report.failure import failure_text
from pytest_footprint.report.footprint_table import footprint_text
from pytest_footprint.report.github import annotation, step_summary
from pytest_footprint.report.headline import headline
from pytest_footprint.report.history import history_text
from pytest_footprint.report.limit import Breach, breach_headline, breach_text
from pytest_footprint.report.rank_usage import RankUsage, ranks_text
from pytest_footprint.report.ranks import ranks_failure_text
from pytest_footprint.report.replay import replay_text
from pytest_footprint.report.run_comparison import run_comparison_text
from pytest_footprint.report.run_comparison_json import run_comparison_json
from pytest_footprint.report.run_markdown import run_comparison_markdown
from pytest_footprint.report.run_table import footprints_text, run_table
from pytest_footprint.report.snapshots import snapshot_text, state_snapshots_text
from pytest_footprint.report.summary import brief, largest, memory_table, update_table, update_totals
from pytest_footprint.report.value_text import value_text

__all__ = [
    "Breach",
    "RankUsage",
    "annotation",
    "breach_headline",
    "breach_text",
    "brief",
    "failure_text",
    "footprint_text",
    "footprints_text",
    "headline",
    "history_text",
    "largest",
    "memory_table",
    "ranks_failure_text",
    "ranks_text",
    "replay_text",
    "run_comparison_json",
    "run_comparison_markdown",
    "run_comparison_text",
    "run_table",
    "snapshot_text",
    "state_snapshots_text",
    "step_summary",
    "update_table",
    "update_totals",
    "value_text",
]
