"""Data-versioned evaluation of zero-shot named entity recognition: DiZiNER as a library.

The names below are the public ones (docs/python-api.md). Each is loaded when it is first used, so that
`import diziner` takes no time.
"""

TYPE_CHECKING = False  # as in typing, which takes longer to load than all of this
if TYPE_CHECKING:
    from diziner.agreement.analysis import Analysis as Analysis
    from diziner.agreement.analysis import analyse as analyse
    from diziner.agreement.settings import AnalysisSettings as AnalysisSettings
    from diziner.common.errors import DizinerError as DizinerError
    from diziner.common.errors import ProviderError as ProviderError
    from diziner.common.errors import UserError as UserError
    from diziner.guideline.file import load_guideline as load_guideline
    from diziner.guideline.file import save_guideline as save_guideline
    from diziner.labelling.from_python import label as label
    from diziner.records.agreement import Agreement as Agreement
    from diziner.records.annotations import Annotation as Annotation
    from diziner.records.annotations import Failure as Failure
    from diziner.records.annotations import Span as Span
    from diziner.records.documents import Document as Document
    from diziner.records.documents import read_documents as read_documents
    from diziner.records.guideline import EntityType as EntityType
    from diziner.records.guideline import Goal as Goal
    from diziner.records.guideline import Guideline as Guideline
    from diziner.records.guideline import Instruction as Instruction
    from diziner.standalone.files import LabelledFile as LabelledFile
    from diziner.standalone.from_python import ScoreReport as ScoreReport
    from diziner.standalone.from_python import agree as agree
    from diziner.standalone.from_python import difference as difference
    from diziner.standalone.from_python import read_labels as read_labels
    from diziner.standalone.from_python import score as score

# Name -> module below this package.
_PUBLIC = {
    "Agreement": "records.agreement",
    "Analysis": "agreement.analysis",
    "AnalysisSettings": "agreement.settings",
    "Annotation": "records.annotations",
    "DizinerError": "common.errors",
    "Document": "records.documents",
    "EntityType": "records.guideline",
    "Failure": "records.annotations",
    "Goal": "records.guideline",
    "Guideline": "records.guideline",
    "Instruction": "records.guideline",
    "LabelledFile": "standalone.files",
    "ProviderError": "common.errors",
    "ScoreReport": "standalone.from_python",
    "Span": "records.annotations",
    "UserError": "common.errors",
    "agree": "standalone.from_python",
    "analyse": "agreement.analysis",
    "difference": "standalone.from_python",
    "label": "labelling.from_python",
    "load_guideline": "guideline.file",
    "read_documents": "records.documents",
    "read_labels": "standalone.from_python",
    "save_guideline": "guideline.file",
    "score": "standalone.from_python",
}
__all__ = list(_PUBLIC)

if not TYPE_CHECKING:  # for a type checker, a name that is not above is an error

    def __getattr__(name: str) -> object:
        if name not in _PUBLIC:
            raise AttributeError(f"module 'diziner' has no public name {name!r}; it has {', '.join(_PUBLIC)}")
        import importlib

        found: object = getattr(importlib.import_module(f"diziner.{_PUBLIC[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
