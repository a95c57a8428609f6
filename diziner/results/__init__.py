"""Results: scores, metrics, tables and plots."""
