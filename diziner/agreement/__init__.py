"""Agreement and disagreement of annotators: one analysis per round (method sections 3 to 7)."""
