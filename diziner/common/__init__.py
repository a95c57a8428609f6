"""Common ground: errors, files, exact arithmetic, rounding, tables. Every room may use it; it uses none."""
