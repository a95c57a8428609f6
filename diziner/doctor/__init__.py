"""`diziner doctor`: checks of an installation, each on its own; none changes or makes a file."""
