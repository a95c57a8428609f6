"""The guideline: its file, its lines, what changed between two, and what caused each line."""
