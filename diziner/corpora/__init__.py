"""Benchmarks: cards, one loader for every source, pilot sets, and the files that the pipeline starts from."""
