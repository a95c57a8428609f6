"""Arrays out of a safetensors file: a length, a JSON header of names, types and places, and the raw numbers.

https://github.com/huggingface/safetensors#format. Read by hand: it is ten lines, and no package more to pin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diziner.common import jsontext
from diziner.common.errors import UserError

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
_LENGTH = 8  # bytes of the header's length, little-endian


def read_tensors(data: bytes, where: str) -> dict[str, NDArray[Any]]:
    """Give the arrays of a safetensors file by name, as read-only views of `data`.

    Errors: UserError calling the file `where`, if it is cut short, damaged, or has numbers of another type.
    """
    try:
        size = int.from_bytes(data[:_LENGTH], "little")
        header = jsontext.loads(bytes(data[_LENGTH : _LENGTH + size]))
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return {name: _tensor(entry, data, _LENGTH + size) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{where}: no safetensors file, or damaged: {error}") from None


def _tensor(entry: dict[str, Any], data: bytes, base: int) -> NDArray[Any]:
    if entry["dtype"] not in _TYPES:
        raise ValueError(f"type {entry['dtype']}; allowed: {', '.join(_TYPES)}")
    kind = np.dtype(_TYPES[entry["dtype"]])
    start, end = entry["data_offsets"]
    shape = tuple(map(int, entry["shape"]))
    if not 0 <= start <= end <= len(data) - base or end - start != math.prod(shape) * kind.itemsize:
        raise ValueError(f"{end - start} bytes at {start} for shape {list(shape)} of {len(data) - base} bytes")
    return np.frombuffer(data, kind, math.prod(shape), base + start).reshape(shape)
