"""Variants of the settings, and runs of them in copies of the project."""
