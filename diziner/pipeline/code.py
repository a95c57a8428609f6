"""Code behind a stage, computed from imports, never listed by hand.

A stage depends on one file, `stages/code/<stage>.json`: the digests of the modules that its script imports, directly
or through others, and of the files that these read. The stage `code_digests` writes them whenever code changes, so
that DVC runs what an edit can touch, and nothing else. The same list is behind the names of a labelling's shards.
Plug-ins that are in use stand there too, with the version and the digest of their distribution.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from diziner.common import plugins
from diziner.common.errors import UserError
from diziner.common.files import read_json
from diziner.common.version import VERSION
from diziner.common.words import listed
from diziner.layout import has_library, laid_version

PACKAGE = Path(__file__).resolve().parents[1]
CODE = PACKAGE.parent
STAGES = Path("stages")
CODE_DIGESTS = "code_digests"  # the stage that writes them
DIGESTS = STAGES / "code"
# Code that decides where things are, what a setting is called, how a model or a plug-in is reached, what is refused or
# how an error reads: never what an output holds. What shapes an output may not import `llm` (tests/test_house.py).
NEUTRAL = (
    "llm", "scripted", "endpoints", "layout.py", "settings", "pipeline/arguments.py",
    "common/errors.py",
    "common/plugins.py",  # finds plug-ins, whose own digests stand beside those of modules
    "common/yamlagree.py",  # refuses files that DVC reads otherwise
    "prompting/asker.py",  # a Protocol
    "__init__.py",  # public names alone
)  # fmt: skip
PLUG_IN_GROUPS = "PLUG_IN_GROUPS"  # a module's constant: the groups of plug-ins that it looks names up in
# What the stage code_digests has in dvc.yaml where plug-ins are in use: their code is outside the project.
ALWAYS = "    always_changed: true # plug-ins are in use; DVC does not see their code\n"
READS = "READS"  # a module's constant: the files or folders below the package that it reads, prompts say


def code_behind(*starts: Path) -> list[Path]:
    """Return the files behind some modules, themselves included: code and what it reads, sorted.

    Errors: FileNotFoundError for a start that is not there, SyntaxError for code that is none.
    """
    seen: set[Path] = set()
    waiting = [start.resolve() for start in starts]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += _imported(path)
    read = {file for path in seen for name in _constant(path, READS) for file in _files(PACKAGE / name)}
    return sorted(seen | read)


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files, the first 16 digits, by path: below the package's folder, or the project's."""
    return {_name(path): _digest(path) for path in paths}


def check_code(script: str) -> None:
    """Hold the code behind a stage to its digest file, where the library is installed and no part of the project.

    In a checkout DVC does so, as `code_digests` depends on the library's folder. `script` is the stage's `__file__`.
    Errors: UserError if it is other code, with what to run.
    """
    root = Path.cwd()
    if has_library(root):
        return
    file = digest_file(script)
    refresh = "diziner repro -f dvc.yaml:code_digests"
    if not file.is_file():
        raise UserError(f"{file}: no such file; run `{refresh}`, then the pipeline")
    if other := _other_code(read_json(file)):
        laid = laid_version(root)
        remedy = "diziner init --upgrade" if laid != VERSION else refresh
        raise UserError(
            f"{file}: is of other code than diziner {VERSION} here has: {listed(other, 1)}; "
            f"run `{remedy}`, then the pipeline"
        )


def is_of_other_code() -> bool:
    """Return whether digest files are of other code than the library that is installed, of the same version, has.

    DVC does not see that where the library is no part of the project, such as after an update from a commit. Of another
    version `init --upgrade` takes care.
    """
    root = Path.cwd()
    if has_library(root) or laid_version(root) != VERSION:
        return False
    said = {item for file in map(digest_file, stage_scripts()) if file.is_file() for item in read_json(file).items()}
    by_name = dict(said)  # much code is behind several stages
    return len(by_name) < len(said) or bool(_other_code(by_name))


def digest_file(script: str) -> Path:
    """Return the digest file of a stage, by the path of its script or its name."""
    return DIGESTS / f"{Path(script).stem}.json"


def _other_code(said: Mapping[str, str]) -> list[str]:
    """Return the files of code that are not as digests by name say."""
    # Plug-ins are left out: where they are in use, code_digests runs each time.
    places = {PACKAGE.name: CODE, STAGES.name: Path()}
    rooted = {name: name.partition("/")[0] for name in said}
    behind = {name: places[first] / name for name, first in rooted.items() if first in places}
    return [name for name, path in behind.items() if not path.is_file() or _digest(path) != said[name]]


def plug_ins_behind(
    paths: Iterable[Path], names: Mapping[str, Iterable[str]], packages: Iterable[str] = ()
) -> dict[str, str]:
    """Return the distributions of plug-ins that are used by some code, with the digests of theirs.

    `names` are those in use by group: what is built in has no digest of its own. `packages` are distributions that
    functions of annotators name beside their own, with their versions.
    """
    groups = {group for path in paths if path.suffix == ".py" for group in _constant(path, PLUG_IN_GROUPS)}
    known = (plugins.SOURCES, plugins.ANNOTATORS)
    found: dict[str, str] = {}
    for group in known:
        for name in names.get(group.name, ()) if group.name in groups else ():
            found |= plugins.digest_of(group, name)
    return found | (plugins.versions_of(packages) if plugins.ANNOTATORS.name in groups else {})


def with_always(pipeline: str, plug_ins: bool) -> str:
    """Return the root's dvc.yaml such that code_digests runs each time if plug-ins are in use, and else does not."""
    command = "    cmd: sh stages/run code_digests\n"
    return pipeline.replace(ALWAYS, "").replace(command, command + ALWAYS if plug_ins else command)


def stage_scripts() -> dict[str, Path]:
    """Return the stage scripts of the project in the current folder, by name."""
    return {path.stem: path for path in sorted(STAGES.glob("*.py")) if path.stem not in ("__init__", CODE_DIGESTS)}


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _name(path: Path) -> str:
    return path.relative_to(CODE if path.is_relative_to(PACKAGE) else Path.cwd()).as_posix()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the package's modules that a module imports, inside functions too; for types alone does not count."""
    names = set(_names(_parsed(path).body))
    found: set[Path] = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE.name:
            for end in range(1, len(parts) + 1):  # importing a module runs the packages that it is in
                found |= _files_of(".".join(parts[:end]))
    return tuple(sorted(found))


@cache
def _files_of(name: str) -> frozenset[Path]:
    """Return the file behind a module's or a package's dotted name, but for code that shapes no output."""
    base = CODE.joinpath(*name.split("."))
    files = [file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()]
    return frozenset(file for file in files if not _is_neutral(file) and not _is_empty(file))


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield what statements import, those inside them too; no import is in an expression."""
    for node in nodes:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _names(node.orelse)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            for block in ("body", "orelse", "handlers", "finalbody", "cases"):
                yield from _names(getattr(node, block, ()))


def _is_neutral(path: Path) -> bool:
    inside = path.relative_to(PACKAGE).as_posix()
    return any(inside == name or inside.startswith(f"{name}/") for name in NEUTRAL)


@cache
def _is_empty(path: Path) -> bool:
    """Return whether a module is nothing but its docstring: packages that only hold others."""
    body = _parsed(path).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


@cache
def _constant(path: Path, name: str) -> tuple[str, ...]:
    for node in _parsed(path).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return tuple(ast.literal_eval(node.value))
    return ()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc"]
