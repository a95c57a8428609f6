"""Stage report: all rooms' outputs as one file, report.html."""

from __future__ import annotations

import sys

from stages.errors import run_main
from stages.rooms import REPORT
from stages.viewer.build import build_report


def main() -> None:
    size = build_report()
    sys.stdout.write(f"{REPORT}: {size / 1e6:.1f} MB; open it in a browser\n")


if __name__ == "__main__":
    run_main(main)
