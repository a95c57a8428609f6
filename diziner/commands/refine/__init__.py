"""`diziner refine`: a round's conflicts with their cases, and a person's decisions about them."""

from diziner.commands.refine.command import arguments, run

__all__ = ["arguments", "run"]
