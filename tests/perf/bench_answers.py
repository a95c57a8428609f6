"""Reading of 10,000 answers, by kind: `python tests/perf/bench_answers.py`. Microseconds an answer, best of five."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from diziner.annotator.answers import EntityForm
from diziner.annotator.labels import Labels
from diziner.prompting.parse import ParseError, read_object
from diziner.records.documents import Document
from diziner.records.guideline import EntityType

TEXT = "Ada Lovelace met Dr. Müller of the Bank of Lisbon in Port Said , near Lisbon ."
TYPES = tuple(EntityType(x, y, "") for x, y in (("PER", "person"), ("ORG", "organisation"), ("LOC", "location")))
ITEMS = [("Ada Lovelace", "person"), ("Bank of Lisbon", "organisation"), ("Port Said", "location")]
PLAIN = json.dumps({"entities": [{"text": text, "type": kind} for text, kind in ITEMS]})
KINDS = {
    "plain": PLAIN,
    "fenced": f"```json\n{PLAIN}\n```",
    "prose": f"Here are the entities that I found:\n\n{PLAIN}\n\nI hope this helps!",
    "reasoning": f"<think>\n{'The text speaks of a bank. ' * 40}\n</think>\n{PLAIN}",
    "trailing comma": PLAIN.replace("]", ",]"),
    "bare list": PLAIN.removeprefix('{"entities": ').removesuffix("}"),
    "prose only": "There are no entities in this document, as far as I can see. " * 5,
}
NUMBER = 10_000


def main() -> None:
    document = Document("d", tuple(TEXT.split()), TEXT)
    form = EntityForm(document, TYPES, Labels(TYPES))
    for kind, text in KINDS.items():
        best = min(_seconds(text, form) for _ in range(5))
        sys.stdout.write(f"{kind:<16}{1e6 * best / NUMBER:8.1f} us\n")


def _seconds(text: str, form: EntityForm) -> float:
    started = time.process_time()
    for _ in range(NUMBER):
        try:
            read_object(text, form)
        except ParseError:
            continue
    return time.process_time() - started


if __name__ == "__main__":
    main()
