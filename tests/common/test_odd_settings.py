"""Odd values of settings and other files: each is refused in one line that names its key, or stands on a list here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fastjsonschema import JsonSchemaException
from hypothesis import given
from hypothesis import strategies as st
from odd_settings import ODD, keys, settings_with
from projects import ROOT

from diziner.common.errors import UserError
from diziner.common.files import schema_of, violation
from diziner.common.strictschema import compiled
from diziner.forms.choices import COLUMN_KEYS
from diziner.prompting.request import Message, ModelSettings, Request
from diziner.settings import settings_from

SECTIONS = [
    "corpus",
    "answers",
    "disagreement",
    "evidence",
    "scoring",
    "selection",
    "supervisor",
    "endpoints",
    "budget_usd",
]
LONGEST = 700  # characters of an error, whatever was given

# What is taken, reviewed: the odd values, why they have a meaning, and the keys.
TAKEN = [
    (
        "1.0 1 0 1e-9 -0.0",
        "numbers from 0 on; -0.0 is 0",
        "answers.max_failed_share supervisor.accept_margin supervisor.examples_agreement "
        "disagreement.percentile disagreement.split_percentile disagreement.bias_percentile "
        "annotators.*.temperature annotators.*.top_p supervisor.model.temperature supervisor.model.top_p "
        "endpoints.*.prices.*.input endpoints.*.prices.*.cached endpoints.*.prices.*.output "
        "selection.temperature",
    ),
    (
        "1.0 1 0 1e-9 -0.0 null",
        "the same, or no limit",
        "supervisor.max_change supervisor.stop_below supervisor.drop_worst_margin budget.usd "
        "endpoints.*.batch.discount",
    ),
    (
        "1.0 1 1e-9",
        "shares above 0",
        "disagreement.coalition_cutoff disagreement.weight_floor",
    ),
    (
        "1.0 1",
        "seconds",
        "endpoints.*.timeout_s endpoints.*.total_timeout_s endpoints.*.max_reply_mb",
    ),
    (
        "1.0 1 null",
        "rates and sizes, or no limit",
        "endpoints.*.rpm endpoints.*.tpm endpoints.*.batch.max_mb",
    ),
    (
        "1 0",
        "counts, seeds and places",
        "corpus.seed disagreement.seed scoring.seed annotators.*.seed annotators.*.replica "
        "supervisor.model.seed supervisor.model.replica answers.repair_turns answers.allowed_failures "
        "answers.overlap disagreement.held_back endpoints.*.prefix_cache_mib evidence.gold_rounds.0",
    ),
    (
        "1 0 null",
        "counts, or no limit",
        "supervisor.max_common supervisor.max_specific supervisor.max_words",
    ),
    (
        "0",
        "the first round",
        "rounds.0.id refinements.0.prev",
    ),
    (
        "1",
        "counts that must be one at least",
        "corpus.pilot.documents refinements.0.id disagreement.examples_per_group supervisor.max_patterns "
        "supervisor.examples_shown supervisor.examples_words annotators.*.max_tokens "
        "supervisor.model.max_tokens scoring.bootstrap_samples endpoints.*.concurrency endpoints.*.attempts "
        "endpoints.*.threads endpoints.*.context endpoints.*.contexts.*",
    ),
    (
        "1 null",
        "the same, or no limit",
        "corpus.test.documents supervisor.max_example_words endpoints.*.batch.max_requests "
        "endpoints.*.batch.max_enqueued_tokens",
    ),
    (
        "null",
        "nothing is set",
        "answers.chunk_tokens supervisor.max_evidence_tokens disagreement.analysis_weights endpoints.*.api_base",
    ),
    (
        "1 -1 0 '1' words",
        "a column's number, -1 for the last, or its name",
        "annotators.*.read.columns.*",
    ),
    (
        "true",
        "switches",
        "corpus.pilot.pins annotators.*.read.drop answers.show_goal supervisor.show_goal "
        "disagreement.legacy_zero_threshold endpoints.*.batch.repairs endpoints.*.batch.supervisor "
        "supervisor.specific_for_all supervisor.update_goal",
    ),
    (
        "'1' words",
        "free texts, and names that only others know: a model's, a file's, a form's (its reader says which there are)",
        "profile annotator_files.0.file annotators.*.model annotators.*.function annotators.*.read.form "
        "annotators.*.read.scheme annotators.*.read.labels.0 annotators.*.stop.0 supervisor.model.stop.0 "
        "endpoints.*.prices.*.source weights.*.licence weights.*.sources.0<wheel>.members "
        "weights.*.sources.0<hub>.file weights.*.sources.0<wheel>.packages.0",
    ),
    (
        "'1' words ''",
        "or none is pinned",
        "annotators.*.revision supervisor.model.revision",
    ),
    (
        "'1' words null",
        "names, or none; key_env: who gives the key itself must not see it in an error",
        "annotators.*.types.* corpus.local_dir endpoints.*.key_env",
    ),
    (
        "'1'",
        "names of a fixed alphabet",
        "annotators.*.packages.0 endpoints.*.provider weights.*.sources.0<hub>.repo weights.*.sources.0<hub>.revision",
    ),
    (
        "null {}",
        "no batches, or all as the provider has it",
        "endpoints.*.batch",
    ),
    (
        "[]",
        "none",
        "annotators.*.stop supervisor.model.stop annotators.*.packages annotators.*.read.labels "
        "annotator_files selection.sampled evidence.gold_rounds",
    ),
    (
        "{}",
        "none",
        "annotators.*.extra annotators.*.options annotators.*.types annotators.*.read "
        "annotators.*.read.columns supervisor.model.extra endpoints.*.contexts endpoints.*.prices",
    ),
]
ACCEPTED = {key: values.split() for values, _, named in TAKEN for key in named.split()}


@pytest.mark.parametrize("key", sorted(set(keys())))
def test_an_odd_value_is_refused_by_name_or_stands_on_the_list(key: str) -> None:
    accepted = []
    for label, value in ODD.items():
        raw, said = settings_with(key, value)
        try:
            settings = settings_from(raw, "params.yaml")
            for section in SECTIONS:
                getattr(settings, section)
            for name in settings.annotator_entries:
                settings.annotator(name)
        except UserError as error:
            line = str(error)
            assert "\n" not in line and len(line) < LONGEST, label
            assert any(name.split("[")[0].rstrip("s") in line for name in said.split(".")[-2:]), (label, line)
        else:
            accepted.append(label)
    assert accepted == [label for label in ODD if label in ACCEPTED.get(key, ())]


def test_the_list_of_what_is_taken_names_no_key_that_is_gone() -> None:
    assert not ACCEPTED.keys() - set(keys())


@pytest.mark.parametrize(
    "url",
    [
        "hello world",
        "127.0.0.1:8000",
        "ftp://a",
        "http://",
        "http://:80",
        "http:///v1",
        "http://a b",
        "http://a:port",
        "",
    ],
)
def test_an_address_is_a_url_with_a_host(url: str) -> None:
    for key in ("endpoints.*.api_base", "endpoints.*.base_urls.0"):
        with pytest.raises(UserError, match=key.split(".")[2]):
            settings_from(settings_with(key, url)[0], "params.yaml")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "https://a.b", "http://[::1]:80/v1/", "http://gpu-node_1:8000?x=1"]
)
def test_an_address_may_be_any_that_can_be_called(url: str) -> None:
    settings_from(settings_with("endpoints.*.api_base", url)[0], "params.yaml")


def test_the_same_number_written_otherwise_is_the_same_request() -> None:
    def key(**numbers: float) -> str:
        return Request("a", ModelSettings("e", "m", **numbers), (Message("user", "x"),)).key  # type: ignore[arg-type]

    assert key(temperature=1, top_p=1) == key(temperature=1.0, top_p=1.0)
    assert key(temperature=0) == key(temperature=-0.0) == key(temperature=0.0)


def numbers_in(schema: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every part of a schema that takes numbers."""
    if isinstance(schema, dict):
        types = schema.get("type", ())
        if {"integer", "number"} & {types} if isinstance(types, str) else {"integer", "number"} & {*types}:
            yield path, schema
    children = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    for name, child in children:
        yield from numbers_in(child, f"{path}.{name}")


