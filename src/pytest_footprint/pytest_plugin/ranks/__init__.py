"""Processes of one launcher that check together."""
