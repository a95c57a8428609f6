"""Named entity spans: BIO2 codec, bracket notation, matching of answers to tokens, scoring."""
