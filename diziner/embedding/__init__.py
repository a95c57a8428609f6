"""Embeddings of documents and their clusters, in whole numbers: the same on every machine."""
