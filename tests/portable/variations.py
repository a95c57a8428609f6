"""Settings of a process that may change no output: what each sets, and what must then really hold."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# OpenBLAS' kernels by processor family, from the oldest; those that this processor cannot run are passed over.
KERNELS = {
    "x86_64": ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"),
    "aarch64": ("ARMV8", "CORTEXA57", "NEOVERSEN1", "NEOVERSEV1", "ARMV8SVE"),
}
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")
# Nothing of the shell that calls may reach a child, but what every process needs.
CLEARED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", *THREADS)


@dataclass(frozen=True, slots=True)
class Variation:
    """One run of the pipeline in a process of its own.

    `environment` is set there. `whole`: every stage runs, annotators from tapes too, not only those that compute.
    `disabled` are features that NumPy must say it does without.
    """

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    disabled: tuple[str, ...] = ()


def child_environment(variation: Variation) -> dict[str, str]:
    """The environment of a variation's process: this one's, without what is varied, and the variation."""
    inherited = {name: value for name, value in os.environ.items() if name not in CLEARED}
    return {**inherited, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC", **variation.environment}


def variations(features: Sequence[str], brief: bool) -> list[Variation]:
    """All variations for a NumPy that dispatches by `features`, one setting at a time, and one with all odd values.

    `brief` keeps those that were seen to matter: the kernels, the lowest SIMD level, and all odd values together.
    """
    kernels = KERNELS.get(platform.machine().replace("AMD64", "x86_64").replace("arm64", "aarch64"), ())
    made = [Variation(f"kernel {name}", {"OPENBLAS_CORETYPE": name}) for name in kernels]
    everything = " ".join(features)
    odd = {
        "OPENBLAS_CORETYPE": kernels[0] if kernels else "",
        "NPY_DISABLE_CPU_FEATURES": everything,
        **dict.fromkeys(THREADS, "1"),
        "PYTHONHASHSEED": "random",
        "LC_ALL": "C",
        "TZ": "Pacific/Kiritimati",
    }
    every_odd = Variation("all odd values", odd, whole=True, disabled=tuple(features))
    if brief:
        return [*made, every_odd]
    made += [Variation(f"without {name}", {"NPY_DISABLE_CPU_FEATURES": name}, disabled=(name,)) for name in features]
    made.append(Variation("without any SIMD dispatch", {"NPY_DISABLE_CPU_FEATURES": everything}, False, (*features,)))
    made += [Variation(f"{count} threads", dict.fromkeys(THREADS, count)) for count in ("1", "2")]
    made += [Variation(f"hash seed {seed}", {"PYTHONHASHSEED": seed}) for seed in ("1", "random")]
    made.append(Variation("LC_ALL=C", {"LC_ALL": "C"}))
    made += [Variation(f"TZ={zone}", {"TZ": zone}) for zone in ("Pacific/Kiritimati", "Etc/GMT+12")]
    return [*made, every_odd]
