"""The report: all outputs of all rooms as one HTML file."""
