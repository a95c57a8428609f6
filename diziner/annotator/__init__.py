"""An annotator: a model with a prompt style that labels documents by a guideline."""
