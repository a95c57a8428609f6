"""Labelling a corpus of any size by a finished guideline: shards of documents in, shards of annotated rows out."""
