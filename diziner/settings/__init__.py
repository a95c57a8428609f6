"""Active settings: params.yaml as typed sections, checked once against its schema and by the module `checks`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from diziner.agreement.settings import AnalysisSettings
from diziner.annotator.settings import (
    MODEL,
    AnnotatorSettings,
    AnswerSettings,
    annotator_settings,
    is_model,
    kind_in_words,
)
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.common.plugins import ANNOTATORS, SOURCES
from diziner.common.unseen import refuse_unseen
from diziner.common.words import there_are
from diziner.common.yamlfile import read_yaml
from diziner.corpora.settings import CorpusSettings, corpus_settings
from diziner.endpoints import Endpoint, endpoints_from
from diziner.layout import PARAMS, home
from diziner.settings.checks import check_names
from diziner.settings.raw import sources_in, start_in
from diziner.supervisor.settings import SupervisorSettings, supervisor_settings

EVERY_OTHER = "default"  # in params corpus.source: the source of benchmarks that are not named
_NO_FOLDER = ("sample", "hub")  # sources that read nothing below corpus.local_dir


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Evidence that the supervisor sees: `folder` rounds (disagreements) or gold (errors against gold labels, of
    the rounds `gold_rounds`)."""

    folder: str
    gold_rounds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """Settings of the label-free choice (params `selection`).

    `predictor`: annotator or coalition. `rule`: agreement, or glape (a rival: self- and mutual consistency of what
    each of `sampled` answers `samples` times at `temperature`)."""

    predictor: str
    sampled: tuple[str, ...] = ()
    rule: str = "agreement"
    samples: int = 5
    temperature: float = 0.5


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """Bootstrap intervals: how many resamples, drawn with which seed."""

    bootstrap_samples: int
    seed: int


