"""The same bytes on every machine: the pipeline under every kernel, SIMD level, locale, zone and hash seed at hand."""
