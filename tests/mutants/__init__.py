"""Mutation testing: `make mutants` changes the code a little and asks the tests of its room whether they see it."""
