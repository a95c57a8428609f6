"""`diziner repro`: the graph of DVC, run in parallel, with DVC's own change detection, run-cache and lock files."""
