"""Two runs held against each other: what moved, what is noise, and what a gate lets through."""
