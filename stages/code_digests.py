"""Stage code_digests: write what stages depend on: the digests of the code behind each, and each room's source."""

from __future__ import annotations

from diziner.common.errors import UserError, run_main
from diziner.common.files import read_text, write_json
from diziner.layout import ROOM_SOURCES, ROOT_PIPELINE, room_names
from diziner.pipeline.code import ALWAYS, DIGESTS, code_behind, digests, plug_ins_behind, stage_scripts
from diziner.settings import load_settings


def main() -> None:
    settings = load_settings()
    write_json(ROOM_SOURCES, settings.room_sources(room_names()))
    used: set[str] = set()
    for name, script in stage_scripts().items():
        files = code_behind(script)
        plug_ins = plug_ins_behind(files, settings.plug_ins, settings.packages)
        write_json(DIGESTS / f"{name}.json", digests(files) | plug_ins)
        used |= plug_ins.keys()
    if used and ALWAYS not in read_text(ROOT_PIPELINE):
        raise UserError(
            f"{ROOT_PIPELINE}: code_digests: {', '.join(sorted(used))}: DVC does not see an edit outside the project; "
            "run `diziner data link`, which adds `always_changed: true`"
        )


if __name__ == "__main__":
    run_main(main)
