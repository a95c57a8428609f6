"""Commands of `diziner`: one module a command, with `arguments(parser)` and `run(options)`."""
