"""Variants of the settings: named, kept, run in copies of the project, compared; the project stays as it is."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT, Project
from stage_runs import BENCHMARK, answers, read, rows, use_variants

from diziner.ablation.outcome import BASE, COPIES, folder_of
from diziner.ablation.profiles import profile_text
from diziner.ablation.variants import (
    changed,
    changes_nothing,
    exp_run_line,
    exp_run_words,
    joined,
    load_variants,
    overrides,
)
from diziner.common.errors import UserError
from diziner.common.files import check
from diziner.settings import settings_from

VARIANTS = load_variants(ROOT / "diziner/ablation/variants.yaml")
PROFILES = sorted(ROOT.glob("diziner/profiles/*.yaml"))

# What a profile cannot take, by profile and variant: too few of something, or no such model.
REFUSED = {
    "embedded": {
        "accept-agreement": "needs 3 rounds",
        "drop-worst": "needs 3 rounds",
        "early-stop": "needs 3 rounds",
        "annotators-4": "needs 4 annotators",
        "annotators-8": "needs 8 annotators",
        "annotators-12": "needs 12 annotators",
        "annotators-16": "needs 16 annotators",
        "llama-family": "needs at least 2 annotators whose model names 'llama'",
        "supervisor-gpt-5": "supervisor.model.model: no weights of 'gpt-5",
    },
}
REFUSED["local"] = REFUSED["embedded"]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_applies_to_each_profile_or_says_in_one_line_why_not(profile: Path, name: str) -> None:
    text = profile.read_text()
    expected = REFUSED.get(profile.stem, {}).get(name)
    if expected is not None:
        with pytest.raises(UserError) as error:
            settings_from(
                yaml.safe_load(changed(text, overrides(name, VARIANTS, yaml.safe_load(text)))), f"params.yaml, {name}"
            )
        assert expected in str(error.value) and name in str(error.value)
        assert "\n" not in str(error.value)
        return
    changes = overrides(name, VARIANTS, yaml.safe_load(text))
    after = changed(text, changes)
    settings_from(yaml.safe_load(after), name)
    assert (after == text) == changes_nothing(changes, yaml.safe_load(text))
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in after.splitlines() if line.startswith("#")
    ]


def test_variants_are_joined_in_order_and_contradictions_are_refused() -> None:
    params = yaml.safe_load((ROOT / "diziner/profiles/embedded.yaml").read_text())
    both = joined(["rounds-3", "gold-supervised"], VARIANTS, params)
    assert both["evidence.gold_rounds"] == [0, 1]
    with pytest.raises(UserError, match=r"^variants stable and aggressive do not go together: both set supervisor\."):
        joined(["stable", "aggressive"], VARIANTS, params)
    assert joined(["accept-agreement", "fixed-pilot"], VARIANTS, params | {"rounds": [1, 2, 3]})
    with pytest.raises(UserError, match="no variant 'stabel'; there are: stable, "):
        joined(["stabel"], VARIANTS, params)


def test_overrides_of_dvc_mean_the_same_as_ours() -> None:
    """By the parser and the code that `dvc exp run -S` uses."""
    from dvc.utils.hydra import to_hydra_overrides

    for profile in PROFILES:
        params = yaml.safe_load(profile.read_text())
        for name in VARIANTS.keys() - REFUSED.get(profile.stem, {}).keys():
            changes = overrides(name, VARIANTS, params)
            words = exp_run_words(changes)
            parsed = {o.key_or_group: o.value() for o in to_hydra_overrides(words[1::2])}
            assert json.loads(json.dumps(parsed, default=dict)) == changes, name
            assert shlex.split(exp_run_line(changes)) == ["dvc", "exp", "run", *words]


@pytest.fixture(scope="module")
def project(copy_reproduced: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has run, with its cache elsewhere, a card that is a link, and texts that are kept from git."""
    made = copy_reproduced(tmp_path_factory.mktemp("ablate") / "project", BENCHMARK)
    elsewhere = made.folder.parent / "elsewhere"
    made.dvc("cache", "dir", "--local", str(elsewhere))
    (made.folder / ".dvc/cache").rename(elsewhere)
    room = made.folder / f"data/{BENCHMARK}"
    (made.folder / ".git/info/exclude").write_text(f"data/{BENCHMARK}/sample.txt\n")
    made.run("git", "rm", "-q", "--cached", f"data/{BENCHMARK}/sample.txt")
    card = made.folder.parent / "card.yaml"
    (room / "benchmark.yaml").rename(card)
    (room / "benchmark.yaml").symlink_to(os.path.relpath(card, room))
    for words in (["config", "user.name", "test"], ["config", "user.email", "test@example.org"], ["add", "-A"]):
        made.run("git", *words)
    made.run("git", "commit", "-qm", "scripted")
    return made


