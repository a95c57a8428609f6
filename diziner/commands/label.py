"""`diziner label`: label a corpus of any size by a guideline, with one annotator or by the vote of several."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TextIO

from diziner.common.errors import UserError
from diziner.common.options import number, whole
from diziner.common.remote import Place
from diziner.common.words import counted, listed
from diziner.forms.options import add_form_options, chosen
from diziner.forms.writers import WRITERS
from diziner.guideline.file import load_guideline
from diziner.labelling.ballot import annotators_of
from diziner.labelling.forecast import Forecast, forecast
from diziner.labelling.input_files import Files, files_of
from diziner.labelling.job import Job, recipe_digest
from diziner.labelling.review import queue_name
from diziner.labelling.run import Done, RunOptions, label_corpus
from diziner.labelling.totals import failures_in_words, refuse_too_many_failures
from diziner.layout import PARAMS, Room, enter_project, project_root, store_path
from diziner.llm.access import asker_for
from diziner.pipeline.arguments import given_path, given_place
from diziner.settings import load_settings

IN_PROJECT = False
_SHARD_DOCUMENTS = 5000
_MOST_WORKERS = 10_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add = parser.add_argument
    add("--guideline", type=given_path, required=True, metavar="FILE", help="such as data/NAME/final/guideline.yaml")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--annotator", metavar="NAME", help="of params annotators, or selected: the room's choice")
    voters = "have several vote: coalition or pool of the guideline's round, by weight, or names, such as a,b,c"
    who.add_argument("--annotators", metavar="NAMES", help=voters)
    review = "with --annotators: list documents with a decision that less than this share stands behind (review.jsonl)"
    forms = f"of the review queue: {', '.join(WRITERS)}; else rows as in the shards"
    add("--review-form", choices=tuple(WRITERS), default="", metavar="FORM", help=forms)
    add("--review-below", type=number("--review-below", 0, 1), metavar="SHARE", help=review)
    add("--params", type=given_path, metavar="FILE", help="settings; else the project's params.yaml")
    kinds = "of any form of docs/forms.md, or a folder of such files; labels in it are not read"
    add("--in", dest="source", type=given_place, required=True, metavar="PLACE", help=kinds)
    folder = "folder of the labelled shards; made if need be. PLACE is a path or a URL such as s3://bucket/labels"
    add("--out", type=given_place, required=True, metavar="PLACE", help=folder)
    add("--format", choices=("jsonl", "parquet"), default="jsonl", help="of the shards (default jsonl)")
    add(
        "--shard-documents",
        type=whole("--shard-documents", 1, 100_000_000),
        default=_SHARD_DOCUMENTS,
        metavar="N",
        help="a shard (default 5000)",
    )
    engines = "this process, or worker processes by Ray, on the cluster of RAY_ADDRESS if that is set"
    add("--engine", choices=("local", "ray"), default="local", help=engines)
    add(
        "--workers",
        type=whole("--workers", 1, _MOST_WORKERS),
        metavar="N",
        help="processes of --engine ray (default: one a core)",
    )
    add("--progress", type=given_path, metavar="FILE", help="append progress to, as JSON Lines")
    add("--metrics", type=given_path, metavar="FILE", help="keep a text file for Prometheus in, such as label.prom")
    add("--skip-bad", action="store_true", help="leave bad rows out and list them in rejected.jsonl of --out")
    add("--replace", action="store_true", help="remove shards of other documents or settings from --out")
    add("--again", action="store_true", help="ask once more for answers that were refused or cannot be read")
    add("--requests", type=given_path, metavar="FILE", help="write what lacks an answer for `vllm run-batch`, and stop")
    add("--answers", type=given_path, metavar="FILE", help="take in what came back, and stop")
    add("--dry", action="store_true", help="say what would be asked and what it would cost, and stop")
    add_form_options(parser, given_path)
    parser.epilog = (
        "example: diziner label --guideline data/conll2003/final/guideline.yaml --annotator selected "
        "--in letters.jsonl --out labels. Killed or failed in part: the same command again does the rest."
    )


def run(options: argparse.Namespace) -> None:
    """Label, or with --dry say what that takes.

    Errors: UserError for anything given that does not fit; ProviderError if too many documents failed.
    """
    if options.review_form and options.review_below is None:
        raise UserError("--review-form: only with --review-below")
    if sum(map(bool, (options.requests, options.answers, options.dry))) > 1:
        raise UserError("--requests, --answers and --dry: one of them at a time")
    if options.review_below is not None and options.annotators is None:
        raise UserError("--review-below: only with --annotators: one annotator's mentions have no share")
    _enter(options.params)
    settings = load_settings(options.params or PARAMS)
    guideline = load_guideline(options.guideline)
    annotators, ballot = annotators_of(options.annotator, options.annotators, guideline, settings)
    files = files_of(options.source, chosen(options))
    for name in ("out", "requests", "progress", "metrics"):
        place = getattr(options, name)
        if place is not None and _resolved(place) == _resolved(options.source):
            raise UserError(f"--{name} {place}: is the input; give another {'folder' if name == 'out' else 'file'}")
    asker = asker_for(settings, Room(guideline.benchmark), at_once=True)
    recipe = recipe_digest(guideline, annotators, settings.answers, asker, options.format, ballot)
    job = Job(guideline, annotators, settings, options.out, options.format, recipe, ballot)
    if files.ignored:
        _say(sys.stderr, f"{options.source}: not read, being of other kinds: {listed(files.ignored)}")
    if options.dry:
        _say(sys.stdout, render(forecast(job, files, options.shard_documents, options.skip_bad), job))
        return
    if options.requests or options.answers:
        _offline(job, files, options)
        return
    run_options = RunOptions(
        options.shard_documents,
        options.skip_bad,
        options.replace,
        options.engine,
        options.workers,
        _most_workers(options, job),
        options.again,
        options.review_below,
        options.review_form,
        options.progress,
        options.metrics,
    )
    done = label_corpus(job, files, run_options)
    _say(sys.stdout, _summary(done, options.out, queue_name(options.review_form)))
    refuse_too_many_failures(done.reports, settings.answers, job.label)


def _offline(job: Job, files: Files, options: argparse.Namespace) -> None:
    """Write requests, or take answers in."""
    from diziner.labelling.offline import take_label_answers, write_label_requests

    how = options.shard_documents, options.skip_bad
    if options.answers:
        intake = take_label_answers(job, files, *how, options.answers)
        _say(sys.stdout, f"{store_path()}: {intake.words()}")
        if intake.changed:
            raise UserError(intake.changed)
        return
    count = write_label_requests(job, files, *how, options.requests)
    done = "; nothing is left to ask: the same command without --requests labels" if not count else ""
    _say(sys.stdout, f"{options.requests}: {counted(count, 'request')}{done}")


def _resolved(place: Place) -> str:
    return str(place.resolve()) if isinstance(place, Path) else place.url.rstrip("/")


def _enter(params: Path | None) -> None:
    """Stand in the project's root. Outside of one, which takes settings of its own, in the present folder."""
    try:
        project_root(Path.cwd())
    except UserError as error:
        if params is None:
            raise UserError(f"{error}, or name the settings: --params FILE") from None
    else:
        enter_project(Path.cwd())


