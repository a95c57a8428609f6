"""YAML files: the one door by which they are read and written, so that DVC and everybody else read the same in them.

DVC reads params.yaml by YAML 1.2, PyYAML by YAML 1.1 (see `yamlagree`). A file that only one of them can read, or in
which they read different values, is refused; and none is written.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diziner.common.errors import UserError
from diziner.common.files import check, read_text, write_text
from diziner.common.unseen import refuse_other_keys
from diziner.common.yamlagree import MAY_BE_A_NUMBER, difference, read_as_dvc, rewritten_by_dvc, surely_alike, told
from diziner.common.yamllimits import CONSTRUCTING, YamlError, YamlLimitError, check_text, check_tree, unconstructed

if TYPE_CHECKING:
    import yaml

WIDTH = 110  # of lines that are written anew
_LINE_BREAKS = "\x85\u2028\u2029"


def read_yaml(path: Path, schema: str | None = None) -> Any:
    """Read one YAML document and check it against a schema by name. Errors: as `parse_yaml` and `check`, and UserError
    for a key that is no text: schemas of names that users choose let 7 and true pass, and nobody means them."""
    value = parse_yaml(read_text(path), str(path))
    refuse_other_keys(value, str(path))
    if schema:
        check(value, schema, str(path))
    return value


def parse_yaml(text: str, where: str) -> Any:
    """Return the value of a YAML text; `where` is what errors call it.

    Errors: UserError for what is no YAML, and where DVC reads something else or nothing.
    """
    try:
        node, value = _loaded(text)
        found = None if node is None or surely_alike(text, node) else difference(text, node, value)
    except YamlError as error:
        raise UserError(f"{where}:{error.line}: not YAML: {error.reason}") from None
    if found:
        raise UserError(f"{where}:{found.line}: {found.path}: {found.told}")
    return value


def broken_by_dvc(text: str) -> str | None:
    """Return the first place of a text that DVC and others read alike, and no more once `dvc exp run -S` has written
    it anew.

    None if there is none. Errors: as `parse_yaml`, for the text as it is.
    """
    value = parse_yaml(text, "the text")
    after = rewritten_by_dvc(text)
    node, again = _loaded(after)
    if node is None or (surely_alike(after, node) and again == value):
        return None
    found = difference(after, node, again)
    return found.path if found else None


def parse_yaml_as_dvc(data: bytes) -> Any:
    """Return the value that DVC reads: for what DVC wrote, and for revisions of the past, which nobody can mend.

    Errors: ValueError in one line for what is no YAML to it.
    """
    text = data.decode("utf-8")
    try:
        node, value = _loaded(text)
        if node is None or surely_alike(text, node):
            return value
    except YamlLimitError as error:
        raise ValueError(error.reason) from None
    except YamlError:
        pass  # DVC may be able to, and says else what is wrong
    from ruamel.yaml.error import YAMLError

    try:
        return read_as_dvc(text)
    except (YAMLError, RecursionError, *CONSTRUCTING) as error:
        raise ValueError(told(error)) from None


def dump_yaml(value: Any, *, flow: bool | None = False, quoted: bool = False, width: float = WIDTH) -> str:
    """Return a value as YAML text that every parser reads as that value: keys in their order, non-ASCII as it is.

    `flow`: all in brackets; None: only lists and mappings without others in them. `quoted`: every text is, also
    where it need not be. Errors: UserError for a value that cannot be written so.

    >>> dump_yaml({"type": "NO", "seed": "0o17", "urls": ["http://a"]}, flow=True)
    "{type: 'NO', seed: '0o17', urls: ['http://a']}\\n"
    """
    import yaml

    text: str = yaml.dump(
        value,
        Dumper=_dumper(),
        default_flow_style=flow,
        default_style='"' if quoted else None,
        width=width,
        sort_keys=False,
        allow_unicode=True,
    )
    if parse_yaml(text, "new YAML") != value:
        raise UserError(f"cannot be written as YAML: {text[:200]!r}")
    return text


def write_yaml(path: Path, text: str) -> None:
    """Write a YAML text atomically, unless DVC could not read it or would read something else: then UserError."""
    parse_yaml(text, str(path))
    write_text(path, text)


def composed(text: str) -> Any:
    """Return PyYAML's tree of a text that `parse_yaml` has read, with marks that count characters, to edit it."""
    import yaml

    return yaml.compose(text, Loader=yaml.SafeLoader)


def _loaded(text: str) -> tuple[yaml.Node | None, Any]:
    """Return PyYAML's tree and value. Errors: YamlError."""
    import yaml

    try:
        check_text(text, _loader())
        loader = _loader()(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, None
            check_tree(node, text)
            try:
                return node, loader.construct_document(node)
            except CONSTRUCTING:
                raise unconstructed(node, _loader()("")) from None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise YamlError(str(error.problem), error.problem_mark.line + 1 if error.problem_mark else 1) from None
    except yaml.reader.ReaderError as error:  # a character that may not be in YAML
        raise YamlError(_unprintable(error), text.count("\n", 0, error.position) + 1) from None
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split())) from None


def _unprintable(error: yaml.reader.ReaderError) -> str:
    code = error.character if isinstance(error.character, int) else ord(error.character[:1] or "?")
    return f"the character U+{code:04X} may not be in YAML"


def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _dumper() -> type[yaml.SafeDumper]:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes also what only YAML 1.2 takes for a number, and within brackets what DVC's parser stumbles over."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def analyze_scalar(self, scalar: str) -> Any:
            found = super().analyze_scalar(scalar)
            if ":" in scalar or "?" in scalar:
                found.allow_flow_plain = False
            return found

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        style = "'" if MAY_BE_A_NUMBER.fullmatch(value) else None
        if any(sign in value for sign in _LINE_BREAKS):  # PyYAML folds them in other styles
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
