"""Refinement one case a call, for small models: one kind of disagreement, one finding, one candidate at a time."""