def render(plan: Forecast, job: Job) -> str:
    """Return a forecast for a terminal."""
    lines = [
        f"{counted(plan.documents, 'document')} in {counted(plan.shards, 'shard')}, {plan.shards_done:,} of them done; "
        f"answered already: {counted(plan.answered, 'document')}"
    ]
    if plan.rejected:
        lines[0] += f"; {counted(plan.rejected, 'bad row')} left out"
    lines += [
        f"calls to {own.annotator.asked.model}: {own.calls:,}, about {own.prompt_tokens:,.0f} tokens in and "
        f"{own.completion_tokens:,.0f} out; repair turns and retries come on top"
        for own in plan.calls
    ]
    lines += plan.too_long
    if plan.cost is None:
        lines += [
            f"no price for {own.annotator.asked.model} in params endpoints.{own.annotator.asked.endpoint}.prices"
            for own in plan.calls
            if own.usd is None
        ]
    elif plan.cost:
        limit = job.settings.budget_usd
        lines.append(f"USD {plan.cost:.4f}" + (f"; budget.usd is {limit:g}, earlier calls included" if limit else ""))
    return "\n".join(lines)


def _summary(done: Done, out: Place, queue: str) -> str:
    documents = sum(report.documents for report in done.reports)
    before = f"{counted(done.found, 'shard')} there before"
    mentions = counted(sum(report.mentions for report in done.reports), "mention")
    parts = [f"{out}: {counted(documents, 'document')} in {counted(len(done.reports), 'shard')} ({before}), {mentions}"]
    if failed := sum(report.failed for report in done.reports):
        parts.append(f"{counted(failed, 'document')} failed: {failures_in_words(done.reports)}")
    if done.to_review:
        parts.append(f"{counted(done.to_review, 'document')} to review ({queue})")
    if done.rejected:
        parts.append(f"{counted(done.rejected, 'bad row')} left out (rejected.jsonl)")
    if done.removed:
        parts.append(f"{counted(done.removed, 'other shard')} removed")
    if done.usd:
        parts.append(f"USD {done.usd:.4f}")
    return "; ".join(parts)


def _most_workers(options: argparse.Namespace, job: Job) -> int:
    """Return how many workers there may be: never more than calls may be in flight."""
    if options.engine == "local":
        if options.workers is not None:
            raise UserError("--workers: only with --engine ray; the local engine is this process")
        return 1
    endpoints = [job.settings.endpoints[each.model.endpoint] for each in job.annotators if each.model]
    for endpoint in endpoints:
        if endpoint.backend.runs_here:
            raise UserError(
                f"--engine ray: endpoint {endpoint.name} runs a model in this machine's memory, once; use --engine "
                "local"
            )
    if not endpoints:
        return _MOST_WORKERS
    endpoint = min(endpoints, key=lambda each: each.concurrency)
    if options.workers and endpoint.concurrency < options.workers:
        _say(
            sys.stderr,
            f"{counted(endpoint.concurrency, 'worker')}, since endpoints.{endpoint.name}.concurrency is "
            f"{endpoint.concurrency}",
        )
    return min(_MOST_WORKERS, endpoint.concurrency)


def _say(stream: TextIO, text: str) -> None:
    stream.write(f"{text}\n")
    stream.flush()
