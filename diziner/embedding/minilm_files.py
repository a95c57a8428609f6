"""Files of all-MiniLM-L6-v2: the name `minilm` means these bytes and no others, so their digests are part of the code.

Params say only where `diziner weights fetch minilm` gets them. Apart from the arithmetic, so that settings can be
checked without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diziner.common.errors import UserError

MINILM = "minilm"
MODEL, TOKENIZER = "model.safetensors", "tokenizer.json"
MINILM_FILES: Mapping[str, str] = {
    MODEL: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def check_minilm(weights: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Check that params `weights` fetch what the embedder reads; `where` is what errors call params.

    Errors: UserError if there is no entry minilm, or it is of other files.
    """
    if weights.get(MINILM, {}).get("files") != MINILM_FILES:
        raise UserError(
            f"{where}: weights.{MINILM}: the embedder {MINILM} needs the entry that diziner/profiles/paper.yaml has"
        )
