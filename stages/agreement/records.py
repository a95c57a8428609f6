"""The analysis as files: agreement.json, hotspots.jsonl, confusion.json and the token table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from stages.agreement.analysis import Analysis, annotator_errors
from stages.contracts import Agreement, Hotspot
from stages.rounding import rounded

if TYPE_CHECKING:
    import polars

# Nine places: files do not differ in the last bit, and rounds that are compared by them still do.
_rounded = partial(rounded, places=9)


def agreement_to_json(agreement: Agreement) -> dict[str, Any]:
    """agreement.json (agreement.schema.json)."""
    value: dict[str, Any] = _rounded(asdict(agreement))
    return value


def disagreements_to_json(analysis: Analysis) -> dict[str, Any]:
    """disagreements.json (disagreements.schema.json): what the supervisor is shown of a round.

    The groups of all annotators together, and each annotator's own against the consensus.
    """
    value: dict[str, Any] = _rounded(
        {
            "coalition": analysis.agreement.coalition,
            "groups": [asdict(group) for group in analysis.groups],
            "annotators": {
                name: [asdict(group) for group in annotator_errors(analysis, name)]
                for name in analysis.agreement.annotators
            },
        }
    )
    return value


def hotspot_to_json(hotspot: Hotspot) -> dict[str, Any]:
    """One row of hotspots.jsonl (hotspot.schema.json)."""
    return {
        "id": hotspot.id,
        "document": hotspot.document,
        "start": hotspot.start,
        "end": hotspot.end,
        "kind": hotspot.kind,
        "score": _rounded(hotspot.score),
        "consensus": list(hotspot.consensus),
        "labels": {name: list(tags) for name, tags in hotspot.labels.items()},
    }


def hotspot_from_json(value: Mapping[str, Any]) -> Hotspot:
    """The Hotspot of a checked row of hotspots.jsonl."""
    return Hotspot(
        id=value["id"],
        document=value["document"],
        start=value["start"],
        end=value["end"],
        kind=value["kind"],
        score=value["score"],
        consensus=tuple(value["consensus"]),
        labels={name: tuple(tags) for name, tags in value["labels"].items()},
    )


def confusion_to_json(analysis: Analysis) -> dict[str, Any]:
    """confusion.json: tokens by pair of types, and each annotator's bias, failures, and all totals."""
    value: dict[str, Any] = _rounded(
        asdict(analysis.confusion)
        | {
            "bias": {name: asdict(bias) for name, bias in analysis.bias.items()},
            "failed": analysis.failed,
            "thresholds": analysis.thresholds,
            "totals": asdict(analysis.totals),
        }
    )
    return value


def tokens_frame(analysis: Analysis) -> polars.DataFrame:
    """The token table (`Analysis.columns`) as a DataFrame, one row per token of the answered documents."""
    import polars

    kinds = {"token": polars.Int32, "answered": polars.Int32, "disagreeing": polars.Int32}
    texts = dict.fromkeys(("document", "consensus", "hotspot"), polars.String)
    columns = analysis.columns
    schema = {name: kinds.get(name) or texts.get(name) or polars.Float64 for name in columns}
    return polars.DataFrame(columns, schema=schema)
