"""Forms of files: each one's reader in a module of its own, and one table of them all."""
