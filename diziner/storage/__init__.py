"""Replies as they are kept: rows, deltas of requests, tables, claims, the account of what was spent."""
