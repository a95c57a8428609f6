"""Scoring and agreement of plain files, outside any pipeline: `diziner score` and `diziner agree`."""
