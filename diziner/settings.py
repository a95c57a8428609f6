"""Active settings: params.yaml, checked once against its schema and for names that must exist; typed sections."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from diziner.agreement.settings import SPANS, AnalysisSettings
from diziner.annotator.settings import (
    FILE,
    MODEL,
    PEOPLE,
    PYTHON,
    AnnotatorSettings,
    AnswerSettings,
    annotator_settings,
    check_entry,
    is_model,
    kind_in_words,
)
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.common.plugins import ANNOTATORS, FUNCTIONS, SOURCES, require
from diziner.common.unseen import refuse_unseen
from diziner.common.words import there_are
from diziner.common.yamlfile import read_yaml
from diziner.corpora.card import built_in_sources
from diziner.corpora.settings import CorpusSettings, check_embedder, corpus_settings
from diziner.endpoints import Endpoint, endpoints_from
from diziner.endpoints.extra import check_fields
from diziner.layout import PARAMS, RICH, STARTS, guideline_of, home, record_of
from diziner.prompting.templates import PROMPTS
from diziner.supervisor.settings import SupervisorSettings, supervisor_settings

EVERY_OTHER = "default"  # in params corpus.source: the source of benchmarks that are not named
_NO_FOLDER = ("sample", "hub")  # sources that read nothing below corpus.local_dir
_DOCUMENT_PROMPT = "document."  # how the template of a document begins, which is none of an annotator's


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
        return _sources_in(self.raw)

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
    _names_exist(raw, where)
    return Settings(raw)


def _sources_in(raw: Mapping[str, Any]) -> list[str]:
    chosen = raw["corpus"]["source"]
    return sorted(set(chosen.values())) if isinstance(chosen, Mapping) else [str(chosen)]


def start_in(params: object) -> str:
    """Return the guideline that round 0 begins with by params.yaml, which need not be checked: rich if it says none."""
    section = params.get("guideline") if isinstance(params, Mapping) else None
    start = section.get("start") if isinstance(section, Mapping) else None
    return start if isinstance(start, str) and start in STARTS else RICH


def _names_exist(raw: Mapping[str, Any], path: str) -> None:
    annotators, endpoints = raw["annotators"], endpoints_from(raw["endpoints"])
    for position, name in enumerate(raw["annotator_pool"]):
        if name not in annotators:
            known = there_are(sorted(annotators), name)
            raise UserError(f"{path}: annotator_pool[{position}]: no annotator {name!r}; {known}")
    local = sorted(name for name, entry in raw["weights"].items() if "sha256" in entry)
    for name, entry in annotators.items():
        check_entry(name, entry, path)
    _files_fit(raw, path)
    models = {f"annotators.{name}": entry for name, entry in annotators.items() if is_model(entry)}
    models["supervisor.model"] = raw["supervisor"]["model"]
    for where, entry in models.items():
        if entry["endpoint"] not in endpoints:
            known = there_are(sorted(endpoints), entry["endpoint"])
            raise UserError(f"{path}: {where}.endpoint: no endpoint {entry['endpoint']!r}; {known}")
        check_fields(entry.get("extra", {}), f"{path}: {where}.extra")
        if endpoints[entry["endpoint"]].backend.runs_here and entry["model"] not in local:
            known = there_are(local, entry["model"])
            raise UserError(f"{path}: {where}.model: no weights of {entry['model']!r}; {known}")
    _prompts_exist(annotators, path)
    for source in _sources_in(raw):
        require(SOURCES, source, built_in_sources())
    for entry in annotators.values():
        require(ANNOTATORS, entry.get("kind", MODEL), [MODEL, FILE, PYTHON])
    for name in raw["annotator_pool"]:
        if "function" in annotators[name]:
            require(FUNCTIONS, annotators[name]["function"], [])
    for name, entry in raw["weights"].items():
        if ("sha256" in entry) == ("files" in entry):
            raise UserError(f"{path}: weights.{name}: needs sha256, of one GGUF file, or files, of several by name")
    check_embedder(raw["corpus"]["pilot"]["embedder"], raw["weights"], path)
    if raw["supervisor"].get("accept") == "agreement" and raw["corpus"]["pilot"]["mode"] != "fixed":
        raise UserError(
            f"{path}: supervisor.accept: agreement compares rounds, which needs the same documents in each; "
            f"corpus.pilot.mode is {raw['corpus']['pilot']['mode']!r}, must be 'fixed'"
        )
    if raw["supervisor"].get("accept") == "lines" and not raw["disagreement"].get("held_back"):
        raise UserError(
            f"{path}: supervisor.accept: lines tries instructions on documents that the supervisor has not seen; "
            "disagreement.held_back, how many these are, is 0 or missing, must be at least 1"
        )
    if raw["supervisor"].get("method") == "metaprompt" and raw["evidence"]["folder"] != "rounds":
        raise UserError(
            f"{path}: supervisor.method: metaprompt sees no evidence; evidence.folder is "
            f"{raw['evidence']['folder']!r}, must be 'rounds'"
        )
    _nested_fits(raw, path)
    _selection_fits(raw, path)
    ids = [entry["id"] for entry in raw["rounds"]]
    if ids != list(range(len(ids))):
        raise UserError(f"{path}: rounds: ids are {ids}; they must count up from 0")
    start = start_in(raw)
    for entry in raw["rounds"]:
        expected = guideline_of(entry["id"], start)
        if entry["guideline"] != expected:
            raise UserError(
                f"{path}: rounds[{entry['id']}].guideline: is {entry['guideline']!r}; must be {expected!r}"
                f"{_by_start(entry['id'], start)}"
            )
    begun = [entry["prev"] for entry in raw["refinements"]]
    if raw["evidence"]["folder"] == "gold" and sorted(raw["evidence"]["gold_rounds"]) != begun:
        raise UserError(
            f"{path}: evidence.gold_rounds: is {raw['evidence']['gold_rounds']}; with folder gold it must be {begun}, "
            "the rounds that refinements begin with"
        )
    for entry in raw["refinements"]:
        _refinement_fits(entry, raw, path)
    steps = [(entry["prev"], entry["id"]) for entry in raw["refinements"]]
    if steps != list(itertools.pairwise(ids)):
        raise UserError(
            f"{path}: refinements: are {steps}; each round after the first needs one, from the round before it"
        )


def _files_fit(raw: Mapping[str, Any], path: str) -> None:
    """Check that annotators whose labels are files are in annotator_files, and the others in annotator_pool."""
    annotators, files = raw["annotators"], [entry["name"] for entry in raw["annotator_files"]]
    same_documents = raw["corpus"]["pilot"]["mode"] == "fixed" or raw["corpus"]["pilot"].get("pins")
    for position, name in enumerate(files):
        place = f"{path}: annotator_files[{position}]"
        if annotators.get(name, {}).get("kind") != FILE:
            raise UserError(f"{place}: annotators has no {name} of kind file; write annotators.{name}: {{kind: file}}")
        if name in files[:position]:
            raise UserError(f"{place}: {name} is there twice; give it one file")
        if annotators[name].get("by", PEOPLE) == PEOPLE and not same_documents:
            raise UserError(
                f"{place}: {name} are people, who label documents once: corpus.pilot.mode must be 'fixed', or "
                "corpus.pilot.pins true with sets in the room's pilots.yaml; for another system say "
                f"annotators.{name}.by: system"
            )
    for position, name in enumerate(raw["annotator_pool"]):
        if annotators[name].get("kind") == FILE:
            raise UserError(
                f"{path}: annotator_pool[{position}]: {name} is of kind file; name it in annotator_files, as "
                f"{{name: {name}, file: {name}.jsonl}}"
            )


def _prompts_exist(annotators: Mapping[str, Mapping[str, Any]], path: str) -> None:
    folder = PROMPTS / "annotator"
    known = sorted(file.stem for file in folder.glob("*.md") if not file.stem.startswith(_DOCUMENT_PROMPT))
    for name, entry in annotators.items():
        prompt = entry.get("prompt")
        if prompt is not None and prompt not in known:
            raise UserError(
                f"{path}: annotators.{name}.prompt: no {prompt}.md in diziner/prompts/annotator; "
                f"{there_are(known, prompt)}"
            )


def _nested_fits(raw: Mapping[str, Any], path: str) -> None:
    """Check that all settings of nested spans are made, or none."""
    gold, answers = bool(raw["corpus"].get("nested")), bool(raw["answers"].get("nested"))
    consensus = raw["disagreement"].get("consensus", "io")
    if gold != answers or (gold and consensus != SPANS):
        raise UserError(
            f"{path}: corpus.nested is {str(gold).lower()}, answers.nested {str(answers).lower()}, "
            f"disagreement.consensus {consensus!r}; nested spans need true, true and 'spans': the variant nested makes "
            "all three"
        )
    if gold and raw["supervisor"].get("examples", "none") != "none":
        raise UserError(
            f"{path}: supervisor.examples: {raw['supervisor']['examples']}: examples in brackets cannot be nested; "
            "must be 'none' with corpus.nested"
        )


def _selection_fits(raw: Mapping[str, Any], path: str) -> None:
    """Check what selection by GLaPE needs."""
    selection, mode = raw["selection"], raw["corpus"]["pilot"]["mode"]
    strangers = [name for name in selection["sampled"] if name not in raw["annotator_pool"]]
    if strangers:
        raise UserError(
            f"{path}: selection.sampled: {strangers[0]!r} is not in annotator_pool, which is "
            f"{', '.join(raw['annotator_pool'])}"
        )
    if selection.get("rule") == "glape" and (mode != "fixed" or not selection["sampled"]):
        raise UserError(
            f"{path}: selection.rule: glape compares guidelines on the same documents by repeated answers: "
            f"corpus.pilot.mode must be 'fixed' (is {mode!r}), and selection.sampled name annotators of the pool"
        )


def _refinement_fits(entry: Mapping[str, Any], raw: Mapping[str, Any], path: str) -> None:
    """Check the paths that params.yaml writes down since DVC templates cannot work them out."""
    prev, start = entry["prev"], start_in(raw)
    for key, value in (("guideline", guideline_of(prev, start)), ("record", record_of(prev, start))):
        if entry[key] != value:
            raise UserError(
                f"{path}: refinements, round {prev} to {entry['id']}: {key} is {entry[key]!r}; must be {value!r}"
                f"{_by_start(prev, start)}"
            )


def _by_start(number: int, start: str) -> str:
    if number:
        return ""
    return f", since guideline.start is {start} (the variant {start}-start sets all of it: docs/settings.md)"
