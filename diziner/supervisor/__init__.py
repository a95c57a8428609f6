"""The supervisor: four phases that turn a round's disagreements into the next round's guideline."""
