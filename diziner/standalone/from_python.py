"""Reading, scoring and agreement of labelled files from Python: for `import diziner`, and for the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diziner.agreement.analysis import Analysis, analyse
from diziner.agreement.checks import rows_of
from diziner.agreement.columns import find_patterns, label_mass
from diziner.agreement.measures import SET_MEASURES, SetMeasure
from diziner.agreement.settings import AnalysisSettings
from diziner.common.errors import UserError
from diziner.common.plugins import MEASURES, found
from diziner.forms.choices import NO_CHOICES, Choices
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.scoring.bootstrap import PairedDifference, document_bootstrap, paired_bootstrap
from diziner.scoring.protocols import protocol_named
from diziner.scoring.strict import Score
from diziner.standalone.common_tokens import Texts, with_common_tokens
from diziner.standalone.files import LabelledFile, read_plain, read_texts
from diziner.standalone.match import common_documents, joined_documents, require_matching_ids, require_same_documents
from diziner.standalone.scores import ProtocolScores, chosen_protocols, protocol_scores, require_flat
from diziner.standalone.together import read_together

File = str | Path | LabelledFile


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """One protocol's score of one prediction.

    `low` and `high` bound F1: 95 % document bootstrap; None for a protocol whose units several documents share.
    `per_type` has the score on the spans of each type alone, `macro_f1` the mean F1 of those.
    """

    protocol: str
    title: str
    documents: int
    f1: float
    low: float | None
    high: float | None
    precision: float
    recall: float
    correct: int
    predicted: int
    gold: int
    macro_f1: float
    per_type: Mapping[str, Score]


@dataclass(frozen=True, slots=True)
class Aligned:
    """Gold and predictions on the same documents; a failed document is one in which nothing was found.

    `files` are those given, gold first, with common tokens where they gave texts.
    """

    files: tuple[LabelledFile, ...]
    ids: frozenset[str]
    documents: Mapping[str, Document] | None
    gold: Mapping[str, Sequence[Span]]
    predictions: tuple[Mapping[str, Sequence[Span]], ...]


def read_labels(path: str | Path, choices: Choices = NO_CHOICES) -> LabelledFile:
    """Read a labelled file of any form that diziner knows (docs/forms.md); `choices` say what it leaves open.

    Errors: UserError as `diziner.standalone.files.read_plain`.
    """
    return read_plain(Path(path), choices)


def score(
    gold: File,
    predicted: File,
    protocols: str | Sequence[str] = "strict",
    *,
    documents: str | Path | None = None,
    common: bool = False,
    samples: int = 1000,
    seed: int = 13,
) -> dict[str, ScoreReport]:
    """Score a prediction against gold under protocols: a name, several, or "all" (docs/protocols.md).

    `documents` is a file of tokens, where neither file has some. With `common`, documents that one file lacks are
    left out. The interval is of `samples` resamples, drawn with `seed`.

    Errors: UserError for files that cannot be read or are not of the same documents, and unknown protocols.
    """
    names = chosen_protocols(protocols if isinstance(protocols, str) else ",".join(protocols))
    aligned = align([_file(gold), _file(predicted)], _texts(documents), common)
    [guess] = aligned.predictions
    require_flat(names, [aligned.gold, guess])
    return {
        name: _report(
            name, protocol_scores(name, aligned.documents, aligned.gold, guess), len(aligned.ids), samples, seed
        )
        for name in names
    }


def difference(
    gold: File,
    first: File,
    second: File,
    protocol: str = "strict",
    *,
    documents: str | Path | None = None,
    common: bool = False,
    samples: int = 1000,
    seed: int = 13,
) -> PairedDifference:
    """Return F1 of the first prediction minus F1 of the second, with the paired 95 % interval and p-value.

    Errors: UserError as `score`, and for a protocol without counts of single documents.
    """
    [name] = chosen_protocols(protocol)
    aligned = align([_file(gold), _file(first), _file(second)], _texts(documents), common)
    require_flat([name], [aligned.gold, *aligned.predictions])
    one, other = (protocol_scores(name, aligned.documents, aligned.gold, own).counts for own in aligned.predictions)
    if one is None or other is None:
        raise UserError(f"protocol {name}: documents share its units, so a difference has no interval; take another")
    return paired_bootstrap(one, other, samples, seed=seed)


def agree(
    files: Sequence[File] | Mapping[str, File],
    *,
    documents: str | Path | None = None,
    settings: AnalysisSettings | None = None,
) -> Analysis:
    """Analyse the disagreement of annotators without gold: a labelled file of each, named by the file or by you.

    Errors: UserError for files that cannot be read, annotators that cannot be told apart, labels that are not of the
    same documents, and fewer than two files.
    """
    given = list(files.values()) if isinstance(files, Mapping) else list(files)
    paths = [Path(file) for file in given if not isinstance(file, LabelledFile)]
    read = read_together(paths, NO_CHOICES) if len(paths) == len(given) else [_file(file) for file in given]
    named = dict(zip(files, read, strict=True)) if isinstance(files, Mapping) else annotators_of(read)
    return analysed(named, _texts(documents), settings or AnalysisSettings())[0]


def measured(analysis: Analysis, names: Sequence[str]) -> dict[str, float]:
    """Return further measures of all annotators by name: those that are built in, and those of plug-ins.

    Errors: UserError as `diziner.common.plugins.found`.
    """
    import numpy as np

    corpus = analysis.readings.corpus
    patterns = find_patterns(corpus.codes, corpus.missing)
    counts = label_mass(patterns.codes, np.ones(len(corpus.annotators)), corpus.missing).astype(np.int64)
    measures = {name: found(MEASURES, name, SET_MEASURES, SetMeasure) for name in names}
    return {name: float(measure.of(counts, patterns.counts)) for name, measure in measures.items()}


def annotators_of(files: Sequence[LabelledFile]) -> dict[str, LabelledFile]:
    """Return the files by annotator, which is the file's name without its ending.

    Errors: UserError for two of one name.
    """
    named: dict[str, LabelledFile] = {}
    for file in files:
        other = named.setdefault(file.path.stem, file)
        if other is not file:
            raise UserError(
                f"{other.path} and {file.path}: both annotators are called {file.path.stem!r}; rename one file"
            )
    return named


def analysed(
    named: Mapping[str, LabelledFile], texts: Texts | None, settings: AnalysisSettings
) -> tuple[Analysis, list[Document], dict[str, LabelledFile]]:
    """Return the analysis, its documents in order of id, and the files by annotator, with common tokens.

    Errors: as `agree`.
    """
    files = list(named.values())
    if len(files) < 2:
        raise UserError(
            f"{files[0].path if files else 'no file'}: agreement needs two files or more, one for each annotator"
        )
    files, texts = with_common_tokens(files, texts)
    named = dict(zip(named, files, strict=True))
    require_matching_ids(files)
    wanted = {row.id for file in files for row in file.annotations}
    expected = [Document(id_, (), "") for id_ in sorted(wanted)]
    for name, file in named.items():
        rows_of(name, file.annotations, expected)
    documents = joined_documents(files, texts, wanted)
    if documents is None:
        raise UserError(f"{files[0].path}: neither it nor another file has tokens; give them by --documents FILE")
    annotations = {name: file.annotations for name, file in named.items()}
    types = sorted({span.type for rows in annotations.values() for row in rows for span in row.spans})
    ordered = [documents[name] for name in sorted(documents)]
    return analyse(ordered, annotations, types, settings), ordered, named


def align(files: Sequence[LabelledFile], texts: Texts | None, common: bool) -> Aligned:
    """Bring gold, the first file, and predictions onto the same documents.

    Errors: UserError for gold with failures, and files that are not of the same documents (unless `common`).
    """
    files, texts = with_common_tokens(files, texts)
    gold, *predictions = files
    failed = next((row.id for row in gold.annotations if row.failure is not None), None)
    if failed is not None:
        raise UserError(f"{gold.path}: document {failed!r} has a failure in place of labels; gold needs labels")
    require_matching_ids(files)
    if not common:
        require_same_documents(files)
    ids = common_documents(files)
    return Aligned(
        tuple(files),
        ids,
        joined_documents(files, texts, ids),
        _spans(gold, ids),
        tuple(_spans(file, ids) for file in predictions),
    )


def texts_of(path: Path | None, choices: Choices = NO_CHOICES) -> Texts | None:
    """Return a file of tokens, read, with its path; None for none."""
    return None if path is None else (path, read_texts(path, replace(choices, scheme="", spans="", labels=())))


def _texts(path: str | Path | None) -> Texts | None:
    return texts_of(None if path is None else Path(path))


def _file(file: File) -> LabelledFile:
    return file if isinstance(file, LabelledFile) else read_labels(file)


def _spans(file: LabelledFile, ids: frozenset[str]) -> dict[str, tuple[Span, ...]]:
    return {row.id: row.spans for row in file.annotations if row.id in ids}


def _report(name: str, scores: ProtocolScores, documents: int, samples: int, seed: int) -> ScoreReport:
    interval = None if scores.counts is None else document_bootstrap(scores.counts, samples, seed=seed)
    micro = scores.micro
    return ScoreReport(
        protocol=name,
        title=protocol_named(name).title,
        documents=documents,
        f1=micro.f1,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        precision=micro.precision,
        recall=micro.recall,
        correct=micro.correct,
        predicted=micro.predicted,
        gold=micro.gold,
        macro_f1=scores.macro_f1,
        per_type=scores.per_type,
    )