def state(project: Project) -> dict[str, str]:
    """Every file of the project but copies, answers and caches."""
    apart = {".ablations", ".responses", ".venv", ".git", ".dvc", "__pycache__"}
    return {
        str(path.relative_to(project.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(project.folder.rglob("*"))
        if path.is_file() and not apart & set(path.relative_to(project.folder).parts)
    }


@pytest.fixture(scope="module")
def ablated(project: Project) -> tuple[Project, subprocess.CompletedProcess[str], dict[str, str]]:
    """Two variants, run once; the state of the project before."""
    before = state(project)
    done = project.diziner("ablate", "no-goal", "coalition", "--benchmark", BENCHMARK, "-j", "2")
    return project, done, before


Ablated = tuple[Project, subprocess.CompletedProcess[str], dict[str, str]]


def test_the_table_has_a_row_for_the_settings_as_they_are_and_each_variant(ablated: Ablated) -> None:
    project, done, before = ablated
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["benchmark", "variant"]
    assert [line.split("  ")[1] for line in lines[2:]] == [BASE, "no-goal", "coalition"]
    assert "vote of 2, round" in lines[4] and "vote" not in lines[2]
    assert state(project) == before
    assert project.run("git", "status", "--porcelain").stdout == ""
    told = [str(r["messages"]) for _, r, _ in rows(project)]
    assert {"newswire of the mid-1990s" in text for text in told} == {True, False}


def test_a_cache_elsewhere_links_and_texts_kept_from_git_are_found(ablated: Ablated) -> None:
    project, done, _ = ablated
    assert "no-goal" in done.stdout and (project.folder.parent / "elsewhere/files").is_dir()
    assert not (project.folder / ".dvc/cache").exists()
    copy = project.folder / folder_of("no-goal")
    assert not (copy / ".dvc/cache").exists()
    for name in ("sample.txt", "benchmark.yaml"):
        path = Path("data", BENCHMARK, name)
        assert (copy / path).read_bytes() == (project.folder / path).read_bytes()


def test_a_second_run_asks_nothing_and_what_fails_does_not_keep_the_others_from_their_results(ablated: Ablated) -> None:
    project, first, before = ablated
    count = answers(project)
    broken = "broken:\n  about: a model that nobody has\n  set: {supervisor.model.model: scripted-nobody}\n"
    with variant(project, broken):
        words = ("no-goal", "broken", "coalition", "--benchmark", BENCHMARK, "--json", "-j", "2")
        done = project.run(*command(*words), check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: variant broken: its run in .ablations/broken failed with exit code 2"
    assert "no scripted model" in done.stderr and "Traceback" not in done.stderr
    assert answers(project) == count and state(project) == before
    found = json.loads(done.stdout)
    assert set(found) == {BASE, "no-goal", "coalition"}
    assert found[BASE][BENCHMARK]["change"] is None and found["coalition"][BENCHMARK]["voters"] == 2
    for name in ("no-goal", "coalition"):
        row, change = found[name][BENCHMARK], found[name][BENCHMARK]["change"]
        assert change["difference"] == pytest.approx(row["f1"] - found[BASE][BENCHMARK]["f1"], abs=2e-6)
        assert change["low"] <= change["difference"] <= change["high"]
    assert f"{found[BASE][BENCHMARK]['f1']:.3f}" in first.stdout


def test_the_copies_are_no_part_of_the_project_s_pipeline(ablated: Ablated) -> None:
    project, *_ = ablated
    assert (project.folder / folder_of("no-goal") / f"data/{BENCHMARK}/dvc.yaml").is_file()
    assert str(COPIES) not in project.dvc("stage", "list", "--all", "--name-only").stdout


@pytest.fixture(scope="module")
def rivals(ablated: Ablated) -> tuple[Project, str]:
    """Both rivals beside the settings as they are, on one fixed pilot set, and a choice among the three."""
    project, *_ = ablated
    return project, project.diziner(*RIVALS, "-j", "2").stdout


RIVALS = ("ablate", "metaprompt", "glape", "--choose", "--benchmark", BENCHMARK, "--json")


def test_rivals_are_paired_with_the_settings_as_they_are_in_agreement_and_f1(rivals: tuple[Project, str]) -> None:
    project, printed = rivals
    found = json.loads(printed)["results"]
    assert set(found) == {BASE, "metaprompt", "glape"}
    assert found[BASE][BENCHMARK]["change"] is found[BASE][BENCHMARK]["agreement_change"] is None
    for name in ("metaprompt", "glape"):
        for change in (found[name][BENCHMARK]["change"], found[name][BENCHMARK]["agreement_change"]):
            assert change["low"] <= change["difference"] <= change["high"]
    selections = {
        name: json.loads((project.folder / folder_of(name) / f"data/{BENCHMARK}/final/selection.json").read_text())
        for name in found
    }
    assert "scores" in selections["glape"] and "scores" not in selections[BASE]
    # Same disagreements, same supervisor: the same guidelines, among which glape's rule alone is another.
    assert selections["glape"]["overall"] == selections[BASE]["overall"] != selections["metaprompt"]["overall"]
    told = [str(request["messages"]) for _, request, _ in rows(project) if request["model"] == "scripted-supervisor"]
    assert sum("documents of the kind that the annotators label, without" in text for text in told) == 1


def test_the_choice_says_what_why_and_how_to_take_it_over_and_is_read_again(rivals: tuple[Project, str]) -> None:
    project, printed = rivals
    choice = json.loads(printed)["choice"]
    check(choice, "choice", "--json")
    assert choice["chosen"] in choice["candidates"] and choice["plainest"] == next(
        name for name, own in choice["candidates"].items() if own["change"] is None
    )
    assert choice["documents"] == {BENCHMARK: 6} and len(choice["annotators"][BENCHMARK]) == 3
    assert choice["command"].startswith("dvc exp run -S ++corpus.pilot.mode=fixed")
    again = project.diziner_here(*RIVALS, "--read")
    assert (again.stdout, again.stderr) == (printed, "")
    lines = project.diziner_here(*RIVALS[:-1], "--read").stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["configuration", "-" * len(lines[1])]
    assert lines[-2] == f"chosen: {choice['chosen']}: {choice['reason']}"
    assert lines[-1] == f"to take it over: {choice['command']}"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["metaprompt", "glape", "--read"], ".ablations/as_it_is/params.yaml: 'as it is' ran with other settings; "),
        (["stable", "--choose", "--read"], ".ablations/stable: 'stable' has not run; leave out --read to run it"),
        (["documents-15", "--choose"], "'documents-15': has another section corpus than 'as it is'; agreement is "),
    ],
)
def test_what_cannot_be_read_or_compared_is_said_before_anything_runs(
    rivals: tuple[Project, str], words: list[str], expected: str
) -> None:
    project, _ = rivals
    done = project.diziner_here("ablate", *words, "--benchmark", BENCHMARK, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"error: {expected}") and done.stderr.count("\n") == 1


