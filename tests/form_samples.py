"""A sample of each form of files that is text: the form, the file's name, what is in it, the spans of its first
document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TEXT = "Mara sings in Oslo"
WORDS = TEXT.split()
BOTH = [(0, 1, "PER"), (3, 4, "LOC")]
PER = [(0, 1, "PER")]
NEST = [[0, 4, "PER"], [0, 10, "X"]]

LABELS = [{"value": {"start": 0, "end": 4, "text": "Mara", "labels": ["PER"]}, "type": "labels"}]
MIN = {"annotator": 1, "annotation_id": 2, "lead_time": 1.5, "text": TEXT}
PASSAGE = {
    "offset": 5,
    "text": TEXT,
    "annotations": [{"infons": {"type": "PER"}, "text": "Mara", "locations": [{"offset": 5, "length": 4}]}],
}
XML = (
    f"<collection><document><id>7</id><passage><offset>3</offset><text>{TEXT}</text><annotation id='1'><infon "
    "key='type'>PER</infon><location offset='3' length='4'/><text>Mara</text></annotation></passage></document>"
    "</collection>"
)
WEBANNO = (
    "#FORMAT=WebAnno TSV 3.2\n#T_SP=custom.NamedEntity|identifier|value\n\n\n#Text=Mara sings in Oslo\n"
    "1-1\t0-4\tMara\t*[1]\tPER[1]\t\n1-2\t5-10\tsings\t_\t_\t\n1-3\t11-13\tin\t_\t_\t\n1-4\t14-18\tOslo\t*\tLOC\t\n"
)
UTF16 = {"text": "Mara", "type": "PER", "start": 3, "end": 7}
MISC = "1\tMara" + "\t_" * 7 + "\tGloss=x"
PLACED = [{"extraction_class": "PER", "extraction_text": "Mara", "char_interval": {"start_pos": 0, "end_pos": 4}}]

# The form, the file's name, what is in it, the spans of its first document.
SAMPLES: list[tuple[str, str, Any, list[tuple[int, int, str]]]] = [
    ("label-studio", "a.json", [{"id": 1, "data": {"text": TEXT}, "annotations": [{"result": LABELS}]}], PER),
    ("label-studio-min", "a.json", [{**MIN, "label": [{"start": 14, "end": 18, "labels": ["LOC"]}]}], BOTH[1:]),
    ("label-studio-min", "a.json", [MIN], []),
    ("spacy", "a.json", [[TEXT, {"entities": [[0, 4, "PER"], [14, 18, "LOC"]]}]], BOTH),
    ("spacy", "a.json", {"classes": ["PER"], "annotations": [[TEXT, {"entities": [[0, 4, "PER"]]}], None]}, PER),
    (
        "spacy",
        "a.json",
        [
            {
                "id": 0,
                "paragraphs": [
                    {
                        "sentences": [
                            {
                                "tokens": [
                                    {"orth": word, "ner": tag}
                                    for word, tag in zip(WORDS, ["U-PER", "O", "O", "U-LOC"], strict=True)
                                ]
                            }
                        ]
                    }
                ],
            }
        ],
        BOTH,
    ),
    ("gliner", "a.jsonl", {"tokenized_text": WORDS, "ner": [[0, 0, "PER"], [3, 3, "LOC"]]}, BOTH),
    ("langextract", "a.jsonl", {"text": TEXT, "extractions": [*PLACED, {**PLACED[0], "char_interval": None}]}, PER),
    ("prodigy", "a.jsonl", {"text": TEXT, "_task_hash": 1, "answer": "accept"}, []),
    ("bioc-json", "a.json", {"documents": [{"id": "7", "passages": [PASSAGE]}]}, PER),
    ("bioc-xml", "a.xml", XML, PER),
    ("webanno", "a.tsv", WEBANNO, BOTH),
    ("pubtator", "a.txt", f"12|t|{TEXT}\n12|a|Lars sleeps.\n12\t0\t4\tMara\tPER\tX\n12\tCID\tD1\tD2\n", PER),
    ("csv", "a.csv", "ID,Text,source,entities\n1,Mara sings in Oslo,x,\"[[0, 4, 'PER'], [14, 18, 'LOC']]\"\n", BOTH),
    ("csv", "a.csv", "Sentence #,Word,POS,Tag\n1,Mara,N,B-PER\n,sings,V,O\n2,Oslo,N,B-LOC\n", PER),
    ("json", "a.json", json.dumps([{"tokens": WORDS, "ner_tags": ["B-PER", "O", "O", "B-LOC"]}], indent=1), BOTH),
    ("json", "a.jsonl", {"text": TEXT, "label": [[0, 4, "PER"], [14, 18, "LOC"]]}, BOTH),
    ("json", "a.jsonl", {"text": TEXT, "label": {"PER": {"Mara": [[0, 3]]}, "LOC": {"Oslo": [[14, 17]]}}}, BOTH),
    (
        "json",
        "a.jsonl",
        {"content": TEXT, "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 3, "text": "Mara"}]}]},
        PER,
    ),
    ("json", "a.jsonl", {"text": f"\U0001f600 {TEXT}", "entities": [UTF16]}, [(1, 2, "PER")]),
    ("json", "a.jsonl", {"tokens": WORDS, "ner": [[0, 0, "PER"], [3, 3, "LOC"]]}, BOTH),
    ("json", "a.jsonl", {"tokens": WORDS, "text": TEXT, "spans": [[0, 4, "PER"], [14, 18, "LOC"]]}, BOTH),
    ("json", "a.jsonl", {"tokens": WORDS, "spans": [[0, 1, "PER"], [3, 4, "LOC"]]}, BOTH),
    ("json", "a.jsonl", {"text": TEXT, "spans": [[0, 4, "a man"]]}, [(0, 1, "a_man")]),
    ("json", "a.foo", {"text": TEXT, "spans": []}, []),
    ("columns", "a.foo", "Mara B-PER\nsings O\n", PER),
    ("columns", "a.conll", "\ufeffMara B-PER\r\nsings O\r\n", PER),
    ("columns", "a.conll", "Mara B-PER\rsings O\r", PER),
    ("columns", "a.tsv", "Mara\tB-PER\t\nsings\tO\t\n", PER),
    ("columns", "a.conll", " O\nMara B-PER\n\n O\n\nOslo B-LOC\n", PER),
    ("columns", "a.conll", "Mara NNP B-NP B-PER\nsings VB B-VP O\n", PER),
    ("columns", "a.conll", "Mara PER-B\nLind PER-I\nsings O\n", [(0, 2, "PER")]),
    ("columns", "a.conll", "Mara I-PER\nLind E-PER\nLars E-PER\n", [(0, 2, "PER"), (2, 3, "PER")]),
    ("columns", "a.conll", "Mara b-per\nLind i-per\nsings o\n", [(0, 2, "per")]),
    ("columns", "a.conll", "Mara B\nLind I\nsings O\n", [(0, 2, "ENTITY")]),
    ("columns", "a.conll", "Mara PER\nLind PER\nsings O\n", [(0, 2, "PER")]),
    ("columns", "a.conll", "Mara B:PER\nLind I:PER\nsings O\n", [(0, 2, "PER")]),
    ("columns", "a.conll", "Mara\tB-a man\nsings\tO\n", [(0, 1, "a_man")]),
    ("columns", "a.conllu", "1-2\tim\t_\n1\tin\tO\n2\tdem\tO\n3\tOslo\tB-LOC\n", [(2, 3, "LOC")]),
]


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path
