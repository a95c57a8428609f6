"""All access to language models: requests, the response store, transport, parsing of answers."""
