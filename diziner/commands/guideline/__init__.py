"""`diziner guideline`: what changed between two guidelines, and receipts."""

from diziner.commands.guideline.command import arguments, run

__all__ = ["arguments", "run"]
