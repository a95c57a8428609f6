"""Analysis settings (params `disagreement`), checked once."""

from __future__ import annotations

from dataclasses import dataclass

from diziner.common.errors import UserError

WEIGHTINGS = ("span_f1", "kappa", "hybrid")
SPANS = "spans"
CONSENSUS = ("io", "bio", SPANS)
READINGS = ("tokens", "mentions")


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """Settings of one analysis (method sections 3 to 6).

    A token is hot when its U* reaches the `percentile` of all tokens; a hotspot is an elite split or a
    systematic bias when a token of it reaches `split_percentile` or `bias_percentile`. The coalition is
    the heaviest annotators up to `coalition_cutoff` of the weight. `weights` is one of WEIGHTINGS, and so is
    `analysis_weights`, by which token measures and the coalition weigh where they do not weigh like the consensus;
    `weight_floor` bounds span_f1 weights from below before they are normalised. A zero never counts
    as reaching a threshold, unless `legacy_zero_threshold` asks for the reference's rule. `consensus` is one of
    CONSENSUS: whether it merges adjacent mentions of one type (io, the reference's rule) or votes where they begin
    (bio); with spans every span is voted for as a whole, all is measured by span in place of token, and spans may be
    nested.
    `examples_per_group` examples are drawn with `seed`; `readings` is one of READINGS: whether an example shows how the
    disputed tokens are read (tokens), or how the whole mentions around them are (mentions). The disagreements of
    `held_back` documents are in no group, so that the supervisor does not see them.

    Errors: UserError naming the setting, what was given and what is allowed.
    """

    percentile: float = 80.0
    split_percentile: float = 90.0
    bias_percentile: float = 90.0
    coalition_cutoff: float = 0.5
    weights: str = "span_f1"
    analysis_weights: str | None = None
    weight_floor: float = 0.1
    legacy_zero_threshold: bool = False
    consensus: str = "io"
    readings: str = "tokens"
    examples_per_group: int = 10
    seed: int = 13
    held_back: int = 0

    def __post_init__(self) -> None:
        for name in ("percentile", "split_percentile", "bias_percentile"):
            value = getattr(self, name)
            if not 0.0 <= value <= 100.0:
                raise UserError(f"{name}: {value} is not a percentile; give a number from 0 to 100")
        if not 0.0 < self.coalition_cutoff <= 1.0:
            raise UserError(f"coalition_cutoff: {self.coalition_cutoff} is not above 0 and at most 1")
        for name in ("weights", "analysis_weights"):
            value = getattr(self, name)
            if value not in WEIGHTINGS and (name, value) != ("analysis_weights", None):
                raise UserError(f"{name}: unknown weighting {value!r}; one of {', '.join(WEIGHTINGS)}")
        if self.readings not in READINGS:
            raise UserError(f"readings: unknown kind {self.readings!r}; one of {', '.join(READINGS)}")
        if self.consensus not in CONSENSUS:
            raise UserError(f"consensus: unknown vote {self.consensus!r}; one of {', '.join(CONSENSUS)}")
        if not 0.0 < self.weight_floor <= 1.0:
            raise UserError(f"weight_floor: {self.weight_floor} is not above 0 and at most 1")
        if self.held_back < 0:
            raise UserError(f"held_back: {self.held_back} is negative; give 0 or more")
        if self.examples_per_group < 0:
            raise UserError(f"examples_per_group: {self.examples_per_group} is negative; give 0 or more")
