"""Description of a bundle as an RO-Crate (version 1.2): what it is, what is in it, who may do what with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from diziner.common.version import VERSION
from diziner.common.words import counted
from diziner.report.bundle import CODE, Contents

METADATA = "ro-crate-metadata.json"
CONTEXT = "https://w3id.org/ro/crate/1.2/context"
SPECIFICATION = "https://w3id.org/ro/crate/1.2"
APACHE = "https://spdx.org/licenses/Apache-2.0"
PAPER = "https://aclanthology.org/2026.acl-long.795"
_TERMS = "#terms"
# What files are, by the first pattern that fits: name, description.
_KINDS = (
    ("params.yaml", "settings of the run"),
    ("*dvc.lock", "lock file of DVC: inputs, settings and outputs of each stage, by digest"),
    ("*dvc.yaml", "pipeline of DVC"),
    ("metrics/final/*", "scores on the test documents, with intervals"),
    ("metrics/*", "figures of the run"),
    ("data/*/benchmark.yaml", "card of a benchmark: types, sources, licence"),
    ("data/*/guideline*.yaml", "guideline that people wrote, which the first round begins with"),
    ("data/*/rounds/*/guideline.yaml", "refined guideline, with a receipt for each line"),
    ("data/*/rounds/*/refinement.json", "record of a refinement: what the supervisor found, what was kept of it"),
    ("data/*/final/guideline.yaml", "guideline of the chosen round"),
    ("data/*/pilots.yaml", "ids of the pilot documents"),
    ("data/*/tape.jsonl", "tape: every request to a model and its answer, to replay the run without models"),
    ("data/*/corpus/*", "documents, or their ids and counts"),
    ("data/*/annotations/*", "labels of one annotator"),
    ("data/*/rounds/*", "record of a round"),
    ("data/*/final/*", "result of the chosen round and annotator"),
    ("data/*", "input of a benchmark"),
    ("stages/*", "code of a stage, or its digests"),
    ("*", "file of the project"),
)
_MEDIA = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".yaml": "application/yaml",
    ".lock": "application/yaml",
    ".parquet": "application/vnd.apache.parquet",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".toml": "application/toml",
}


@dataclass(frozen=True, slots=True)
class Citation:
    """Citation of a bundle: its name, day (as 2026-11-26), and who made it, if they say so."""

    name: str
    date: str
    authors: Sequence[str] = ()


def metadata(contents: Contents, citation: Citation, models: Mapping[str, str]) -> bytes:
    """Return the file `ro-crate-metadata.json`; `models` are those that were asked, with where.

    Nothing of when or where it is made is in it.
    """
    folders = [folder for folder in CODE if any(Path(name).is_relative_to(folder) for name in contents.members)]
    files = [name for name in sorted(contents.members) if not any(Path(name).is_relative_to(f) for f in folders)]
    instruments = [{"@id": "#diziner"}, *({"@id": _model(name)} for name in sorted(models))]
    graph: list[dict[str, Any]] = [
        {"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": SPECIFICATION}},
        {
            "@id": "./",
            "@type": "Dataset",
            "name": citation.name,
            "description": _description(contents, models),
            "datePublished": citation.date,
            "license": {"@id": _TERMS},
            "author": [{"@id": f"#{quote(name)}"} for name in citation.authors],
            "citation": {"@id": PAPER},
            "hasPart": [{"@id": f"{folder.as_posix()}/"} for folder in folders] + [{"@id": quote(n)} for n in files],
            "mentions": [{"@id": "#run"}, *({"@id": f"#licence-{part.card.name}"} for part in contents.parts)],
        },
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "Run of the pipeline",
            "description": "Annotation, disagreement, refinement, selection and scoring by params.yaml.",
            "agent": [{"@id": f"#{quote(name)}"} for name in citation.authors],
            "instrument": instruments,
            "object": [{"@id": quote(name)} for name in files if name == "params.yaml" or _is_input(name)],
            "result": [{"@id": quote(name)} for name in files if name.startswith("metrics/final/")],
        },
        {
            "@id": "#diziner",
            "@type": "SoftwareApplication",
            "name": "diziner",
            "version": VERSION,
            "url": PAPER,
            "description": "Data-versioned evaluation of zero-shot named entity recognition.",
        },
        *(
            {
                "@id": f"#model-{quote(name, safe='')}",
                "@type": "CreativeWork",  # a SoftwareApplication must have a version and a page, which few models have
                "name": name,
                "description": where,
            }
            for name, where in sorted(models.items())
        ),
        *({"@id": f"#{quote(name)}", "@type": "Person", "name": name} for name in citation.authors),
        {"@id": PAPER, "@type": "ScholarlyArticle", "name": "DiZiNER: Disagreement-guided Instruction Refinement"},
        *_licences(contents),
        *(_folder(folder) for folder in folders),
        *(_file(name, contents) for name in files),
    ]
    graph = [{key: _single(value) for key, value in entity.items() if value != []} for entity in graph]
    return (json.dumps({"@context": CONTEXT, "@graph": graph}, ensure_ascii=False, indent=1) + "\n").encode()


def _single(value: Any) -> Any:
    """Return a list's only item alone, as RO-Crate recommends."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _description(contents: Contents, models: Mapping[str, str]) -> str:
    names = ", ".join(part.card.name for part in contents.parts)
    without = [part.card.name for part in contents.parts if not part.texts]
    texts = f" Without texts, by their licences: {', '.join(without)}." if without else ""
    return (
        f"A run of diziner {VERSION} over {counted(len(contents.parts), 'benchmark')} ({names}) with "
        f"{counted(len(models), 'model')} ({', '.join(sorted(models))}): guidelines with receipts, answers of the "
        f"models where texts may be passed on, ids of pilot documents, settings, metrics and lock files.{texts}"
    )


