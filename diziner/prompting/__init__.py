"""Requests to models and the reading of answers: all that shapes either, and no transport."""
