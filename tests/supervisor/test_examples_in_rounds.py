"""Examples from agreement through a whole run: rounds, prompts, selection, receipts, report, plan."""

from __future__ import annotations

import json
import re

import pytest
from projects import Project, copy_project, use_scripted
from stage_runs import BENCHMARK, read, rows, use_variants

from diziner.spans.brackets import parse_brackets


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three rounds with DVC on the same documents, with the two most similar examples for each."""
    made = copy_project(tmp_path_factory.mktemp("examples") / "project", (BENCHMARK,))
    made.edit_params(use_scripted)
    use_variants(made, "rounds-3", "fixed-pilot")
    made.edit_params(lambda params: params["supervisor"].update(examples="similar", examples_shown=2))
    made.diziner("repro", "-j", "2")
    return made


def prompts(project: Project, model: str) -> list[list[dict[str, str]]]:
    return [request["messages"] for _, request, _ in rows(project) if request["model"] == model]


def test_later_rounds_have_examples_that_annotators_of_the_round_before_gave(done: Project) -> None:
    documents = {row["id"]: row for row in read(done, "corpus/pilot/r0.jsonl")}
    assert "agreed" not in read(done, "guideline.yaml")
    for number in (1, 2):
        agreed = read(done, f"rounds/r{number}/guideline.yaml")["agreed"]
        record = read(done, f"rounds/r{number}/refinement.json")
        assert (agreed["choice"], agreed["shown"]) == ("similar", 2)
        assert record["examples"]["chosen"] == [example["receipt"]["document"] for example in agreed["examples"]]
        assert record["examples"]["documents"] == len(documents) and agreed["examples"]
        for example in agreed["examples"]:
            receipt = example["receipt"]
            assert receipt["round"] == number - 1 and len(receipt["annotators"]) >= 2
            tokens, spans = parse_brackets(example["sentence"])
            assert list(tokens) == documents[receipt["document"]]["tokens"]
            for name in receipt["annotators"]:
                own = read(done, f"rounds/r{number - 1}/annotations/{name}.jsonl")
                [row] = [row for row in own if row["id"] == receipt["document"]]
                assert row["spans"] == [[s.start, s.end, s.type] for s in spans]


@pytest.mark.parametrize("model", ["scripted-careful", "scripted-eager"])
def test_no_document_is_shown_itself_and_test_documents_are_no_examples(done: Project, model: str) -> None:
    pilot = {row["text"] for row in read(done, "corpus/pilot/r0.jsonl")}
    test = {row["text"] for row in read(done, "corpus/test.jsonl")}
    shown = set()
    for messages in prompts(done, model):
        texts = re.findall(r"<document>\n(.*?)\n</document>", "\n".join(m["content"] for m in messages), re.DOTALL)
        assert texts.count(texts[-1]) == 1
        shown |= set(texts[:-1])
    assert shown & pilot and not shown & test


def test_the_selected_guideline_takes_its_examples_to_the_test_documents(done: Project) -> None:
    if read(done, "final/selection.json")["round"] == 0:
        pytest.fail("round 0 was selected: the fixture shows nothing of later guidelines")
    examples = read(done, "final/guideline.yaml")["agreed"]["examples"]
    model = read(done, "final/selection.json")["settings"]["model"]
    text = next(row["text"] for row in read(done, "corpus/test.jsonl"))
    asked = [m for m in prompts(done, model) if text in m[-1]["content"]]
    first = " ".join(parse_brackets(examples[0]["sentence"])[0])
    both = ["\n".join(message["content"] for message in messages) for messages in asked]
    assert any("Examples" not in prompt and first not in prompt for prompt in both)  # round 0's guideline
    shown = [" ".join(parse_brackets(example["sentence"])[0]) for example in examples]
    assert any(sum(sentence in prompt for sentence in shown) >= min(2, len(shown)) for prompt in both)


def test_verify_makes_each_example_anew_and_names_what_differs(done: Project) -> None:
    assert "every hotspot" in done.diziner_here("guideline", "verify", BENCHMARK).stdout
    path = done.folder / "data" / BENCHMARK / "rounds/r1/guideline.yaml"
    before = path.read_text()
    agreement = re.search(r"agreement: ([\d.]+)", before)
    document = re.search(r"document: (\S+)", before[before.index("agreed:") :])
    assert agreement and document
    path.unlink()  # a link into DVC's cache
    try:
        path.write_text(before.replace(agreement[0], "agreement: 0.123"))
        said = done.diziner_here("guideline", "verify", BENCHMARK, check=False)
        assert f"agreed.examples: {document[1]}: not as annotators of round 0 left it: agreement" in said.stdout
        path.write_text(before.replace(document[0], "document: nowhere", 1))
        said = done.diziner_here("guideline", "verify", BENCHMARK, check=False)
        assert said.returncode == 2 and "no document nowhere in the pilot set of round 0" in said.stdout
    finally:
        path.write_text(before)


def test_diff_and_report_show_the_examples_with_their_receipts(done: Project) -> None:
    said = done.diziner_here("guideline", "diff", f"{BENCHMARK}:0", f"{BENCHMARK}:1").stdout
    assert "Examples from agreement" in said and "alike, agreement" in " ".join(said.split())
    page = (done.folder / "report.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    blocks = [block for entry in data["benchmarks"][0]["rounds"] for block in entry["guideline"]]
    [first, second] = [block for block in blocks if block["part"] == "agreed"]
    assert all(line["status"] == "new" and "alike, agreement" in line["cause"] for line in first["lines"])
    assert {line["kind"] for line in second["lines"]} == {"agreed"}


def test_a_plan_goes_through_the_same_examples_and_asks_nothing_more(done: Project) -> None:
    total = [line for line in done.diziner_here("plan", BENCHMARK).stdout.splitlines() if line.startswith("total")]
    assert re.match(r"total\s+0\s", total[0]), total


def test_a_change_of_the_examples_reruns_refinement_and_what_follows_alone(done: Project) -> None:
    assert "Data and pipelines are up to date." in done.dvc("repro").stdout
    done.edit_params(lambda params: params["supervisor"].update(examples="none"))
    said = done.diziner("repro", "-j", "2").stdout
    ran = set(re.findall(rf"^finished +{BENCHMARK} (\w+)", said, re.MULTILINE))
    assert "agreed" not in read(done, "rounds/r1/guideline.yaml")
    assert {"refine", "annotate"} <= ran and "corpus" not in ran, said
