"""A run foreseen: what would be asked, and what it would cost."""
