"""`make attack`: odd settings, broken files, fuzzed inputs, wrong arguments, HTTP faults, damage and kills."""