SCHEMAS = sorted(
    path.relative_to(ROOT / "diziner/schemas").as_posix().removesuffix(".schema.json")
    for path in (ROOT / "diziner/schemas").rglob("*.schema.json")
)


def test_no_number_of_any_file_is_infinite_or_a_float_for_an_integer() -> None:
    tried = 0
    for name in SCHEMAS:
        for path, part in numbers_in(json.loads(json.dumps(schema_of(name)))):
            check, types = compiled(part), part["type"]
            wrong = [float("nan"), float("inf"), float("-inf"), 10**400, True]
            if "number" not in types:
                wrong += [1.0, 2**63, 10**30]
            for value in wrong:
                tried += 1
                with pytest.raises(JsonSchemaException):
                    check(value)
                assert violation(value, dict(part)), (name, path, value)
    assert tried > 1000


@given(
    value=st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text()),
    types=st.sampled_from([["integer"], ["number"], ["integer", "null"], ["number", "string"], ["integer", "boolean"]]),
)
def test_what_is_refused_is_explained(value: Any, types: list[str]) -> None:
    schema = {"type": types}
    try:
        compiled(schema)(value)
    except JsonSchemaException:
        assert violation(value, schema)
    else:
        assert violation(value, schema) is None


def test_of_alternatives_the_one_that_is_meant_is_explained() -> None:
    raw, _ = settings_with("weights.*.sources.0<wheel>.members", 3)
    with pytest.raises(UserError, match=r"weights\.odd\.sources\[0\]\.members: 3 is not of type 'string'"):
        settings_from(raw, "params.yaml")


def test_columns_of_a_file_are_called_as_the_option_calls_them() -> None:
    known = schema_of("params")["properties"]["annotators"]["additionalProperties"]["properties"]["read"]
    assert tuple(known["properties"]["columns"]["propertyNames"]["enum"]) == COLUMN_KEYS
    raw, _ = settings_with("annotators.*.read.columns", {"token": 1})
    with pytest.raises(UserError, match=r"read\.columns: 'token' is not one of .*; did you mean tokens"):
        settings_from(raw, "params.yaml")