def command(*words: str) -> list[str]:
    return [".venv/bin/python", "-m", "diziner", "ablate", *words]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["no-gaol"], "diziner/ablation/variants.yaml: no variant 'no-gaol'; there are: stable, relaxed"),
        (["annotators-8"], "variant annotators-8: needs 8 annotators; annotator_pool is scripted_careful, "),
        (["drop-worst"], "variant drop-worst: needs 3 rounds or more; params.yaml has 2"),
        (["llama-family"], "variant llama-family: needs at least 2 annotators whose model names 'llama'"),
        (["no-goal", "--benchmark", "conl2003"], "no benchmark 'conl2003' in data/; there are: "),
        (["no-goal", "-j", "0"], "-j: is 0; must be a whole number from 1 to 1000"),
        ([], "which variant? there are: stable, relaxed"),
    ],
)
def test_what_is_mistyped_is_one_line_and_nothing_is_copied(project: Project, words: list[str], expected: str) -> None:
    there = sorted((project.folder / COPIES).glob("*"))
    done = project.diziner_here("ablate", *words, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"error: {expected}") and done.stderr.count("\n") == 1
    assert sorted((project.folder / COPIES).glob("*")) == there


@contextlib.contextmanager
def variant(project: Project, text: str) -> Iterator[None]:
    path = project.folder / "diziner/ablation/variants.yaml"
    before = path.read_text()
    path.write_text(before + text)
    yield
    path.write_text(before)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mine:\n  about: x\n  set: {supervisor.max_comon: 3}\n", "params.yaml, mine: supervisor: .*'max_comon'"),
        ("mine:\n  about: x\n  set: {supervizor.max_common: 3}\n", "supervizor.max_common: there is no 'supervizor'"),
        ("mine:\n  about: x\n", "diziner/ablation/variants.yaml: mine: "),
        ("../mine:\n  about: x\n  rounds: 2\n", "diziner/ablation/variants.yaml: .*../mine"),
    ],
)
def test_a_wrong_variant_is_one_line(project: Project, text: str, expected: str) -> None:
    with variant(project, text):
        done = project.diziner_here("ablate", "mine", check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert re.search(expected, done.stderr), done.stderr


def small(make_project: Callable[..., Project]) -> Project:
    """A project of two annotators and one round."""
    project = make_project(BENCHMARK)
    use_variants(project, "rounds-1", "annotators-2")
    return project


def test_killed_in_the_middle_the_project_is_as_it_was_and_the_same_command_goes_on(
    make_project: Callable[..., Project],
) -> None:
    project = small(make_project)
    before = state(project)
    words = command("no-goal", "--benchmark", BENCHMARK, "-j", "1")
    with subprocess.Popen(
        words, cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr
        next(line for line in process.stderr if "finished" in line and "annotate" in line)
        process.kill()
        process.wait()
        # The run that it had begun outlives it, and keeps others away until it ends.
        done = project.run(*words, check=False)
        assert done.returncode == 2
        assert done.stderr == "error: .ablations: another `diziner ablate`, or a run of one, is at work there; wait\n"
        os.killpg(process.pid, signal.SIGKILL)
    assert state(project) == before
    count = answers(project)
    assert count > 0
    for _ in range(100):  # until the last process of the killed run has let go of the lock
        done = project.run(*words, check=False)
        if "at work there" not in done.stderr:
            break
        time.sleep(0.1)
    assert done.returncode == 0, done.stderr
    assert "no-goal" in done.stdout and state(project) == before
    keys = [row[0] for row in rows(project)]
    assert len(keys) == len(set(keys)) > count


def test_dvc_exp_run_takes_the_words_and_gold_is_read_only_there(project: Project) -> None:
    """The command that --show prints, as printed: supervision by gold, through DVC's own experiments."""
    line = project.diziner("ablate", "--show", "gold-supervised").stdout.strip()
    assert line == "dvc exp run -S ++evidence.folder=gold -S '++evidence.gold_rounds=[0]'"
    activated = f"{project.folder / '.venv/bin'}:{os.environ['PATH']}"
    project.run(*shlex.split(line), f"data/{BENCHMARK}/dvc.yaml", PATH=activated)
    assert yaml.safe_load((project.folder / "params.yaml").read_text())["evidence"] == {
        "folder": "gold", "gold_rounds": [0],
    }  # fmt: skip
    assert read(project, "gold/r0/disagreements.json")["groups"]
    lock = yaml.safe_load((project.folder / f"data/{BENCHMARK}/dvc.lock").read_text())["stages"]
    reading = {name.partition("@")[0] for name, stage in lock.items() for dep in stage["deps"] if "gold" in dep["path"]}
    assert reading == {"golderrors", "refine", "score"}
    assert {dep["path"] for dep in lock["refine@step0"]["deps"] if "gold" in dep["path"]} == {
        f"data/{BENCHMARK}/gold/r0/disagreements.json",
    }


# `diziner use PROFILE --with VARIANT…`


def test_use_keeps_comments_and_says_what_is_active(project: Project) -> None:
    path = project.folder / "params.yaml"
    own = path.read_text()
    said = project.diziner("use", "paper", "--with", "aggressive", "coalition")
    assert "params.yaml is now the profile paper + aggressive + coalition" in said.stdout
    assert "kept in params.yaml.bak" in said.stderr
    text, plain = path.read_text(), (project.folder / "diziner/profiles/paper.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.strip().startswith("scripted")]  # those of one's own stay
    differing = [(a, b) for a, b in zip(plain.splitlines(), lines, strict=True) if a != b]
    assert 4 <= len(differing) <= 6
    assert all(a.partition("#")[2] == b.partition("#")[2] for a, b in differing)
    assert yaml.safe_load(text)["supervisor"]["max_common"] == 10
    # What the command wrote is nobody's work; what a person wrote is kept, each time.
    assert project.diziner("use", "local", "--with", "rounds-3").stderr == ""
    path.write_text(path.read_text().replace("seed: 13", "seed: 14", 1))
    assert "kept in params.yaml.bak2" in project.diziner("use", "embedded").stderr
    assert (project.folder / "params.yaml.bak").read_text() == own
    lines = [line for line in path.read_text().splitlines(keepends=True) if not line.strip().startswith("scripted")]
    assert "".join(lines) == (project.folder / "diziner/profiles/embedded.yaml").read_text()
    path.write_text(own)


def test_use_drops_no_endpoint_and_annotator_of_ones_own(project: Project) -> None:
    path = project.folder / "params.yaml"
    before = path.read_text()
    mine: dict[str, Any] = {
        "endpoints": {"house": {"kind": "hosted", "provider": "hosted_vllm", "api_base": "http://localhost:8000/v1"}},
        "annotators": {"ours": {"endpoint": "house", "model": "ours-7b", "style": "plain", "prompt": "annotate.v2"}},
    }
    path.write_text((project.folder / "diziner/profiles/embedded.yaml").read_text())

    def edit(params: dict[str, Any]) -> None:
        params["endpoints"] |= mine["endpoints"]
        params["annotators"] |= mine["annotators"]
        params["annotators"]["coder"] = {**params["annotators"]["qwen_plain"], "temperature": 0.5}  # on local weights
        params["annotators"]["smollm_few_shot"]["max_tokens"] = 2048  # changed: no profile's any more
        params["annotator_pool"].append("ours")
        params |= {"budget": {"usd": 3}}
        params["corpus"]["local_dir"] = "/data/ner"

    project.edit_params(edit)
    said = project.diziner_here("use", "paper").stdout
    assert "annotators.ours" in said and "endpoints.house" in said and "budget" in said and "endpoints.local" in said
    now = yaml.safe_load(path.read_text())
    plain = yaml.safe_load((project.folder / "diziner/profiles/paper.yaml").read_text())
    assert now["endpoints"].keys() - plain["endpoints"].keys() == {"house", "local"}  # local: what coder stands on
    assert now["annotators"].keys() - plain["annotators"].keys() == {"ours", "coder", "smollm_few_shot"}
    assert now["endpoints"]["house"] == mine["endpoints"]["house"]
    assert now["annotators"]["ours"] == mine["annotators"]["ours"]
    assert (now["budget"], now["corpus"]["local_dir"]) == ({"usd": 3}, "/data/ner")
    assert now["annotator_pool"] == plain["annotator_pool"] and "qwen_plain" not in now["annotators"]
    assert settings_from(now, "params.yaml").source("ace2005") == "local"
    # Back again, twice: nothing is lost, nothing is doubled, and what the command wrote is kept beside no more.
    for profile in ("local", "paper", "embedded"):
        assert project.diziner_here("use", profile).stderr == ""
    back = yaml.safe_load(path.read_text())
    assert back["annotators"]["ours"] == mine["annotators"]["ours"] and back["budget"] == {"usd": 3}
    assert back["annotators"]["smollm_few_shot"]["max_tokens"] == 1024  # the profile has one of that name
    path.write_text(before)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["papre"], "no profile 'papre', here or in profiles/; there are: embedded, local, paper"),
        (["paper", "--with", "stabel"], "diziner/ablation/variants.yaml: no variant 'stabel'; there are: stable"),
        (["paper", "--with", "stable", "relaxed"], "variants stable and relaxed do not go together: both set "),
        (["embedded", "--with", "drop-worst"], "variant drop-worst: needs 3 rounds or more; params.yaml has 2"),
        (["embedded", "--with", "gold-supervised", "rounds-3"], "embedded + gold-supervised + rounds-3: evidence.gold"),
        (["embedded", "--with", "supervisor-gpt-5"], "embedded + supervisor-gpt-5: supervisor.model.model: no weights"),
    ],
)
def test_use_refuses_in_one_line_and_changes_nothing(project: Project, words: list[str], expected: str) -> None:
    before = (project.folder / "params.yaml").read_bytes()
    done = project.diziner_here("use", *words, check=False)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {expected}") and done.stderr.count("\n") == 1
    assert (project.folder / "params.yaml").read_bytes() == before


def test_a_profile_without_variants_is_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert profile_text("paper", []) == (ROOT / "diziner/profiles/paper.yaml").read_text()
    value: Any = yaml.safe_load(profile_text("paper", ["relaxed"]))
    assert value["profile"] == "paper + relaxed"
