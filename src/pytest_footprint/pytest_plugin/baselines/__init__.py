"""Checks against stored baselines, and which of those are stale."""
