"""Stage select: choose round and annotator by agreement alone. No gold is read."""

from __future__ import annotations

from stages.arguments import stage_arguments
from stages.errors import run_main
from stages.files import check, read_json, read_text, write_json, write_text
from stages.records import agreement_from_json, selection_to_json
from stages.rooms import room
from stages.selection import select
from stages.settings import load_settings


def main() -> None:
    arguments = stage_arguments(__doc__, "benchmark")
    settings = load_settings()
    place = room(arguments.benchmark)
    agreements = {
        entry["id"]: agreement_from_json(read_json(place.round(entry["id"]) / "agreement.json", "agreement"))
        for entry in settings.raw["rounds"]
    }
    selection = select(agreements, settings.raw["annotators"], settings.raw["selection"]["predictor"])
    chosen = selection_to_json(selection)
    check(chosen, "selection", "selection.json")
    write_json(place.selection, chosen)
    write_text(place.selected_guideline, read_text(place.guideline(selection.round)))


if __name__ == "__main__":
    run_main(main)
