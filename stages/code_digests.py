"""Stage code_digests: write the digests of the code behind each stage, which the stages depend on."""

from __future__ import annotations

from diziner.common.errors import run_main
from diziner.common.files import write_json
from diziner.pipeline.code import DIGESTS, code_behind, digests, stage_scripts


def main() -> None:
    for name, script in stage_scripts().items():
        write_json(DIGESTS / f"{name}.json", digests(code_behind(script)))


if __name__ == "__main__":
    run_main(main)
