"""DiZiNER: a data-versioned evaluation harness for zero-shot named entity recognition."""
