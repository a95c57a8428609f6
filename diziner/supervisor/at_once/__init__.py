"""Refinement with each phase in one call: the supervisor sees all disagreements, findings and lines together."""
