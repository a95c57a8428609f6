"""The release of this library. A project says in its file `.diziner` by which release its stages were laid."""

VERSION = "0.1.0"
