"""`diziner doctor`: it names what is wrong and how to mend it, whatever else is broken, and changes nothing."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from doctor_place import KEY, PYTHON, Clinic, make_clinic, make_template, require_permissions, unprivileged
from projects import ROOT

from diziner.common.files import check
from diziner.doctor.packages import read_lock

SECTIONS = ["project", "python", "processor", "packages", "weights", "keys", "answers", "recording", "DVC", "git"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("doctor"))


@pytest.fixture
def clinic(template: Path, tmp_path: Path) -> Iterator[Clinic]:
    yield make_clinic(template, tmp_path)


def test_a_fresh_clone_is_in_order(clinic: Clinic) -> None:
    done = clinic.doctor("--strict", own_process=True)
    lines = done.stdout.splitlines()
    assert [line for line in lines if (line and line[0].islower()) or line in {"DVC"}][: len(SECTIONS)] == SECTIONS
    assert re.fullmatch(r"No problem, \d+ notes?\.", lines[-2]) and lines[-1] == "Nothing has to be done."
    for line in lines:
        assert len(line) <= 80 or " " not in line.strip() or str(clinic.folder.parent) in line, line
    found = clinic.findings("--strict", own_process=True)
    assert found["project folder"]["facts"]["path"] == str(clinic.folder)
    assert found["project settings"]["facts"]["profile"] == "embedded"
    assert found["python version"]["facts"]["version"] == platform.python_version()
    assert found["answers tapes"]["facts"] == {
        "rooms": 1,
        "whole": 1,
        "damaged": 0,
        "answers": found["answers tapes"]["facts"]["answers"],
        "without": [],
    }
    assert found["git state"]["facts"]["changed"] == 0


def test_it_changes_nothing(clinic: Clinic) -> None:
    def all_files() -> dict[str, tuple[int, int]]:
        return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_size) for p in sorted(clinic.folder.parent.rglob("*"))}

    clinic.diziner("responses", "import", "data/conll2003/tape.jsonl")
    before = all_files()
    assert clinic.findings(own_process=True)["answers store"]["state"] == "ok"
    assert all_files() == before
    assert not list(clinic.home.iterdir())


def test_problems_are_counted_and_the_next_step_is_said(clinic: Clinic) -> None:
    (clinic.folder / "requirements.lock").write_text("numpy==1.0\n")
    (clinic.folder / "params.yaml").write_text("profile: [\n")
    done = clinic.doctor("--strict", code=1, own_process=True)
    assert re.search(r"\n2 problems, \d+ notes?\.\nNext \(project, settings\): correct params\.yaml", done.stdout)
    assert done.stderr == "error: doctor: 2 problems\n"
    assert clinic.doctor().stderr == ""
    strict = clinic.doctor("--json", "--strict", code=1)
    assert strict.stdout == clinic.doctor("--json").stdout
    assert json.loads(strict.stdout)["problems"] == 2


def test_it_is_light(clinic: Clinic) -> None:
    heavy = {"litellm", "datasets", "sklearn", "scipy", "seqeval", "polars", "dvc", "xllamacpp", "jinja2", "rich"}
    code = (
        "import sys; from diziner.cli import main; sys.argv = ['diziner', 'doctor', '--json']; main(); "
        "sys.stderr.write(' '.join(sorted(sys.modules)))"
    )
    done = clinic.run(PYTHON, "-c", code)
    loaded = set(done.stderr.split())
    assert "numpy" in loaded and not loaded & heavy


def test_outside_a_project(clinic: Clinic, tmp_path: Path) -> None:
    found = clinic.findings("--strict", where=tmp_path, own_process=True)
    assert found["project folder"]["state"] == "note"
    assert "not inside a diziner project" in found["project folder"]["found"]
    # The lock of the code that runs.
    assert found["packages lock"]["facts"]["locked"] == 4
    assert {key.split()[0] for key in found} == set(SECTIONS) - {"answers", "recording", "git"}


def test_in_a_folder_that_is_gone(clinic: Clinic, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    found = clinic.findings(where=gone, before=gone.rmdir)
    assert found["project folder"]["state"] == "note" and found["python version"]["state"] == "ok"


def test_the_code_of_another_checkout_is_noticed(clinic: Clinic) -> None:
    done = clinic.run(PYTHON, "-c", f"import sys; sys.path[0] = {str(ROOT)!r}; {MAIN}", "doctor", "--json")
    value = json.loads(done.stdout)
    check(value, "doctor", "doctor --json")
    [code] = [finding for finding in value["findings"] if finding["name"] == "code"]
    assert code["state"] == "problem" and str(ROOT) in code["found"] and "-m diziner doctor" in code["mend"]


MAIN = "from diziner.cli import main; main()"
BROKEN: dict[str, tuple[bytes | None, str]] = {
    "syntax": (b"profile: [\n", "params.yaml:2: not YAML"),
    "no mapping": (b"- profile\n", "params.yaml: top level"),
    "a part only": (b"profile: embedded\n", "is a required property"),
    "no UTF-8": (b"profile: \xff\n", "not UTF-8 at byte 9"),
    "no date": (b"profile: 2020-13-45\n", "'2020-13-45' is no date"),
    "too deep": (b"[" * 3_000 + b"]" * 3_000, "nested too deeply"),
    "two parsers": (b"profile: off\n", "params.yaml:1: profile: DVC (YAML 1.2) reads the text 'off'"),
    "empty": (b"", "params.yaml: top level"),
    "missing": (None, "params.yaml: no such file"),
}


def test_settings_that_an_experiment_would_break_are_noted(clinic: Clinic) -> None:
    path = clinic.folder / "params.yaml"
    text = path.read_text(encoding="utf-8")
    assert clinic.findings()["DVC settings"]["state"] == "ok"
    entry = "endpoints:\n  x: {kind: hosted, provider: openai, api_base: 'http://a/sk-1@b'}\n"
    path.write_text(text.replace("endpoints:\n", entry), encoding="utf-8")
    found = clinic.findings()["DVC settings"]
    assert (found["state"], found["facts"]) == ("note", {"place": "endpoints.x.api_base"})
    assert "block style" in found["mend"] and "sk-1" not in str(found)


def test_what_dvc_cannot_read_is_said_without_showing_a_key(clinic: Clinic) -> None:
    path = clinic.folder / "params.yaml"
    entry = "endpoints:\n  x: {kind: hosted, provider: openai, api_base: http://user-sk-1@a}\n"
    path.write_text(path.read_text(encoding="utf-8").replace("endpoints:\n", entry), encoding="utf-8")
    said = clinic.problem("project settings")
    assert "endpoints.x.api_base: DVC cannot read this" in said and "block style" in said and "sk-1" not in said


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_settings_stop_nothing_else(clinic: Clinic, kind: str) -> None:
    data, reason = BROKEN[kind]
    path = clinic.folder / "params.yaml"
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    assert reason in clinic.problem("project settings")
    found = clinic.findings()
    assert {key.split()[0] for key in found} == set(SECTIONS)
    assert found["answers tapes"]["facts"]["whole"] == 1 and found["keys endpoints"]["state"] == "note"


def test_wrong_types_and_names_in_settings_are_named(clinic: Clinic) -> None:
    clinic.edit_params(lambda params: params["corpus"]["pilot"].update(documents="six"))
    assert "corpus.pilot.documents: 'six' is not of type 'integer'" in clinic.problem("project settings")
    clinic.edit_params(lambda params: params["corpus"]["pilot"].update(documents=6))
    clinic.edit_params(lambda params: params.update(annotator_pool=["nobody"]))
    assert "no annotator 'nobody'" in clinic.problem("project settings")


def hosted(clinic: Clinic, endpoint: object, used: bool) -> None:
    def change(params: dict[str, object]) -> None:
        params["endpoints"]["remote"] = endpoint  # type: ignore[index]
        if used:
            params["annotators"]["qwen_plain"].update(endpoint="remote", model="m")  # type: ignore[index]

    clinic.edit_params(change)


def test_keys_are_set_or_not_and_never_shown(clinic: Clinic) -> None:
    hosted(clinic, {"kind": "hosted", "provider": "openrouter", "key_env": "OPENROUTER_API_KEY"}, used=True)
    for words in (["--json"], []):
        done = clinic.doctor(*words, OPENROUTER_API_KEY=KEY)
        assert "OPENROUTER_API_KEY is set" in done.stdout
        assert KEY not in done.stdout + done.stderr and str(len(KEY)) not in done.stdout.split("is set")[1][:20]
    found = clinic.findings("--strict", OPENROUTER_API_KEY=KEY)["keys remote"]
    assert found["state"] == "ok" and found["facts"] == {"variable": "OPENROUTER_API_KEY", "set": True}
    for value in (None, "", "  "):
        said = clinic.problem("keys remote", OPENROUTER_API_KEY=value)
        assert "OPENROUTER_API_KEY is not set, and models in use need it" in said and "export" in said


def test_a_key_that_no_model_in_use_needs_is_a_note(clinic: Clinic) -> None:
    hosted(clinic, {"kind": "hosted", "key_env": "OPENAI_API_KEY"}, used=False)
    found = clinic.findings("--strict", OPENAI_API_KEY=None)["keys remote"]
    assert found["state"] == "note" and "no model in use needs it" in found["found"]


@pytest.mark.parametrize(
    "endpoint",
    [
        {"kind": "hosted", "key_env": KEY},
        {"kind": "hosted", "key_env": "AKIA0123456789ABCDEF"},
        {"kind": "hosted", "key_env": [KEY]},
        {"kind": KEY},
        {"kind": "hosted", "prices": KEY},
        KEY,
        [{"key": KEY}],
    ],
    ids=["key_env", "capitals", "list", "kind", "prices", "endpoint", "endpoints"],
)
def test_a_key_in_a_wrong_place_of_the_settings_is_not_shown(clinic: Clinic, endpoint: object) -> None:
    hosted(clinic, endpoint, used=True)
    for words in (["--json"], []):
        done = clinic.doctor(*words, "--strict", code=1)
        assert KEY not in done.stdout + done.stderr and "AKIA0123456789ABCDEF" not in done.stdout
        assert "endpoints.remote" in done.stdout and "not shown, as it may be" in " ".join(done.stdout.split())


def test_a_key_in_settings_that_are_none_is_not_shown(clinic: Clinic) -> None:
    for text in (f"- {KEY}\n", KEY, f"- {KEY}\n- {'x' * 500}\n"):
        (clinic.folder / "params.yaml").write_text(text)
        assert KEY not in clinic.doctor().stdout and KEY not in clinic.doctor("--json").stdout


def test_packages_are_held_against_the_lock(clinic: Clinic) -> None:
    lock = clinic.folder / "requirements.lock"
    right = f"numpy=={version('numpy')} ; python_full_version >= '3.11' \\\n"
    lock.write_text(f"{right}numpy==0.1 ; sys_platform == 'nowhere'\ndvc=={version('dvc')}\n")
    assert clinic.findings("--strict")["packages lock"]["facts"] == {
        "locked": 2,
        "right": 2,
        "other": {},
        "missing": {},
    }
    lock.write_text(f"{right}dvc==0.9.1 \\\n    --hash=sha256:00\nno-such-thing[extra]==2.0\n")
    assert clinic.problem("packages lock") == (
        f"1 of 3 are installed as in requirements.lock; other: dvc {version('dvc')} (lock: 0.9.1); "
        "missing: no-such-thing 2.0 | `make setup` installs them"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numpy>=2\n", "requirements.lock:1: no pinned package: 'numpy>=2'"),
        ("# none\n<<<<<<< HEAD\n", "requirements.lock:2: no pinned package"),
        ("numpy==2.0 ; python is new\n", "requirements.lock:1: not a marker"),
        ("\udcff", "utf-8"),
        (None, "requirements.lock: No such file or directory"),
    ],
)
def test_a_lock_that_cannot_be_read_is_named(clinic: Clinic, text: str | None, expected: str) -> None:
    lock = clinic.folder / "requirements.lock"
    lock.unlink() if text is None else lock.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert expected in clinic.problem("packages lock")


def test_the_projects_own_lock_is_read_whole() -> None:
    pins = read_lock(ROOT / "requirements.lock")
    names = [pin.name for pin in pins]
    assert len(names) == len(set(names)) > 100
    listed = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line and line[0] != " "]
    assert len(names) == len([line for line in listed if ";" not in line]) + sum(
        name in {line.split("==")[0] for line in listed if ";" in line} for name in names
    )


def test_what_storage_and_a_cluster_need_goes_with_what_is_locked_for_all() -> None:
    """Else pip tries a hundred releases of a package before it says so."""
    pins, more = (set(read_lock(ROOT / f"requirements{name}.lock")) for name in ("", "-cluster"))
    assert pins < more and {"ray", "moto", "s3fs", "dvc-s3"} <= {pin.name for pin in more - pins}


def test_python_and_dvc_are_held_against_pyproject(clinic: Clinic) -> None:
    path = clinic.folder / "pyproject.toml"
    text = path.read_text()
    path.write_text(text.replace('requires-python = ">=3.11"', 'requires-python = ">=3.99"'))
    assert "where requires-python asks for >=3.99" in clinic.problem("python version")
    path.write_text(text.replace('"dvc==3.67.*"', '"dvc==3.66.*"'))
    assert "where pyproject.toml asks for dvc==3.66.*" in clinic.problem("DVC version")
    path.write_text("[project\n")
    found = clinic.findings()
    assert found["python version"]["found"].startswith("cannot be checked: Expected")
    assert found["DVC version"]["state"] == "problem" and found["python platform"]["state"] == "ok"


def test_without_any_package_the_rest_is_said(clinic: Clinic) -> None:
    """As in an interpreter that nothing was installed into."""
    done = clinic.run(PYTHON, "-S", "-m", "diziner", "doctor")
    assert "No module named 'numpy'" in done.stdout and "make setup" in done.stdout
    assert "Traceback" not in done.stderr
    for line in ("ok       store", "ok       lock          free", "ok       state", "ok       platform"):
        assert line in done.stdout


def test_what_forces_kernels_is_said_and_the_kernel_read_back(clinic: Clinic) -> None:
    quiet = clinic.findings(own_process=True)
    assert "processor forced" not in quiet
    if quiet["processor BLAS"]["facts"].get("internal_api") != "openblas":
        pytest.skip("this NumPy has another BLAS")
    # A processor with the loops has the kernel, and every one has that of the oldest, whatever OpenBLAS calls it.
    kernel = "Haswell" if "AVX2" in quiet["processor NumPy"]["facts"]["has"] else "Prescott"
    if platform.machine() != "x86_64":
        pytest.skip("kernels by these names are of x86-64")
    found = clinic.findings(own_process=True, OPENBLAS_CORETYPE=kernel, OPENBLAS_NUM_THREADS="1")
    assert found["processor BLAS"]["facts"]["architecture"] in {kernel, "Katmai" if kernel == "Prescott" else kernel}
    assert found["processor BLAS"]["found"].endswith(", 1 thread")
    assert f"OPENBLAS_CORETYPE={kernel}, OPENBLAS_NUM_THREADS=1" in found["processor forced"]["found"]


def test_the_loops_that_numpy_runs_are_read_back(clinic: Clinic) -> None:
    facts = clinic.findings(own_process=True)["processor NumPy"]["facts"]
    if not facts["runs"]:
        pytest.skip("NumPy has no loops for this processor beyond its baseline")
    last = facts["runs"][-1]
    limited = clinic.findings(own_process=True, NPY_DISABLE_CPU_FEATURES=last)["processor NumPy"]
    assert last not in limited["facts"]["runs"] and last in limited["facts"]["not"]
    refused = clinic.findings(own_process=True, NPY_DISABLE_CPU_FEATURES=facts["baseline"][0])
    assert refused["processor NumPy"]["state"] == "problem"
    assert facts["baseline"][0] in refused["processor NumPy"]["found"]
    assert refused["git state"]["state"] == "ok"


def test_git_in_its_states(clinic: Clinic, tmp_path: Path) -> None:
    def state(**environment: str) -> str:
        return str(clinic.findings("--strict", **environment)["git state"]["found"])

    (clinic.folder / "README.md").rename(clinic.folder / "READ.md")
    (clinic.folder / "new").touch()
    clinic.run("git", "add", "READ.md", "README.md")
    assert state().endswith(", 2 changed or new files")
    clinic.run("git", "checkout", "-q", "--detach")
    assert " on no branch, 2" in state()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert state(PATH=str(empty)) == "no git on PATH"
    (clinic.folder / ".git").rename(tmp_path / "elsewhere")
    assert state(GIT_CEILING_DIRECTORIES=str(tmp_path)).startswith("no repository: fatal: not a git repository")


HOLD = """
import sys, time
import zc.lockfile
lock = zc.lockfile.LockFile(".dvc/tmp/lock")
sys.stdout.write("held\\n")
sys.stdout.flush()
time.sleep(60)
"""


def test_dvcs_locks_are_seen_and_not_waited_for(clinic: Clinic) -> None:
    temporary = clinic.folder / ".dvc/tmp"
    temporary.mkdir()
    holder = subprocess.Popen([PYTHON, "-c", HOLD], cwd=clinic.folder, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        found = clinic.findings("--strict")["DVC lock"]
        assert found["state"] == "note" and found["facts"]["held"] is True
    finally:
        holder.kill()
        holder.wait()
    assert clinic.findings()["DVC lock"]["found"] == "free"
    entry = {"pid": os.getpid(), "cmd": "dvc repro"}
    gone = {"pid": holder.pid, "cmd": "dvc pull"}
    (temporary / "rwlock").write_text(json.dumps({"write": {"/a": entry}, "read": {"/b": [entry, gone]}}))
    assert clinic.findings("--strict")["DVC lock"]["found"] == f"in use by `dvc repro` (process {os.getpid()})"
    (temporary / "rwlock").write_text('{"write": {')
    assert "DVC refuses to run" in clinic.problem("DVC lock")


def test_the_cache_is_where_the_configuration_has_it(clinic: Clinic, tmp_path: Path) -> None:
    assert clinic.findings()["DVC cache"]["facts"] == {"path": ".dvc/cache", "present": False}
    (tmp_path / "shared").mkdir()
    clinic.dvc("cache", "dir", "--local", str(tmp_path / "shared"))
    assert clinic.findings()["DVC cache"]["facts"] == {"path": str(tmp_path / "shared"), "present": True}
    clinic.dvc("cache", "dir", "--local", "../shared")
    assert clinic.findings()["DVC cache"]["facts"] == {"path": "../shared", "present": True}
    (clinic.folder / ".dvc/config.local").write_text("[cache\n")
    assert ".dvc/config.local" in clinic.problem("DVC cache")


def test_a_terminal_without_the_characters_of_a_path_is_no_reason_to_fail(clinic: Clinic) -> None:
    odd = clinic.folder.rename(clinic.folder.with_name("Prüfung \x1b[31m"))
    strange = Clinic(odd, clinic.home)
    done = strange.doctor(own_process=True, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "Pr\\xfcfung" in done.stdout and "\x1b" not in done.stdout
    assert strange.findings(own_process=True, PYTHONIOENCODING="ascii")["project folder"]["found"] == str(odd)


def read_only(path: Path) -> Callable[[], None]:
    path.chmod(0o555)
    return unprivileged


def test_a_home_that_is_read_only_or_unknown(clinic: Clinic, tmp_path: Path) -> None:
    assert clinic.findings("--strict", own_process=True, HOME=None)["project settings"]["state"] == "ok"
    require_permissions(tmp_path)
    try:
        found = clinic.findings("--strict", before=read_only(clinic.home))
    finally:
        clinic.home.chmod(0o755)
    assert found["weights folder"]["state"] == "note"
    assert "cannot be written to" in found["weights folder"]["found"]


def test_a_user_without_a_home(clinic: Clinic) -> None:
    """Neither HOME nor the system names one, as for the user of a container that has only a number."""
    unknown = "import pwd\ndef nobody(uid):\n    raise KeyError(uid)\npwd.getpwuid = nobody\n"
    words = [PYTHON, "-c", f"import os\ndel os.environ['HOME']\n{unknown}{MAIN}", "doctor"]
    done = clinic.run(*words, DIZINER_CACHE="", XDG_CACHE_HOME="")
    assert "Traceback" not in done.stderr
    assert "unknown: Could not determine home directory." in done.stdout and "set HOME or" in done.stdout
    assert "ok       lock          free" in done.stdout


def test_a_project_that_is_read_only(clinic: Clinic, tmp_path: Path) -> None:
    require_permissions(tmp_path)
    clinic.diziner("responses", "import", "data/conll2003/tape.jsonl")
    folders = [clinic.folder, clinic.folder / ".responses", clinic.folder / ".dvc"]
    try:
        for folder in folders:
            folder.chmod(0o555)
        found = clinic.findings("--strict", before=unprivileged)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert found["answers store"]["state"] == "ok" and found["git state"]["facts"]["changed"] == 0


def test_a_report_of_this_project_fits_the_schema() -> None:
    words = [sys.executable, "-m", "diziner", "doctor", "--json", "--quick"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), "doctor", "doctor --json")
    schema = json.loads((ROOT / "diziner/schemas/doctor.schema.json").read_text())
    assert yaml.safe_load(json.dumps(schema))["title"] == "doctor"
