"""Checks of Python, the platform, the processor's features and the BLAS kernel that runs."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diziner.common.words import counted
from diziner.doctor.finding import Finding
from diziner.doctor.subject import Subject, project_table

# Variables that choose kernels or threads; how many threads add up a sum can change its last bits.
CHOOSING = (
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
)


def check_python(subject: Subject) -> Iterator[Finding]:
    """Yield the interpreter, held against requires-python."""
    name, version = platform.python_implementation(), platform.python_version()
    wanted = project_table(subject.base).get("requires-python")
    facts = {"implementation": name, "version": version, "requires": wanted}
    if not isinstance(wanted, str):
        yield Finding("python", "version", "ok", f"{name} {version}", facts=facts)
    elif _fits(version, wanted):
        yield Finding("python", "version", "ok", f"{name} {version}, as requires-python {wanted} asks", facts=facts)
    else:
        mend = "remove .venv, then `make setup PYTHON=/path/to/another/python`"
        found = f"{name} {version}, where requires-python asks for {wanted}"
        yield Finding("python", "version", "problem", found, mend, facts)


def check_platform(subject: Subject) -> Iterator[Finding]:
    """Yield the program that runs, and the system below it."""
    program = sys.executable or None
    yield Finding("python", "program", "ok", program or "unknown", facts={"path": program})
    number = os.cpu_count()
    facts = {"platform": platform.platform(), "machine": platform.machine(), "processors": number}
    yield Finding(
        "python", "platform", "ok", f"{platform.platform()}, {counted(number or 1, 'processor')}", facts=facts
    )


def check_processor(subject: Subject) -> Iterator[Finding]:
    """Yield the loops that NumPy chose for this processor, and what forces them or the BLAS kernel."""
    forced = {name: os.environ[name] for name in CHOOSING if name in os.environ}
    if forced:
        found = ", ".join(f"{name}={value}" for name, value in forced.items())
        mend = "unset them, unless a comparison of machines is meant"
        yield Finding("processor", "forced", "note", f"by the environment: {found}", mend, {"variables": forced})
    runs, left_out = dispatched()
    loops = f"baseline {' '.join(baseline())}; runs {' '.join(runs) or 'no more'}"
    if left_out:
        loops += f"; not {' '.join(left_out)}"
    facts: dict[str, Any] = {"machine": platform.machine(), "baseline": baseline(), "runs": runs, "not": left_out}
    yield Finding("processor", "NumPy", "ok", f"{platform.machine()}: {loops}", facts={**facts, "has": features()})


def check_blas(subject: Subject) -> Iterator[Finding]:
    """Yield the libraries of linear algebra in this process, NumPy's first, and the kernel that each chose."""
    libraries = _blas()
    for number, library in enumerate(libraries, 1):
        yield Finding("processor", "BLAS" if number == 1 else f"BLAS {number}", "ok", _library(library), facts=library)
    if not libraries:
        yield Finding("processor", "BLAS", "note", "none that threadpoolctl knows", facts={})


def features() -> list[str]:
    """Return the features of this processor that NumPy found and may use, sorted. Errors: see `_numpy`."""
    found: Mapping[str, bool] = _numpy("__cpu_features__", {})
    return sorted(name for name, has in found.items() if has)


def baseline() -> list[str]:
    """Return the features that NumPy was built to need."""
    return list(_numpy("__cpu_baseline__", []))


def dispatched() -> tuple[list[str], list[str]]:
    """Return the features that NumPy has loops of their own for: those that run here, and those that do not."""
    has = set(features())
    names: list[str] = list(_numpy("__cpu_dispatch__", []))
    return [name for name in names if name in has], [name for name in names if name not in has]


def _numpy(name: str, default: Any) -> Any:
    """Return a private name of NumPy; `default` where another version has it elsewhere.

    Errors: ImportError or RuntimeError if NumPy cannot be loaded.
    """
    return getattr(importlib.import_module("numpy._core._multiarray_umath"), name, default)


def _blas() -> list[dict[str, Any]]:
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    importlib.import_module("numpy")  # which loads its BLAS
    kept = ("internal_api", "version", "architecture", "num_threads", "threading_layer")
    return [
        {key: library.get(key) for key in kept} | {"file": Path(library["filepath"]).name}
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]


def _library(library: Mapping[str, Any]) -> str:
    name = "OpenBLAS" if library["internal_api"] == "openblas" else library["internal_api"]
    kernel = library["architecture"] or "unknown"
    return f"{name} {library['version']}, kernel {kernel}, {counted(library['num_threads'], 'thread')}"


def _fits(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version, prereleases=True)
