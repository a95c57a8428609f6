"""The report's data and file: what is collected, that it is bounded, stable and whole without gold."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT
from viewer_rooms import data_of, make_room, settings_for

from diziner.corpora.card import Licence, SourceEntry
from diziner.records.annotations import Annotation, Failure
from diziner.report.benchmarks import benchmark_view, choice_check
from diziner.report.collect import MOST_BYTES, report_data, report_page
from diziner.report.files import RoomFiles
from diziner.report.hotspots import chosen_hotspots, hotspot_errors
from diziner.report.limits import STEPS, Limits
from diziner.report.page import SCRIPTS, embedded, page_of
from diziner.settings import Settings

Made = tuple[RoomFiles, dict[str, str]]

SETTINGS = settings_for(annotators=3, rounds=2)


@pytest.fixture(scope="module")
def room() -> Made:
    return make_room("made-up", annotators=3, rounds=2, documents=12)


def test_figures_are_the_outputs_own(room: Made) -> None:
    files, said = room
    view = benchmark_view(files, said, SETTINGS, Limits())
    assert [r["figures"]["agreement"] for r in view["rounds"]] == [r.metrics["agreement"] for r in files.rounds]
    assert files.scores is not None
    assert view["figures"]["f1"] == files.scores["selected"]["micro"]["f1"]
    assert view["scored"] == 12
    for part, shown in zip(files.rounds, view["rounds"], strict=True):
        assert shown["all"] == len(part.hotspots)
        assert shown["documents_total"] == 12
        labels = shown["confusion"]["labels"]
        for i, j, count in shown["confusion"]["between"]:
            assert part.confusion["between"][i][j] == count > 0
        assert len(labels) == 5


@pytest.mark.parametrize(
    ("redistribute", "elsewhere", "source", "closed"),
    [
        (False, True, "local", True),
        (False, True, "sample", False),  # texts of ours in place of the benchmark's
        (False, False, "sample", True),  # an own corpus: its only source
        (True, True, "local", False),
    ],
)
def test_texts_that_may_not_be_passed_on_are_told_from_stand_ins(
    room: Made, redistribute: bool, elsewhere: bool, source: str, closed: bool
) -> None:
    files, said = room
    sources = {"local": SourceEntry({"pilot": "pilot.jsonl", "test": "test.jsonl"})} if elsewhere else {}
    card = replace(files.card, licence=Licence("none", redistribute, ""), sources=sources)
    settings = Settings({**SETTINGS.raw, "corpus": {**SETTINGS.raw["corpus"], "source": source}})
    assert benchmark_view(replace(files, card=card), said, settings, Limits())["closed"] is closed


def test_every_disagreement_in_a_hotspot_has_its_family(room: Made) -> None:
    """The families of the page add up to the totals that the analysis counted."""
    files, _ = room
    for part in files.rounds:
        errors = hotspot_errors(part, files.card.types)
        counted: dict[str, int] = dict.fromkeys(part.confusion["totals"]["families"], 0)
        for own in errors.values():
            for _, family, _, tokens in own:
                counted[family] += tokens
        assert counted == part.confusion["totals"]["families"]
        assert sum(counted.values()) == part.confusion["totals"]["in_hotspots"]


def test_a_hotspot_is_shown_with_all_mentions_that_touch_it(room: Made) -> None:
    files, said = room
    narrow = benchmark_view(files, said, SETTINGS, Limits(documents=0, context=0))
    for part, shown in zip(files.rounds, narrow["rounds"], strict=True):
        texts = {document.id: document for document in part.documents}
        for document in shown["documents"]:
            start, end = document.get("from", 0), document.get("to", document["of"])
            assert " ".join(texts[document["id"]].tokens[start:end]) == document["tokens"]
            assert document["of"] == len(texts[document["id"]].tokens)
        for hotspot in shown["hotspots"]:
            document = shown["documents"][hotspot["document"]]
            touching = [s for own in document["sets"] for s in own if s[0] < hotspot["end"] and s[1] > hotspot["start"]]
            assert all(document["from"] <= s and e <= document["to"] for s, e, _ in touching)


def test_receipts_lead_to_the_hotspots_of_the_round_before(room: Made) -> None:
    files, said = room
    view = benchmark_view(files, said, SETTINGS, Limits(hotspots=1))
    shown = {(part["number"], hotspot["id"]) for part in view["rounds"] for hotspot in part["hotspots"]}
    lines = [line for block in view["rounds"][1]["guideline"] for line in block["lines"] if "receipt" in line]
    assert {line["status"] for line in lines} == {"new"}
    named = {(number, name) for line in lines for name, number in line["receipt"]["hotspots"]}
    assert named and all(number == 0 for number, _ in named)
    assert named <= shown, "a receipt's hotspot was left out by the limit"
    known = {key for key, _ in view["rounds"][1]["refinement"]["answers"]}
    assert all(set(line["receipt"]["responses"]) <= known for line in lines)


def test_a_receipt_of_a_hotspot_that_is_nowhere_leads_nowhere(room: Made) -> None:
    files, said = room
    first = replace(files.rounds[0], hotspots=())
    view = benchmark_view(replace(files, rounds=(first, files.rounds[1])), said, SETTINGS, Limits())
    lines = [line for block in view["rounds"][1]["guideline"] for line in block["lines"] if "receipt" in line]
    assert lines and all(number is None for line in lines for _, number in line["receipt"]["hotspots"])


def test_the_most_disputed_hotspots_stay_and_ties_are_defined(room: Made) -> None:
    hotspots = room[0].rounds[0].hotspots
    assert len(hotspots) > 4
    kept = chosen_hotspots(hotspots, 3, [hotspots[0].id])
    assert hotspots[0] in kept
    assert 3 <= len(kept) <= 4
    left = [h for h in hotspots if h not in kept]
    assert min(h.score for h in kept if h is not hotspots[0]) >= max(h.score for h in left)
    assert kept == [h for h in hotspots if h in kept]
    assert chosen_hotspots(hotspots, 0, []) == []


def test_the_same_outputs_give_the_same_bytes_in_any_order(room: Made) -> None:
    files, said = room
    other, more = make_room("another", annotators=3, rounds=1, documents=8, seed=3)
    backwards = dict(reversed({**said, **more}.items()))
    first = report_page([files, other], {**said, **more}, SETTINGS)
    assert first == report_page([other, files], backwards, SETTINGS)
    assert [b["name"] for b in data_of(first)["benchmarks"]] == ["another", "made-up"]


def test_it_is_whole_without_gold() -> None:
    files, said = make_room("blind", annotators=3, rounds=2, documents=8, gold=False)
    assert choice_check(files) is None
    view = benchmark_view(files, said, SETTINGS, Limits())
    assert view["figures"]["f1"] is None and view["scored"] == 0
    assert all(document["gold"] is None for part in view["rounds"] for document in part["documents"])
    assert view["rounds"][1]["hotspots"]


def test_what_has_not_been_run_is_empty_and_one_round_is_enough(room: Made) -> None:
    files, said = room
    card = replace(files.card, name="later")
    data = report_data([files, type(files)(card)], said, SETTINGS, Limits())
    later = data["benchmarks"][0]
    assert later["name"] == "later" and later["rounds"] == [] and later["selection"] is None
    one = benchmark_view(replace(files, rounds=files.rounds[:1]), said, SETTINGS, Limits())
    assert {line["status"] for block in one["rounds"][0]["guideline"] for line in block["lines"]} == {"written"}


def test_failures_and_who_was_left_out_are_told_apart(room: Made) -> None:
    files, said = room
    part = files.rounds[0]
    rows = list(part.annotations["annotator-02"])
    gone = [Annotation(row.id, failure=Failure("left_out", "by the guideline")) for row in rows]
    failed = [Annotation(rows[0].id, failure=Failure("timeout", "x" * 900)), *part.annotations["annotator-01"][1:]]
    annotators = tuple(name for name in part.agreement["annotators"] if name != "annotator-02")
    changed = replace(
        part,
        annotations={**part.annotations, "annotator-01": failed, "annotator-02": gone},
        agreement={**part.agreement, "annotators": annotators},
    )
    view = benchmark_view(replace(files, rounds=(changed,)), said, SETTINGS, Limits())
    shown = {row["name"]: row for row in view["rounds"][0]["annotators"]}
    assert shown["annotator-02"]["left_out"] == "by the guideline" and shown["annotator-02"]["failed"] == 0
    assert not shown["annotator-01"]["left_out"]
    [[document, code, detail]] = shown["annotator-01"]["failures"][:1]
    assert (document, code) == (rows[0].id, "timeout") and len(detail) == 201


def test_eighteen_benchmarks_stay_below_five_megabytes_and_say_what_was_left_out() -> None:
    settings = settings_for(annotators=8, rounds=6)
    template, said = make_room("b00", annotators=8, rounds=6, documents=25, types=12)
    rooms = [replace(template, card=replace(template.card, name=f"b{number:02d}")) for number in range(18)]
    page = report_page(rooms, said, settings)
    size = len(page.encode())
    assert 1_000_000 < size <= MOST_BYTES < 5_000_000
    data = data_of(page)
    assert len(data["benchmarks"]) == 18
    for part in data["benchmarks"][0]["rounds"]:
        assert part["all"] >= len(part["hotspots"]) > 0
        assert len(part["annotators"]) == 8


def test_all_documents_of_the_papers_run_fit() -> None:
    """18 benchmarks, five rounds of 25 pilot documents and 300 test documents: 425 documents each."""
    settings = settings_for(annotators=8, rounds=5)
    template, said = make_room("b00", annotators=8, rounds=5, documents=25, types=8, tested=300)
    rooms = [replace(template, card=replace(template.card, name=f"b{number:02d}")) for number in range(18)]
    page = report_page(rooms, said, settings)
    assert len(page.encode()) <= MOST_BYTES
    data = data_of(page)
    whole = 0
    for own in data["benchmarks"]:
        assert own["test_documents"]["all"] == len(own["test_documents"]["documents"]) == 300
        whole += 300 + sum("from" not in document for part in own["rounds"] for document in part["documents"])
    assert whole == 18 * 425


def test_documents_over_the_limit_are_the_least_disputed_and_counted(room: Made) -> None:
    files, said = room
    view = benchmark_view(files, said, SETTINGS, Limits(documents=3, hotspots=0))
    test = view["test_documents"]
    assert (test["all"], len(test["documents"])) == (12, 3)

    def wrong(document: str) -> int:
        gold = set(files.gold[document])
        return sum(
            len(gold ^ set(row.spans)) for own in files.predictions.values() for row in own if row.id == document
        )

    kept = {document["id"] for document in test["documents"]}
    counts = {document.id: wrong(document.id) for document in files.test}
    assert min(counts[name] for name in kept) >= max(counts[name] for name in counts.keys() - kept)
    ids = [document.id for document in files.test if document.id in kept]
    assert [document["id"] for document in test["documents"]] == ids
    first = view["rounds"][0]
    assert first["documents_total"] == 12 > sum("from" not in document for document in first["documents"]) >= 3


def test_the_first_step_that_fits_is_shown(room: Made) -> None:
    files, said = room
    pages = [page_of(report_data([files], said, SETTINGS, limits)) for limits in STEPS]
    for page in pages:
        fitting = next(other for other in pages if len(other.encode()) <= len(page.encode()))
        assert report_page([files], said, SETTINGS, most=len(page.encode())) == fitting


def test_limits_get_tighter_step_by_step(room: Made) -> None:
    files, said = room
    sizes = [len(json.dumps(report_data([files], said, SETTINGS, limits))) for limits in STEPS]
    assert sizes == sorted(sizes, reverse=True)
    full = report_page([files], said, SETTINGS)
    less = report_page([files], said, SETTINGS, most=len(full.encode()) - 1)
    assert data_of(full)["document_limit"] == STEPS[0].documents > data_of(less)["document_limit"]
    least = report_page([files], said, SETTINGS, most=1)
    assert data_of(least)["hotspot_limit"] == STEPS[-1].hotspots, "the last step is shown whatever its size"


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_embedded_data_comes_back_and_cannot_end_its_element(value: object) -> None:
    text = embedded(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_half_a_surrogate_pair_does_not_stop_the_page(room: Made) -> None:
    text = embedded({"token": "\ud800 <"})
    assert text.encode() and json.loads(text) == {"token": "\ud800 <"}


def test_the_page_stands_alone(room: Made) -> None:
    files, said = room
    page = report_page([files], said, SETTINGS)
    assert "import " not in page.partition('<script type="module">')[2].partition("\n")[0]
    assert not re.search(r'(?:src|href)="(?!#|data:,)', page.partition('<script type="application/json"')[0])
    assert not re.search(
        r"https?://(?!www\.w3\.org/2000/svg)", re.sub(r'<script type="application/json".*?</script>', "", page)
    )
    policy = re.search(r'content="(default-src[^"]*)"', page)
    assert policy and "unsafe" not in policy[1] and policy[1].startswith("default-src 'none'")
    assert str(ROOT) not in page


def test_scripts_put_nothing_on_the_page_as_markup() -> None:
    folder = ROOT / "diziner/report/page"
    assert {path.stem for path in folder.glob("*.js")} == set(SCRIPTS)
    for path in folder.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        banned = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest")
        assert not [word for word in banned if word in text], path
        for module in re.findall(r'from "\./(\w+)\.js"', text):
            assert SCRIPTS.index(module) < SCRIPTS.index(path.stem), f"{path.stem} imports from a later module"


def test_places_of_the_template_in_the_data_stay_text() -> None:
    page = page_of({"benchmarks": [], "text": "{{style}} {{script}}"})
    assert data_of(page)["text"] == "{{style}} {{script}}"


def test_a_vote_of_the_coalition_is_named(room: Made) -> None:
    files, said = room
    settings = {"endpoint": "scripted", "model": "m"}
    voters = {name: {"weight": 0.5, "settings": settings} for name in ("annotator-01", "annotator-00")}
    assert files.selection is not None
    voted = replace(files, selection={**files.selection, "voters": voters})
    view = benchmark_view(voted, said, SETTINGS, Limits())
    assert view["selection"]["voters"] == ["annotator-00", "annotator-01"]
    assert view["usage"]["usd"] == 0.0


def test_an_endpoint_that_is_gone_leaves_the_cost_unknown(room: Made) -> None:
    files, said = room
    rows = [replace(row, endpoint="no longer there") for row in files.usage["selected"]]
    view = benchmark_view(replace(files, usage={**files.usage, "selected": rows}), said, SETTINGS, Limits())
    assert view["usage"]["usd"] is None and view["usage"]["known"] == view["usage"]["answers"]


def test_importing_the_page_loads_nothing_heavy() -> None:
    heavy = ("polars", "pandas", "sklearn", "scipy", "litellm", "datasets", "dvc")
    program = f"import sys, diziner.report.build; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


def test_published_values_stand_apart(room: Made) -> None:
    files, said = room
    published = yaml.safe_load((ROOT / "data/published.yaml").read_text(encoding="utf-8"))
    named = replace(files, card=replace(files.card, name="conll2003"))
    data = report_data([named], said, SETTINGS, Limits(), published)
    values = data["published"]["rows"]["conll2003"]
    assert values and all(0 <= value <= 100 and method for value, method in values.values())
    assert "published" not in json.dumps(data["benchmarks"])


def test_the_answer_to_whether_agreement_predicts_f1_is_that_of_the_scores(room: Made) -> None:
    files, said = room
    published = yaml.safe_load((ROOT / "data/published.yaml").read_text(encoding="utf-8"))
    named = replace(files, card=replace(files.card, name="conll2003"))
    view = report_data([named], said, SETTINGS, Limits(), published)["correlation"]
    assert files.scores is not None
    assert view["rows"] == {"conll2003": {"points": 6, **files.scores["validity"]["correlations"]}}
    assert view["paper"] == {"kind": "pearson", "values": {"conll2003": 0.839}, "mean": 0.839}
    assert view["answer"].startswith("Pearson's r") and "(paper: 0.839)" in view["answer"]
    alone = report_data([files], said, SETTINGS, Limits(), published)["correlation"]
    assert alone["paper"] is None and "paper" not in alone["answer"]
    earlier = replace(files, scores={**files.scores, "validity": {"points": 6, "pearson": 0.5, "spearman": 0.5}})
    for without in (replace(files, scores=None), earlier):
        assert report_data([without], said, SETTINGS, Limits())["correlation"] is None