def _model(name: str) -> str:
    return f"#model-{quote(name, safe='')}"


def _licences(contents: Contents) -> list[dict[str, Any]]:
    own = {
        "@id": _TERMS,
        "@type": "CreativeWork",
        "name": "Terms of the files in this bundle",
        "description": "Code, guidelines and samples that come with diziner: Apache-2.0. Texts of benchmarks and what "
        "quotes them: the licence named at the file, and in data/<benchmark>/benchmark.yaml. What its makers wrote "
        "themselves: as they say where they publish the bundle.",
    }
    apache = {
        "@id": APACHE,
        "@type": "CreativeWork",
        "name": "Apache License 2.0",
        "description": "A permissive licence: use, change and pass on with notice.",
    }
    each = [
        {
            "@id": f"#licence-{part.card.name}",
            "@type": "CreativeWork",
            "name": part.card.licence.name,
            "description": part.card.licence.note or f"Terms of the texts of {part.card.title}.",
        }
        for part in contents.parts
    ]
    return [own, apache, *each]


def _folder(folder: Path) -> dict[str, Any]:
    what = "the code of diziner itself" if folder == CODE[1] else "what DVC runs: stages, their launcher, code digests"
    return {
        "@id": f"{folder.as_posix()}/",
        "@type": "Dataset",
        "name": folder.name,
        "description": f"{what[0].upper()}{what[1:]}; each file is in manifest-sha256.txt.",
        "license": {"@id": APACHE},
    }


def _file(name: str, contents: Contents) -> dict[str, Any]:
    source = contents.members[name]
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    path = PurePosixPath(name)
    what = next(words for pattern, words in _KINDS if fnmatchcase(name, pattern))
    found: dict[str, Any] = {
        "@id": quote(name),
        "@type": "File",
        "name": name,
        "description": what[0].upper() + what[1:] + (f" ({path.parts[1]})" if path.parts[0] == "data" else "") + ".",
        "encodingFormat": _MEDIA.get(path.suffix, "text/plain"),
        "contentSize": str(size),
        "sha256": _sha256(source),
    }
    if name in contents.texts:
        part = next(each for each in contents.parts if each.card.name == path.parts[1])
        own = part.why.startswith("original text")
        found["license"] = {"@id": APACHE if own else f"#licence-{part.card.name}"}
    return found


def _sha256(source: bytes | Path) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_input(name: str) -> bool:
    return fnmatchcase(name, "data/*/guideline*.yaml") and name.count("/") == 2
