"""A corpus of one's own: from texts to annotations and a refined guideline; and what is refused."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars
import pytest
from projects import ROOT, Project, copy_project, use_scripted

from diziner.commands import new
from diziner.common.version import VERSION
from diziner.corpora.card import load_card
from diziner.corpora.newroom import read_own_texts
from diziner.corpora.sources import load_source
from diziner.corpora.textfiles import split_rows
from diziner.guideline.file import load_guideline
from diziner.labelling.input_files import document_of, files_of, items_of

PEOPLE = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov"]
PLACES = ["London", "Paris", "Rotterdam", "Boston"]
SENTENCES = [f"{who} wrote from {where} in March." for who in PEOPLE for where in PLACES]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = copy_project(tmp_path_factory.mktemp("new") / "project", ())
    made.edit_params(use_scripted)
    made.edit_params(lambda params: params["corpus"]["pilot"].update(documents=5))
    return made


def write_texts(project: Project, name: str, lines: list[str]) -> str:
    (project.folder / name).write_text("".join(f"{line}\n" for line in lines))
    return name


def labelled(sentence: str) -> str:
    tokens = sentence.replace(".", " .").split()
    return json.dumps({"tokens": tokens, "ner_tags": ["B-PER", "I-PER", "O", "O", "B-LOC", "O", "O", "O"]})


def columns(sentence: str) -> str:
    row = json.loads(labelled(sentence))
    return "".join(f"{token} {tag}\n" for token, tag in zip(row["tokens"], row["ner_tags"], strict=True))


def test_texts_without_gold_go_from_a_file_to_a_refined_guideline(project: Project) -> None:
    write_texts(project, "mine.txt", SENTENCES)
    said = project.diziner("new", "mine", "--from", "mine.txt", "--types", "PER,LOC").stdout
    assert "14 documents for pilot sets, 6 to test on, 0 with gold; types: PER, LOC" in said
    project.diziner("repro")
    room = project.folder / "data/mine"
    rows = [json.loads(line) for line in (room / "final/predictions.selected.jsonl").read_text().splitlines()]
    assert len(rows) == 6 and any(row["spans"] for row in rows)
    assert load_guideline(room / "rounds/r1/guideline.yaml").round == 1
    metrics = json.loads((project.folder / "metrics/final/mine.json").read_text())
    assert metrics["f1"] is None and metrics["agreement_selected"] is not None and metrics["counts"] == []
    assert "mine" in project.diziner("summary").stdout


def test_texts_with_gold_are_scored(project: Project) -> None:
    write_texts(project, "labelled.jsonl", [labelled(sentence) for sentence in SENTENCES])
    said = project.diziner_here("new", "labelled", "--from", "labelled.jsonl").stdout
    assert "20 with gold; types: LOC, PER" in said
    project.diziner_here("repro", "labelled")
    assert 0 <= json.loads((project.folder / "metrics/final/labelled.json").read_text())["f1"] <= 1


def test_gold_inside_tokens_is_shown_and_its_characters_reach_the_room(project: Project) -> None:
    texts = [f"서울에 A{first}{second} 갔다" for first in "abcd" for second in "xyzw"]
    rows = [{"text": text, "spans": [[0, 2, "LOC"], [4, 7, "PER"]]} for text in texts]
    write_texts(project, "inside.jsonl", [json.dumps(row) for row in rows])
    said = project.diziner_here("new", "inside", "--from", "inside.jsonl").stdout
    example = "'서울' in '서울에'"
    assert f"16 mentions inside tokens, scored by these ({example}, {example}, {example})" in said
    card = load_card(project.folder / "data/inside")
    corpus = load_source(card, project.folder / "data/inside", "sample", None)
    assert {each.characters for each in (*corpus.pilot, *corpus.test)} == {((0, 2), (4, 7))}


def test_a_room_is_loaded_as_it_was_read(project: Project) -> None:
    write_texts(project, "again.jsonl", [labelled(sentence) for sentence in SENTENCES])
    project.diziner_here("new", "again", "--from", "again.jsonl", "--types", "PER,LOC")
    room = project.folder / "data/again"
    card = load_card(room)
    corpus = load_source(card, room, "sample", None)
    texts = read_own_texts("again", project.folder / "again.jsonl", None, ["PER", "LOC"], 0.3, seed=13)
    assert (corpus.pilot, corpus.test) == (texts.pilot, texts.test)
    assert card.types == ("PER", "LOC")


def test_every_kind_of_file_gives_the_same_documents(tmp_path: Path) -> None:
    tokens = [json.loads(labelled(sentence))["tokens"] for sentence in SENTENCES]
    gold = [json.loads(labelled(sentence))["ner_tags"] for sentence in SENTENCES]
    files = {
        "plain.txt": "\n\n".join(SENTENCES),
        "columns.conll": "\n".join(map(columns, SENTENCES)),
        "columns.txt": "-DOCSTART- -X- O O\n\n" + "\n".join(map(columns, SENTENCES)),
        "tokens.conll": "\n\n".join("\n".join(each) for each in tokens),
        "rows.jsonl": "\n".join(map(labelled, SENTENCES)),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        texts = read_own_texts("toy", tmp_path / name, None, ["PER", "LOC"], 0.3, seed=13)
        documents = {each.document.id: each for each in (*texts.pilot, *texts.test)}
        read = [documents[f"{name}:{number}"] for number in range(1, len(SENTENCES) + 1)]
        assert [list(each.document.tokens) for each in read] == tokens, name
        has_gold = name in {"columns.conll", "columns.txt", "rows.jsonl"}
        assert [each.spans is not None for each in read] == [has_gold] * len(gold), name


def test_documents_have_the_names_in_a_room_that_a_labelling_of_the_file_gives_them(tmp_path: Path) -> None:
    rows = [{"id": str(number), "text": sentence} for number, sentence in enumerate(SENTENCES)]
    table = polars.DataFrame(rows)
    table.write_csv(tmp_path / "own.csv")
    table.drop("id").write_csv(tmp_path / "none.csv")
    table.write_parquet(tmp_path / "own.parquet")
    (tmp_path / "own.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "some.jsonl").write_text("".join(f"{json.dumps({**row, 'id': None})}\n" for row in rows))
    (tmp_path / "lines.txt").write_text("\n\n".join(SENTENCES))
    (tmp_path / "columns.conll").write_text("\n".join(map(columns, SENTENCES)))
    for path in sorted(tmp_path.iterdir()):
        texts = read_own_texts("toy", path, None, ["PER", "LOC"], 0.3, seed=13)
        labelled = [document_of(item).id for item in items_of(files_of(path))]
        assert sorted(each.document.id for each in (*texts.pilot, *texts.test)) == sorted(labelled), path.name
    below = tmp_path / "held"
    below.mkdir()
    (below / "lines.txt").write_text("Somebody else wrote.\n")
    [held] = read_own_texts("toy", tmp_path / "lines.txt", below / "lines.txt", ["PER"], 0.3, seed=13).test
    assert held.document.id == "test/lines.txt:1"


def test_it_says_what_a_run_draws_and_the_next_three_commands(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIZINER_CACHE", str(tmp_path))  # where no weights are
    before = (project.folder / "params.yaml").read_text()
    write_texts(project, "some.txt", [*SENTENCES, *SENTENCES[:3]])

    def said(name: str) -> str:
        return project.diziner_here("new", name, "--from", "some.txt", "--types", "PER").stdout

    drawn = "A run draws 10 of 13 different documents for pilot sets (2 rounds x 5), and tests on 7 of 7; "
    first = said("some_more")
    assert drawn in first and commands_in(first) == [
        "diziner plan some_more",
        "diziner repro some_more",
        "diziner report --open",
    ]
    project.edit_params(lambda params: params["corpus"]["pilot"].update(mode="fixed"))
    project.edit_params(lambda params: params["corpus"]["test"].update(documents=2))
    assert "draws 5 of 13 different documents for pilot sets (one set for all rounds), and tests on 2 of 7" in said(
        "fixed"
    )
    (project.folder / "params.yaml").write_text((ROOT / "diziner/profiles/embedded.yaml").read_text())
    local = said("local_models")
    assert commands_in(local) == ["diziner weights fetch", "diziner plan local_models", "diziner repro local_models"]
    assert "smollm2-135m-instruct-q4_1; or a server's models: `diziner use --endpoint URL`" in local
    (project.folder / "params.yaml").write_text(before)
    for name in ("some_more", "fixed", "local_models"):
        shutil.rmtree(project.folder / "data" / name)


def commands_in(said: str) -> list[str]:
    return re.findall(r"^  (diziner [^#]+?) +# ", said, re.MULTILINE)


def test_the_test_split_is_the_seeds_and_the_shares(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("\n".join(SENTENCES))
    first, again, other = (read_own_texts("toy", path, None, ["PER"], 0.25, seed) for seed in (1, 1, 2))
    assert first == again
    assert len(first.test) == len(other.test) == 5
    assert first.test != other.test


def test_a_test_file_is_taken_whole(project: Project) -> None:
    write_texts(project, "pool.txt", SENTENCES[:15])
    write_texts(project, "held.txt", SENTENCES[15:])
    said = project.diziner_here("new", "held", "--from", "pool.txt", "--test", "held.txt", "--types", "PER").stdout
    assert "15 documents for pilot sets, 5 to test on" in said


def test_paths_are_meant_from_where_one_stands(project: Project) -> None:
    below = project.folder / "notes"
    below.mkdir()
    (below / "own.txt").write_text("\n".join(SENTENCES))
    python = str(project.folder / ".venv/bin/python")
    words = (python, "-m", "diziner", "new", "from_below", "--from", "own.txt", "--types", "PER")
    project.run("sh", "-c", f"cd notes && {' '.join(words)}", PYTHONPATH=str(project.folder))
    assert (project.folder / "data/from_below/texts.jsonl").is_file()


def test_a_room_that_could_not_be_finished_leaves_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_bytes((project.folder / name).read_bytes())
    (tmp_path / ".diziner").write_text(f"{VERSION}\n")
    (tmp_path / "stages").mkdir()
    (tmp_path / "own.txt").write_text("\n".join(SENTENCES))
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    new.arguments(parser)

    def full_disk(path: Path) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(new, "read_text", full_disk)
    with pytest.raises(OSError, match="no space"):
        new.run(parser.parse_args(["own", "--from", "own.txt", "--types", "PER"]))
    assert list((tmp_path / "data").iterdir()) == []


def test_rows_of_a_room_that_name_no_split_are_refused_once(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    rows = [{"split": split, "text": f"Words for {split}."} for split in ("pilot", "test", "train")]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + "{\n")
    found = {split: list(split_rows(path, split)) for split in ("pilot", "test")}
    assert [row.where for row in found["test"]] == [f"{path}:2"]
    assert [getattr(row, "reason", "") for row in found["pilot"]] == [
        "",
        "split 'train'; allowed: pilot and test",
        "not JSON: Expecting property name enclosed in double quotes (column 2)",
    ]


def test_bad_rows_are_left_out_and_listed_only_on_request(project: Project) -> None:
    bad = json.dumps({"tokens": ["one", "two"], "ner_tags": ["O"]})
    write_texts(project, "mixed.jsonl", [*(labelled(s) for s in SENTENCES), bad])
    refused = project.diziner_here("new", "mixed", "--from", "mixed.jsonl", check=False)
    assert refused.returncode == 2 and "mixed.jsonl:21: 2 tokens but 1 tag" in refused.stderr
    assert not (project.folder / "data/mixed").exists()
    project.diziner_here("new", "mixed", "--from", "mixed.jsonl", "--skip-bad")
    [rejected] = (project.folder / "data/mixed/rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected)["reason"] == "2 tokens but 1 tag"


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("Mine", ["--from", "fine.txt", "--types", "PER"], "name 'Mine': use lower-case letters"),
        ("default", ["--from", "fine.txt", "--types", "PER"], "stands for all other benchmarks in corpus.source"),
        ("conll2003", ["--from", "fine.txt", "--types", "PER"], "data/conll2003 is there already"),
        ("x", ["--from", "gone.txt", "--types", "PER"], "gone.txt: no such file"),
        ("x", ["--from", "fine.txt", "--types", "O,PER"], "label 'O' is the tag of what is no mention"),
        ("x", ["--from", "fine.txt"], "no gold to find types in; name them: --types"),
        ("x", ["--from", "stages", "--types", "PER"], "stages: a folder of no form that is known (docs/forms.md); of"),
        ("x", ["--from", "few.txt", "--types", "PER"], "2 different documents left for pilot sets"),
        ("x", ["--from", "gold.jsonl", "--types", "PER"], "gold.jsonl:1: unknown label 'LOC'; --types has: PER; add"),
        ("x", ["--from", "fine.txt", "--types", "work of art"], "--types: label 'work of art'; it must be without"),
        ("x", ["--from", "fine.txt", "--types", "MISC_A,misc-a"], "labels 'MISC_A' and 'misc-a' are the same"),
        ("x", ["--from", "barred.jsonl"], "barred.jsonl:1: label 'a|person'; it must be without white space"),
        ("x", ["--from", "twice.jsonl", "--types", "PER"], "twice.jsonl:2: id 'a' is also at twice.jsonl:1"),
        ("x", ["--from", "broken.jsonl", "--types", "PER"], "broken.jsonl:1: not JSON"),
        ("x", ["--from", "fine.txt", "--test", "none.txt", "--types", "PER"], "none.txt: no documents to test on"),
        (
            "x",
            ["--from", "fine.txt", "--types", "PER", "--test-share", "2"],
            "--test-share: is 2; must be above 0",
        ),
        ("x", ["--from", "fine.xls", "--types", "PER"], "fine.xls: unknown kind of file"),
        ("x", ["--from", "latin.txt", "--types", "PER"], "latin.txt: not UTF-8"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_leaves_nothing(
    project: Project, name: str, words: list[str], expected: str
) -> None:
    write_texts(project, "fine.txt", SENTENCES)
    write_texts(project, "fine.xls", SENTENCES)
    write_texts(project, "none.txt", [""])
    write_texts(project, "broken.jsonl", ['{"text": '])
    write_texts(project, "twice.jsonl", ['{"id": "a", "text": "One."}', '{"id": "a", "text": "Two."}'])
    barred = {"text": SENTENCES[0], "spans": [[0, 3, "a|person"]]}
    write_texts(project, "barred.jsonl", [json.dumps(barred), *(json.dumps({"text": s}) for s in SENTENCES[1:])])
    write_texts(project, "few.txt", SENTENCES[:3])
    write_texts(project, "gold.jsonl", [labelled(sentence) for sentence in SENTENCES])
    (project.folder / "latin.txt").write_bytes("Zürich\n".encode("latin-1") * 30)
    before = sorted(path.name for path in (project.folder / "data").iterdir())
    done = project.diziner_here("new", name, *words, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert expected in done.stderr
    assert sorted(path.name for path in (project.folder / "data").iterdir()) == before


def test_data_check_finds_what_is_there_and_says_how_to_get_the_rest(make_project: Callable[..., Project]) -> None:
    shared = Path(ROOT).parent / "shared/benchmarks"
    if not shared.is_dir():
        pytest.skip("no benchmark data beside the project")
    project = make_project()
    done = project.diziner_here("data", "check", "--local", str(shared))
    assert "13 of 18 found" in done.stdout and "DIFFERS" not in done.stdout
    lines = done.stdout.splitlines()
    for name in ("ace2005", "ontonotes5", "multinerd", "bc4chemd", "fabner"):
        assert sum(line.startswith(f"{name}: ") for line in lines) == 1


def test_data_that_differs_from_its_card_is_said_and_exits_2(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "bc2gm"
    folder.mkdir()
    for split in ("pilot", "test"):
        (folder / f"{split}.jsonl").write_text('{"tokens": ["p53"], "ner_tags": ["B-GENE"]}\n')
    done = project.diziner_here("data", "check", "bc2gm", "--local", str(tmp_path), check=False)
    assert done.returncode == 2
    assert "bc2gm: test sentences: found 1, expected 3000" in done.stdout
    assert done.stderr == "error: not as their cards say: bc2gm\n"


def test_own_corpora_are_checked_and_a_folder_that_is_not_there_is_refused(project: Project) -> None:
    write_texts(project, "checked.txt", SENTENCES)
    project.diziner_here("new", "checked", "--from", "checked.txt", "--types", "PER")
    assert "1 of 1 found" in project.diziner_here("data", "check", "checked").stdout
    done = project.diziner_here("data", "check", "--local", "nowhere", check=False)
    assert done.returncode == 2 and done.stderr == "error: --local nowhere: no such folder\n"
