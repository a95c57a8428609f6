"""Scores of spans against gold: strict, published protocols, intervals, significance."""
