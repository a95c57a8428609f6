"""Files of an analysis: agreement.json, hotspots.jsonl, confusion.json and the token table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from diziner.agreement.analysis import Analysis, annotator_errors
from diziner.common.rounding import rounded_finely

if TYPE_CHECKING:
    import polars


def disagreements_to_json(analysis: Analysis) -> dict[str, Any]:
    """Return disagreements.json (disagreements.schema.json): what the supervisor is shown of a round.

    The groups of all annotators together, each annotator's own against the consensus, and each one's leanings.
    """
    value: dict[str, Any] = rounded_finely(
        {
            "coalition": analysis.agreement.coalition,
            "groups": [asdict(group) for group in analysis.groups],
            "annotators": {
                name: [asdict(group) for group in annotator_errors(analysis, name)]
                for name in analysis.agreement.annotators
            },
            "leanings": {
                name: {
                    "agreement": analysis.agreement.mean[name],
                    "like_consensus": bias.agreement_rate,
                    "over_tagging": bias.over_tagging,
                    "types": bias.type_bias,
                    "failed": analysis.failed[name],
                }
                for name, bias in analysis.bias.items()
            },
        }
    )
    return value | ({"held_back": list(analysis.held_back)} if analysis.held_back else {})


def confusion_to_json(analysis: Analysis) -> dict[str, Any]:
    """Return confusion.json: tokens by pair of types, and each annotator's bias, failures, and all totals."""
    value: dict[str, Any] = rounded_finely(
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
    """Return the token table (`Analysis.columns`) as a DataFrame, one row per token of the answered documents."""
    import polars

    kinds = {"token": polars.Int32, "end": polars.Int32, "answered": polars.Int32, "disagreeing": polars.Int32}
    texts = dict.fromkeys(("document", "consensus", "hotspot"), polars.String)
    columns = analysis.columns
    schema = {name: kinds.get(name) or texts.get(name) or polars.Float64 for name in columns}
    return polars.DataFrame(columns, schema=schema)
