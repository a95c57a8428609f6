"""Settings that `dvc exp run -S` writes: DVC and we can read them, or a one-line error says how to write them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT
from ruamel.yaml import YAML

from diziner.common.errors import UserError
from diziner.common.yamlagree import rewritten_by_dvc
from diziner.common.yamlfile import broken_by_dvc, parse_yaml

SERVER = """\
endpoints: # servers
  x:
    kind: hosted
    provider: hosted_vllm # of the lab
    base_urls:
      - http://old:8000/v1
"""
# What stages do first, with the errors that they give.
STAGE = """\
import sys
from diziner.common.errors import UserError
from diziner.settings import load_settings
try:
    print("servers:", load_settings().endpoints["x"].base_urls)
except UserError as error:
    sys.exit(f"said: {error}")
"""


def params(server: str = SERVER) -> str:
    """The embedded profile with an endpoint more."""
    profile = (ROOT / "diziner/profiles/embedded.yaml").read_text(encoding="utf-8")
    return profile.replace("endpoints:\n", server, 1)


def both_read(text: str) -> Any:
    value = YAML(typ="safe").load(text)
    assert repr(value) == repr(parse_yaml(text, "params.yaml"))
    return value


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with settings and one stage that loads them."""
    (tmp_path / "params.yaml").write_text(params(), encoding="utf-8")
    (tmp_path / "load.py").write_text(STAGE)
    stage = f"{{cmd: {sys.executable} load.py, params: [endpoints, annotators]}}"
    (tmp_path / "dvc.yaml").write_text(f"stages:\n  load: {stage}\n")
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, sys.executable, "-m", "dvc", "init", "-q")
    run(tmp_path, "git", "add", "-A")
    run(tmp_path, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a")
    return tmp_path


def run(folder: Path, *words: str, fails: bool = False) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert bool(done.returncode) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def exp_run(folder: Path, *changes: str, fails: bool = False) -> str:
    words = [word for change in changes for word in ("-S", change)]
    return run(folder, sys.executable, "-m", "dvc", "exp", "run", *words, fails=fails)


def test_servers_that_an_experiment_sets_are_read_by_dvc_and_by_stages(place: Path) -> None:
    said = exp_run(place, "endpoints.x.base_urls=[http://a,http://b]", "+endpoints.local.identity=model")
    assert "servers: ('http://a', 'http://b')" in said
    after = (place / "params.yaml").read_text(encoding="utf-8")
    assert both_read(after)["endpoints"]["x"]["base_urls"] == ["http://a", "http://b"]
    assert "provider: hosted_vllm # of the lab" in after


def test_a_word_that_an_experiment_sets_is_refused_by_the_stage_with_the_way_to_write_it(place: Path) -> None:
    said = exp_run(place, "+endpoints.x.identity=off", fails=True)
    [line] = [line for line in said.splitlines() if "said: " in line]
    assert line.endswith(
        ": endpoints.x.identity: DVC (YAML 1.2) reads the text 'off', PyYAML (YAML 1.1) false; "
        "write 'off' in quotes or false"
    )
    assert "servers" not in said


@pytest.mark.parametrize(
    ("server", "broken"),
    [
        (SERVER, None),
        ('endpoints:\n  x: {kind: hosted, provider: openai, base_urls: ["http://a"]}\n', "endpoints.x.base_urls.0"),
        ("endpoints:\n  x: {kind: hosted, provider: openai, api_base: 'http://a'}\n", "endpoints.x.api_base"),
        ("endpoints:\n  x:\n    kind: hosted\n    provider: 'NO'\n    api_base: 'http://a'\n", "endpoints.x.provider"),
        ("endpoints:\n  x:\n    kind: hosted\n    provider: openai\n    api_base: 'http://a'\n", None),
    ],
)
def test_how_dvc_rewrites_settings_is_foreseen(server: str, broken: str | None, tmp_path: Path) -> None:
    """By the code that `dvc exp run -S` rewrites params.yaml with: it takes off all quotes that it can do without."""
    from dvc.utils.hydra import apply_overrides

    path = tmp_path / "params.yaml"
    text = params(server)
    path.write_text(text, encoding="utf-8")
    parse_yaml(text, "params.yaml")
    apply_overrides(path, ["scoring.seed=7"])
    after = path.read_text(encoding="utf-8")
    assert rewritten_by_dvc(text).replace("seed: 13}", "seed: 7}") == after
    assert broken_by_dvc(text) == broken
    if broken is None:
        assert both_read(after)["endpoints"]["x"] == both_read(text)["endpoints"]["x"]
    else:
        with pytest.raises(UserError, match=rf"params.yaml:\d+: {broken}: "):
            parse_yaml(after, "params.yaml")


@pytest.mark.parametrize("path", sorted(ROOT.glob("diziner/profiles/*.yaml")), ids=lambda path: path.stem)
def test_profiles_are_the_same_after_dvc_rewrote_them(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    after = rewritten_by_dvc(text)
    assert both_read(after) == both_read(text)
    assert after != text
