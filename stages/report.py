"""Stage report: all rooms' outputs as one file, report.html."""

from __future__ import annotations

import sys

from diziner.common.errors import run_main
from diziner.layout import REPORT
from diziner.llm.recorded import texts_at_hand
from diziner.pipeline.arguments import stage_arguments
from diziner.report.build import build_report


def main() -> None:
    stage_arguments(__file__, __doc__)
    # All rooms are current where DVC runs this; `diziner report` says of each what state it is in.
    size, faults = build_report(REPORT, texts_at_hand)
    sys.stdout.write("".join(f"not in it: {fault}\n" for fault in faults))
    sys.stdout.write(f"{REPORT}: {size / 1e6:.1f} MB; open it in a browser\n")


if __name__ == "__main__":
    run_main(main)
