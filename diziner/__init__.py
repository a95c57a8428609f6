"""Data-versioned evaluation of zero-shot named entity recognition: DiZiNER as a library."""
