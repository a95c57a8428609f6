"""Checks of params.yaml beyond its schema: names that must exist, and settings that must fit one another."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from diziner.agreement.settings import SPANS
from diziner.annotator.settings import FILE, MODEL, PEOPLE, PYTHON, check_entry, is_model
from diziner.common.errors import UserError
from diziner.common.plugins import ANNOTATORS, FUNCTIONS, SOURCES, require
from diziner.common.words import there_are
from diziner.corpora.card import built_in_sources
from diziner.corpora.settings import check_embedder
from diziner.endpoints import endpoints_from
from diziner.endpoints.extra import check_fields
from diziner.layout import guideline_of, record_of
from diziner.prompting.templates import PROMPTS
from diziner.settings.raw import sources_in, start_in

_DOCUMENT_PROMPT = "document."  # how the template of a document begins, which is none of an annotator's


def check_names(raw: Mapping[str, Any], path: str) -> None:
    """Check that what names something names what is there, and that settings of several sections fit together.

    Errors: UserError with the key, what was given and what there is.
    """
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
    for source in sources_in(raw):
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
    _supervisor_fits(raw, path)
    _nested_fits(raw, path)
    _selection_fits(raw, path)
    _rounds_fit(raw, path)


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


def _supervisor_fits(raw: Mapping[str, Any], path: str) -> None:
    """Check what the ways to accept instructions, and the method, need of other sections."""
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


def _rounds_fit(raw: Mapping[str, Any], path: str) -> None:
    """Check that rounds count up, that a refinement leads to each after the first, and the paths of both."""
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
