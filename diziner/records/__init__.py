"""Records: one module a file format, with its dataclass, its codec and the name of its schema."""
