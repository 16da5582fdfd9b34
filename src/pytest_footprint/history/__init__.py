"""Peaks of many runs, by commit, in one SQLite file."""
