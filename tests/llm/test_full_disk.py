"""A response store on a disk that is full: whatever fits is kept, and what is there is never damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT

# On a file system of its own that has so many KiB free; then with room again.
SCRIPT = """
import json, os, subprocess, sys
from pathlib import Path
from diziner.common.errors import UserError
from diziner.llm.store import ResponseStore
from diziner.prompting.request import Message, ModelSettings, Request, Response

def sized(kib):
    subprocess.run(["mount", "-o", f"remount,size={kib}k", sys.argv[1]], check=True)

for free in range(0, 201, 8):
    folder = Path(sys.argv[1]) / str(free)
    sized(20_000)
    folder.mkdir()
    (folder / "else").write_bytes(bytes(200_000))
    disk = os.statvfs(folder)
    used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize // 1024
    sized(used + free)
    store, kept, said = ResponseStore(folder / "store.sqlite"), 0, ""
    for number in range(100):
        request = Request("web", ModelSettings("web", "m"), (Message("user", os.urandom(300).hex()),))
        try:
            store.put(request, Response(f"{number}", "stop"))
        except UserError as error:
            said = str(error)
            break
        kept += 1
    store.close()
    sized(20_000)
    again = ResponseStore(folder / "store.sqlite")
    print(json.dumps([free, kept, again.verify(), said]), flush=True)
    again.close()
    subprocess.run(["rm", "-r", str(folder)], check=True)
"""


def test_a_full_disk_damages_no_store(tmp_path: Path) -> None:
    mounting = f'mount -t tmpfs -o size=20000k none {tmp_path} && exec "$@"'
    words = ["unshare", "--mount", "--map-root-user", "sh", "-c", mounting, "sh"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system of one's own")
    done = subprocess.run(
        [*words, sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 26
    for free, kept, there, said in rows:
        assert there == kept, (free, said)
        assert "the response store cannot be written to: " in said and "make room on its disk" in said, (free, said)
    assert rows[0][1] == 0 < rows[-1][1] < 100
