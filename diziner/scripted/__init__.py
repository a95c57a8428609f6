"""Scripted annotators and a scripted supervisor, for tests and rehearsals; never a default.

`brain.answer` gives the text a model would give, by rules and hashes alone. `server.ScriptedServer` puts it
behind the OpenAI chat protocol, with faults on request. Names of scripted models start with `scripted-`, so
that no result of theirs passes for a model's.
"""
