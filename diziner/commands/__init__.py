"""What `diziner` can do: one module a command, with `arguments(parser)` and `run(options)`."""