# No slots: sections are made once and kept.
@dataclass(frozen=True)
class Settings:
    """params.yaml. `raw` is the checked mapping, for those who show or edit it; all others read the typed parts."""

    raw: Mapping[str, Any]

    @property
    def profile(self) -> str:
        return str(self.raw["profile"])

    @cached_property
    def corpus(self) -> CorpusSettings:
        return corpus_settings(self.raw["corpus"], len(self.rounds))

    def source(self, benchmark: str) -> str:
        """Return the source that a benchmark is loaded from."""
        chosen = self.raw["corpus"]["source"]
        return str(chosen.get(benchmark, chosen[EVERY_OTHER]) if isinstance(chosen, Mapping) else chosen)

    @property
    def named_sources(self) -> list[str]:
        """The benchmarks whose source is chosen by name, there or not, sorted."""
        chosen = self.raw["corpus"]["source"]
        return sorted(chosen.keys() - {EVERY_OTHER}) if isinstance(chosen, Mapping) else []

    @property
    def sources(self) -> list[str]:
        """The sources that are chosen for some benchmark, sorted."""
        return sources_in(self.raw)

    def room_sources(self, benchmarks: Iterable[str]) -> dict[str, dict[str, str | None]]:
        """Return where benchmarks are loaded from, by name: what a change of reads documents anew."""
        local_dir = self.raw["corpus"]["local_dir"]
        chosen = {name: self.source(name) for name in benchmarks}
        return {
            name: {"source": source, **({} if source in _NO_FOLDER else {"local_dir": local_dir})}
            for name, source in chosen.items()
        }

    @property
    def local_dir(self) -> Path | None:
        """The folder with a folder of files for each benchmark, for source local."""
        named = self.raw["corpus"]["local_dir"]
        return home() / named if named else None

    @cached_property
    def endpoints(self) -> dict[str, Endpoint]:
        return endpoints_from(self.raw["endpoints"])

    @property
    def local_endpoints(self) -> list[str]:
        """The endpoints of models on this machine."""
        return [name for name, endpoint in self.endpoints.items() if endpoint.backend.runs_here]

    @property
    def models_in_use(self) -> set[tuple[str, str]]:
        """Endpoint and model of all active annotators and the supervisor."""
        pool = [self.annotator_entries[name] for name in self.pool]
        entries = [*filter(is_model, pool), self.raw["supervisor"]["model"]]
        return {(entry["endpoint"], entry["model"]) for entry in entries}

    @property
    def weights_in_use(self) -> set[str]:
        """Models whose weights a run reads: those of local endpoints in use, and an embedder of that name."""
        local = set(self.local_endpoints)
        return {model for endpoint, model in self.models_in_use if endpoint in local} | {self.corpus.embedder}

    @property
    def weights(self) -> Mapping[str, Mapping[str, Any]]:
        """Entries of weights by model, as params has them."""
        weights: Mapping[str, Mapping[str, Any]] = self.raw["weights"]
        return weights

    @property
    def budget_usd(self) -> float | None:
        """The most that all calls may cost together; None for no limit."""
        limit: float | None = self.raw.get("budget", {}).get("usd")
        return limit

    @cached_property
    def supervisor(self) -> SupervisorSettings:
        return supervisor_settings(self.raw["supervisor"])

    @cached_property
    def answers(self) -> AnswerSettings:
        return AnswerSettings(**self.raw["answers"])

    @cached_property
    def disagreement(self) -> AnalysisSettings:
        return AnalysisSettings(**self.raw["disagreement"])

    @cached_property
    def evidence(self) -> EvidenceSettings:
        return EvidenceSettings(self.raw["evidence"]["folder"], tuple(self.raw["evidence"]["gold_rounds"]))

    @cached_property
    def scoring(self) -> ScoringSettings:
        return ScoringSettings(**self.raw["scoring"])

    @cached_property
    def selection(self) -> SelectionSettings:
        entry = self.raw["selection"]
        return SelectionSettings(**{**entry, "sampled": tuple(entry["sampled"])})

    @property
    def predictor(self) -> str:
        """Kind of predictor: annotator or coalition."""
        return self.selection.predictor

    @property
    def pool(self) -> list[str]:
        """The active annotators, in order: those that are asked, then those whose labels are files."""
        return [*self.raw["annotator_pool"], *self.label_files]

    @property
    def label_files(self) -> dict[str, str]:
        """The files of labels below a room's folder `annotators`, by annotator."""
        return {entry["name"]: entry["file"] for entry in self.raw["annotator_files"]}

    @cached_property
    def no_models(self) -> dict[str, str]:
        """The active annotators that are no language models, with what they are: so marked wherever they are shown."""
        return {name: words for name in self.pool if (words := kind_in_words(self.annotator(name)))}

    @property
    def start(self) -> str:
        """The guideline that round 0 begins with: rich or terse."""
        return start_in(self.raw)

    @property
    def rounds(self) -> list[int]:
        """The numbers of the active rounds, in order."""
        return [entry["id"] for entry in self.raw["rounds"]]

    @property
    def refinements(self) -> list[int]:
        """The rounds that a refinement leads to, in order."""
        return [entry["id"] for entry in self.raw["refinements"]]

    @property
    def annotator_entries(self) -> Mapping[str, Mapping[str, Any]]:
        """Every annotator's entry by name, as params has it: a selection keeps that of the chosen one."""
        entries: Mapping[str, Mapping[str, Any]] = self.raw["annotators"]
        return entries

    @property
    def plug_ins(self) -> dict[str, list[str]]:
        """The names that plug-ins may have behind outputs, by group: sources, and the pool's kinds of annotators."""
        entries = [self.annotator_entries[name] for name in self.raw["annotator_pool"]]
        kinds = {entry["function"] if "function" in entry else entry.get("kind", MODEL) for entry in entries}
        return {SOURCES.name: self.sources, ANNOTATORS.name: sorted(kinds)}

    @property
    def packages(self) -> list[str]:
        """The distributions whose versions shape what the pool's functions label."""
        entries = [self.annotator_entries[name] for name in self.raw["annotator_pool"]]
        return sorted({name for entry in entries for name in entry.get("packages", ())})

    def annotator(self, name: str) -> AnnotatorSettings:
        """Return an annotator by name; UserError with the names there are."""
        entries = self.annotator_entries
        if name not in entries:
            raise UserError(f"{PARAMS}: annotators: no annotator {name!r}; {there_are(sorted(entries), name)}")
        return annotator_settings(name, entries[name])

    def label_file(self, name: str) -> AnnotatorSettings:
        """Return an annotator whose labels are a file, by name; UserError with the names there are."""
        if name not in self.label_files:
            raise UserError(f"{PARAMS}: annotator_files: no annotator {name!r}; {there_are(self.label_files, name)}")
        return self.annotator(name)

    def round(self, number: int) -> int:
        """Return the round, if there is one of that number; UserError otherwise."""
        if number not in self.rounds:
            raise UserError(f"{PARAMS}: rounds: no round {number}; there are: {', '.join(map(str, self.rounds))}")
        return number

    def refined(self, number: int) -> int:
        """Return the round, if a refinement leads to it; UserError otherwise."""
        if number not in self.refinements:
            there = ", ".join(map(str, self.refinements)) or "none"
            raise UserError(f"{PARAMS}: refinements: none leads to round {number}; there are: {there}")
        return number


def load_settings(path: Path = PARAMS) -> Settings:
    """Read and check params.yaml.

    Errors: UserError naming the key, what was given and what is allowed.
    """
    return settings_from(read_yaml(path), str(path))


def settings_from(raw: Any, where: str) -> Settings:
    """Return settings from data, checked; `where` is what errors call it.

    Errors: as `load_settings`.
    """
    check(raw, "params", where)
    refuse_unseen(raw, where, but=("stop", "extra", "options"))  # of models and plug-ins: any text may be meant
    check_names(raw, where)
    return Settings(raw)
