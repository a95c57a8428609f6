"""Provenance of a local model's answer: what computed it. Kept as its fingerprint, as hosted models have one.

The same weights, prompt and seed give other answers with another runtime, other kernels or another number of threads:
floating-point sums come out otherwise in the last bits, and a model's next token can hang on them (docs/models.md).
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from functools import cache

from diziner.common.errors import UserError
from diziner.endpoints.prefix_files import BLOCK
from diziner.prompting.usage import LOCAL_RUNTIME

# Of the processor, as NumPy names them: what kernels and the C library choose by. Fixed, so that machines with the
# same features are called the same by every version of NumPy.
_FEATURES = ("AVX2", "FMA3", "AVX512F", "ASIMD", "ASIMDDP", "SVE")
_IMPLIED = {"SSE3", "SSSE3", "AVX", "BMI2"}  # by the other kernels on every processor of today


@cache
def local_provenance(threads: int) -> str:
    """Say what answers are computed with in this process: runtime, devices, processor, kernels, threads, and how
    many tokens of a prompt are read at once."""
    try:
        import xllamacpp
    except ImportError:
        raise UserError("xllamacpp is not installed: run `make setup`") from None

    kernels = [name for name in re.findall(r"(\w+) = 1\b", xllamacpp.get_system_info()) if name not in _IMPLIED]
    devices = " ".join(device["name"] for device in xllamacpp.get_device_info())
    return (
        f"{LOCAL_RUNTIME} {xllamacpp.__version__} on {devices}; {processor()}; kernels {' '.join(kernels)}; "
        f"{threads} thread{'' if threads == 1 else 's'}, blocks of {BLOCK} tokens"
    )


def processor() -> str:
    """Name this machine's processor by its kind and the features that answers may depend on: `x86_64 AVX2 FMA3`."""
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

    has: Mapping[str, bool] = getattr(_multiarray_umath, "__cpu_features__", {})
    return " ".join([platform.machine(), *(name for name in _FEATURES if has.get(name))])
