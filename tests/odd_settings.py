"""Odd values for settings: every key of the schema of params.yaml, and a list of what people and programs put there."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from projects import ROOT

from diziner.common.files import schema_of
from diziner.common.yamlfile import read_yaml

Path = tuple[str | int, ...]

ODD: dict[str, Any] = {
    "1.0": 1.0,
    "1": 1,
    "NaN": float("nan"),
    "inf": float("inf"),
    "-1": -1,
    "0": 0,
    "10**30": 10**30,
    "'1'": "1",
    "true": True,
    "null": None,
    "[]": [],
    "{}": {},
    "''": "",
    "words": "hello world",
    "2**63": 2**63,
    "1e-9": 1e-9,
    "-0.0": -0.0,
    "long": "x" * 100_000,
}
# What stands for the names that users choose, by the place of the mapping: an entry of that place that is used.
_CHOSEN = {
    "corpus.source": "conll2003",
    "annotators": "odd",
    "endpoints": "odd",
    "weights": "odd",
    "annotators.*.types": "Person",
    "annotators.*.read.columns": "tokens",
    "endpoints.*.contexts": "m",
    "endpoints.*.prices": "m",
    "weights.*.files": "a.bin",
}
_OF_FILES = ("by", "read", "types", "other_types")
_OF_FUNCTIONS = ("function", "packages", "options")
_DIGEST = "0" * 64


def keys(schema: Mapping[str, Any] | None = None, path: str = "") -> Iterator[str]:
    """Yield every key of the schema as `a.b`: `*` for a name that users choose, `0` for an item of a list."""
    schema = schema_of("params") if schema is None else schema
    if path:
        yield path
    below = {**schema.get("properties", {})}
    if isinstance(schema.get("additionalProperties"), dict):
        below["*"] = schema["additionalProperties"]
    if "items" in schema:
        below["0"] = schema["items"]
    for name, part in below.items():
        yield from keys(part, f"{path}.{name}".removeprefix("."))
    for part in schema.get("oneOf", ()):
        kind = part["properties"]["kind"]["const"]
        yield from keys({"properties": part["properties"]}, f"{path}<{kind}>")


def settings_with(key: str, value: Any, profile: str = "embedded") -> tuple[dict[str, Any], str]:
    """Return a profile's settings that hold a value at a key, and are in order but for it; and the key as errors write
    it."""
    raw: dict[str, Any] = copy.deepcopy(_base(profile))
    kind = "wheel" if "<wheel>" in key else "hub"
    names = key.replace("<wheel>", "").replace("<hub>", "").split(".")
    if names[:2] == ["annotators", "*"] and len(names) > 2:
        if names[2] in _OF_FILES:
            raw["annotators"]["odd"] = {"kind": "file"}
        elif names[2] in _OF_FUNCTIONS:
            raw["annotators"]["odd"] = {"kind": "python", "function": "f"}
    if names[0] == "annotator_files" and len(names) > 1:
        raw["annotators"]["odd"] = {"kind": "file", "by": "system"}
        raw["annotator_files"] = [{"name": "odd", "file": "odd.jsonl"}]
    if names[:3] == ["endpoints", "*", "base_urls"]:
        del raw["endpoints"]["odd"]["api_base"]
    if names[:3] == ["weights", "*", "files"]:
        del raw["weights"]["odd"]["sha256"]
    if kind == "wheel":
        raw["weights"]["odd"]["sources"] = [{"kind": "wheel", "packages": ["a==1"], "members": "*"}]
    if key == "corpus.source.*":
        raw["corpus"]["source"] = {"default": "sample"}
    elif key == "corpus.source.default":
        raw["corpus"]["source"] = {}
    node: Any = raw
    path: list[str] = []
    for position, name in enumerate(names):
        place: str | int = _CHOSEN[".".join(names[:position])] if name == "*" else name
        if name == "0":
            place = 0
        path.append(f"[{place}]" if name == "0" else f".{place}")
        if position + 1 == len(names):
            if place == 0 and not node:
                node.append(value)
            else:
                node[place] = value
            break
        following: Any = [] if names[position + 1] == "0" else {}
        if isinstance(node, dict):
            if not isinstance(node.get(place), (dict, list)):
                node[place] = following
        elif not node:
            node.append(following)
        node = node[place]
        if ".".join(names[: position + 1]) == "endpoints.*.prices.*":
            node.update({"input": 1, "output": 1} if not node else {})
    return raw, "".join(path).removeprefix(".")


@cache
def _base(profile: str) -> dict[str, Any]:
    raw: dict[str, Any] = read_yaml(ROOT / f"diziner/profiles/{profile}.yaml")
    hosted = {"kind": "hosted", "provider": "openai", "api_base": "http://127.0.0.1:1/v1"}
    raw["endpoints"] = {**raw["endpoints"], "odd": hosted}
    raw["annotators"] = {**raw["annotators"], "odd": {"endpoint": "odd", "model": "m"}}
    hub = {"kind": "hub", "repo": "a/b", "file": "c.gguf"}
    raw["weights"] = {**raw["weights"], "odd": {"licence": "MIT", "sha256": _DIGEST, "sources": [hub]}}
    return raw
