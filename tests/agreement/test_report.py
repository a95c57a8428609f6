"""The report and the files of an analysis."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from perf.synthetic import make_corpus

from diziner.agreement.analysis import Analysis, analyse, annotator_errors
from diziner.agreement.files import confusion_to_json, disagreements_to_json, tokens_frame
from diziner.agreement.report import render_annotator_report, render_report
from diziner.agreement.settings import AnalysisSettings
from diziner.common.errors import UserError
from diziner.common.files import check, dump_line
from diziner.records.agreement import agreement_from_json, agreement_to_json
from diziner.records.annotations import Annotation, Failure, Span
from diziner.records.disagreements import hotspot_from_json, hotspot_to_json
from diziner.records.documents import Document
from diziner.records.guideline import EntityType
from diziner.supervisor.evidence import evidence_from_json

Analysed = tuple[Analysis, list[Document]]

NAMES = ("one", "two", "three")
TEXT = "the Bank of England raised rates"
BANK = Document("d0", tuple(TEXT.split()), TEXT)
SILENT = Document("d1", ("calm",), "calm")


@pytest.fixture(scope="module")
def analysed() -> Analysed:
    spans = {"one": Span(1, 4, "ORG"), "two": Span(1, 4, "ORG"), "three": Span(3, 4, "LOC")}
    failed = Annotation("d1", failure=Failure("timeout", "no answer"))
    rows = {name: [Annotation("d0", (spans[name],)), failed] for name in NAMES}
    return analyse([BANK, SILENT], rows, ("LOC", "ORG")), [BANK, SILENT]


@pytest.fixture(scope="module")
def large() -> Analysed:
    documents, rows, types = make_corpus(80, 6, 3, failing=0.05, seed=2)
    return analyse(documents, rows, types), documents


def table(report: str, head: str) -> list[list[str]]:
    """The cells of the Markdown table whose first line starts with `head`."""
    lines = report[report.index(head) :].split("\n\n")[0].splitlines()
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_report_shows_the_dispute(analysed: Analysed) -> None:
    report = render_report(*analysed)
    assert "- Documents: 2, with 6 tokens" in report
    assert "- Documents that nobody answered, left out: d1" in report
    assert "- Failed documents, left out of their annotator's votes: one 1, three 1, two 1" in report
    assert "### ORG_to_O: 2 tokens in 1 mention" in report
    example = report[report.index('1. "Bank of"') :].split("\n\n")[0].splitlines()
    assert example[0] == '1. "Bank of" (d0, tokens 1-3; hotspot d0:1-4)'
    assert example[1] == "    - Context: the «Bank of» England raised rates"
    assert example[3] == '    - Consensus: ORG "Bank of England" (one, two)'
    assert example[4] == "    - Alternative: O (three)"


NAMED = {"LOC": "place", "ORG": "organization"}


def test_types_go_by_the_names_that_guidelines_have_with_labels_where_they_are_listed(analysed: Analysed) -> None:
    analysis, documents = analysed
    report = render_report(analysis, documents, NAMED)
    listed = "- Entity types: place (LOC), organization (ORG)"
    assert report.count("organization (ORG)") == report.count("place (LOC)") == 1
    assert report.index(listed) < min(report.index(subtype) for subtype in ("| organization_to_no entity", "### "))
    rest = report.replace(listed, "")
    assert not re.search(r"ORG|LOC", rest)
    example = rest[rest.index('1. "Bank of"') :].split("\n\n")[0].splitlines()
    assert example[3] == '    - Consensus: organization "Bank of England" (one, two)'
    assert example[4] == "    - Alternative: no entity (three)"
    assert re.findall(r"^### (.*): ", rest, re.M) == ["organization_to_no entity", "organization_to_place"]


def test_an_annotator_s_report_names_types_likewise(analysed: Analysed) -> None:
    analysis, _ = analysed
    report = render_annotator_report(analysis, "three", NAMED)
    assert "fewer (-) than the consensus: -2 (place +1, organization -3)" in report
    assert report.count("LOC") == report.count("ORG") == 1
    labels = render_annotator_report(analysis, "three")
    assert "- Entity types: LOC, ORG\n" in labels
    assert "(LOC +1, ORG -3)" in labels


def test_names_are_those_of_the_supervisor_s_evidence(analysed: Analysed) -> None:
    analysis, documents = analysed
    types = [EntityType(label, name, "") for label, name in NAMED.items()]
    evidence = evidence_from_json(json.loads(dump_line(disagreements_to_json(analysis))), types)
    report = render_report(analysis, documents, NAMED)
    assert evidence.groups
    for group in evidence.groups:
        assert f"### {group.subtype}: " in report
        for example in group.examples:
            assert f"    - Consensus: {example.consensus} (" in report
            assert all(f"    - Alternative: {reading} (" in report for reading, _ in example.alternatives)


def test_tables_add_up(large: Analysed) -> None:
    analysis, documents = large
    report = render_report(analysis, documents)
    kinds, errors = table(report, "| Hotspot kind"), table(report, "| Error type")
    assert sum(int(row[1]) for row in kinds[:-1]) == int(kinds[-1][1]) == len(analysis.hotspots)
    assert sum(int(row[3]) for row in kinds[:-1]) == int(kinds[-1][3]) == analysis.totals.in_hotspots
    assert sum(int(row[1]) for row in errors[:-1]) == int(errors[-1][1]) == analysis.totals.in_hotspots
    sections = [int(count) for count in re.findall(r"^## \w+_\w+: (\d+) tokens?$", report, re.M)]
    assert sum(sections) == analysis.totals.in_hotspots
    shown = [int(row[1]) for row in errors[:-1]]
    assert shown == sorted(shown, reverse=True)


def test_report_lists_at_most_the_examples_asked_for(large: Analysed) -> None:
    analysis, documents = large
    report = render_report(analysis, documents)
    most = max(analysis.groups, key=lambda group: group.mentions)
    section = report[report.index(f"### {most.subtype}: ") :].split("\n#")[0]
    assert len(re.findall(r"^\d+\. ", section, re.M)) == 10
    assert f"({most.mentions - 10} more not shown)" in section


def test_report_is_the_same_again(large: Analysed) -> None:
    analysis, documents = large
    assert render_report(analysis, documents) == render_report(analysis, documents[::-1])


def test_report_without_disagreement() -> None:
    rows = {name: [Annotation("d0", (Span(1, 4, "ORG"),))] for name in NAMES}
    report = render_report(analyse([BANK], rows, ("ORG",)), [BANK])
    assert "| Total | 0 | 0.0 | 0 |" in report.replace("*", "")
    assert "## Span_Error" not in report
    assert "Reference: the consensus, a weighted majority vote" in report
    assert "documents in common" not in report and "held back" not in report
    against_gold = render_report(analyse([BANK], rows, ("ORG",), reference={"d0": [Span(1, 4, "ORG")]}), [BANK])
    assert "Reference: the gold labels. Wherever" in against_gold and "weighted majority" not in against_gold


def test_documents_that_two_annotators_do_not_share_are_told() -> None:
    other = Document("d1", BANK.tokens, BANK.text)
    failed = Annotation("d1", failure=Failure("timeout", ""))
    rows = {name: [Annotation("d0", ()), failed if name == NAMES[0] else Annotation("d1", ())] for name in NAMES}
    report = render_report(analyse([BANK, other], rows, ("ORG",)), [BANK, other])
    first, second, third = sorted(NAMES)
    pairs = [pair for pair in ((first, second), (first, third), (second, third)) if NAMES[0] in pair]
    told = ", ".join(f"{one} and {two} 1" for one, two in pairs)
    assert f"- Pairs by documents in common, where these are not all: {told}\n" in report


def test_report_on_one_annotator(large: Analysed) -> None:
    analysis, _ = large
    name = analysis.agreement.annotators[-1]
    report = render_annotator_report(analysis, name)
    errors = table(report, "| Error type")
    assert int(errors[-1][1]) == sum(group.tokens for group in annotator_errors(analysis, name))
    assert f"more (+) or fewer (-) than the consensus: {analysis.bias[name].over_tagging:+d}" in report
    with pytest.raises(UserError, match="'nobody' is not in this analysis"):
        render_annotator_report(analysis, "nobody")


def test_reports_on_a_member_of_the_coalition_and_on_an_outsider() -> None:
    agreeing = (Span(1, 4, "ORG"),)
    rows = {name: [Annotation("d0", agreeing)] for name in ("one", "two", "three", "four")}
    rows["odd"] = [Annotation("d0", (Span(0, 1, "LOC"), Span(1, 4, "LOC")))]
    analysis = analyse([BANK], rows, ("LOC", "ORG"), AnalysisSettings(percentile=95.0, coalition_cutoff=0.7))
    member, outsider = render_annotator_report(analysis, "four"), render_annotator_report(analysis, "odd")
    assert analysis.agreement.coalition == ("four", "one", "three")
    assert "- Member of the coalition: yes" in member
    assert "fewer (-) than the consensus: +0\n" in member
    assert "| Total | 0 | 0.0 | 0 |" in member.replace("*", "")
    assert "- Member of the coalition: no" in outsider
    assert "fewer (-) than the consensus: +1 (LOC +4, ORG -3)" in outsider
    everybody = analyse([BANK], rows, ("LOC", "ORG"), AnalysisSettings(coalition_cutoff=1.0))
    assert "- Rest: none" in render_report(everybody, [BANK])


def test_what_is_below_the_threshold_says_so() -> None:
    documents, rows, types = make_corpus(40, 4, 3, seed=2)
    analysis = analyse(documents, rows, types, AnalysisSettings(percentile=97.0))
    report = render_annotator_report(analysis, analysis.agreement.annotators[-1])
    outside = [part for part in re.split(r"(?m)^(?=\d+\. )", report) if "; below the threshold)" in part]
    assert outside
    assert not any("- Kind: " in part for part in outside)
    assert re.search(r"; hotspot \S+\)\n    - Context: .*\n    - Kind: ", report)


@pytest.mark.parametrize("source", ["analysed", "large"])
def test_the_disagreements_file_holds_the_groups_of_all_and_of_each(
    source: str, request: pytest.FixtureRequest
) -> None:
    analysis, _ = request.getfixturevalue(source)
    value = json.loads(dump_line(disagreements_to_json(analysis)))
    check(value, "disagreements", "disagreements.json")
    assert value["coalition"] == list(analysis.agreement.coalition)
    assert [group["subtype"] for group in value["groups"]] == [group.subtype for group in analysis.groups]
    for name, groups in value["annotators"].items():
        found = annotator_errors(analysis, name)
        assert [(group["subtype"], group["tokens"]) for group in groups] == [(g.subtype, g.tokens) for g in found]


@pytest.mark.parametrize("source", ["analysed", "large"])
def test_files_match_their_schemas_and_come_back(source: str, request: pytest.FixtureRequest) -> None:
    analysis, _ = request.getfixturevalue(source)
    value = json.loads(dump_line(agreement_to_json(analysis.agreement)))
    check(value, "agreement", "agreement.json")
    back = agreement_from_json(value)
    assert back.coalition == analysis.agreement.coalition
    assert back.mean == pytest.approx(analysis.agreement.mean, abs=1e-9)
    assert agreement_to_json(back) == value
    for hotspot in analysis.hotspots:
        row = json.loads(dump_line(hotspot_to_json(hotspot)))
        check(row, "hotspot", "hotspots.jsonl")
        assert hotspot_to_json(hotspot_from_json(row)) == row
        assert hotspot_from_json(row).labels == hotspot.labels


def test_schemas_refuse_what_is_wrong(analysed: Analysed) -> None:
    analysis, _ = analysed
    row = hotspot_to_json(analysis.hotspots[0])
    with pytest.raises(UserError, match="kind"):
        check({**row, "kind": "odd"}, "hotspot", "hotspots.jsonl:1")
    value = agreement_to_json(analysis.agreement)
    with pytest.raises(UserError, match="overall"):
        check({**value, "overall": 1.5}, "agreement", "agreement.json")


def test_confusion_file(large: Analysed) -> None:
    analysis, _ = large
    value = json.loads(dump_line(confusion_to_json(analysis)))
    assert value["labels"] == ["O", *analysis.readings.corpus.types]
    assert value["totals"]["in_hotspots"] == analysis.totals.in_hotspots
    assert set(value["bias"]) == set(value["consensus"]) == set(value["failed"])
    assert value["thresholds"]["u_star"] == pytest.approx(analysis.thresholds["u_star"], abs=1e-9)


def test_token_table(large: Analysed, tmp_path: Path) -> None:
    import polars

    analysis, _ = large
    frame = tokens_frame(analysis)
    assert frame.height == analysis.totals.tokens
    assert frame.null_count().sum_horizontal().item() == 0
    assert frame["disagreeing"].sum() == analysis.totals.disagreeing
    hot = frame.filter(polars.col("hotspot") != "")
    assert hot.height == analysis.totals.hot_tokens
    assert set(hot["hotspot"]) == {hotspot.id for hotspot in analysis.hotspots}
    assert {name: frame[name].to_list() for name in frame.columns} == analysis.columns
    frame.write_parquet(tmp_path / "tokens.parquet")
    assert polars.read_parquet(tmp_path / "tokens.parquet").equals(frame)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("polars", "pandas", "sklearn", "scipy", "litellm", "datasets", "dvc")
    program = f"import sys, diziner.agreement; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
