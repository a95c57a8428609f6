"""Agreement and disagreement of annotators: one analysis per round (method sections 3 to 7)."""

from stages.agreement.analysis import Analysis, analyse, annotator_errors
from stages.agreement.bias import AnnotatorBias, Confusion
from stages.agreement.error_families import FAMILIES
from stages.agreement.hotspots import KINDS
from stages.agreement.records import (
    agreement_to_json,
    confusion_to_json,
    disagreements_to_json,
    hotspot_from_json,
    hotspot_to_json,
    tokens_frame,
)
from stages.agreement.report import render_annotator_report, render_report
from stages.agreement.settings import WEIGHTINGS, AnalysisSettings
from stages.agreement.totals import Totals
from stages.agreement.voting import weighted_consensus

__all__ = [
    "FAMILIES",
    "KINDS",
    "WEIGHTINGS",
    "Analysis",
    "AnalysisSettings",
    "AnnotatorBias",
    "Confusion",
    "Totals",
    "agreement_to_json",
    "analyse",
    "annotator_errors",
    "confusion_to_json",
    "disagreements_to_json",
    "hotspot_from_json",
    "hotspot_to_json",
    "render_annotator_report",
    "render_report",
    "tokens_frame",
    "weighted_consensus",
]
