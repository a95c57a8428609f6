"""Dialects of batches: how Mistral and xAI put what OpenAI puts otherwise.

Mistral has jobs, under addresses of their own; xAI has counters in place of a state, and results in pages in place of
files. What they have in common with OpenAI is in `diziner.scripted.batches`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diziner.common import jsontext
from diziner.scripted.protocol import Reply

_MISTRAL = {
    "in_progress": "RUNNING",
    "completed": "SUCCESS",
    "failed": "FAILED",
    "expired": "TIMEOUT_EXCEEDED",
    "cancelled": "CANCELLED",
}

Batch = Mapping[str, Any]  # as OpenAI shows it


def in_openais_words(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what asks for a batch, in OpenAI's words, from any of the three."""
    if "input_files" in body:  # Mistral
        return {**body, "input_file_id": (body["input_files"] or [""])[0], "completion_window": "24h"}
    if "name" in body:  # xAI
        own = {"metadata": {"name": body["name"]}, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        return {**body, **own}
    return dict(body)


def mistral_job(batch: Batch, model: str) -> dict[str, Any]:
    """Return a batch as Mistral shows it."""
    counts = batch["request_counts"]
    return {
        "id": batch["id"],
        "object": "batch",
        "input_files": [batch["input_file_id"]],
        "metadata": batch["metadata"],
        "endpoint": batch["endpoint"],
        "model": model,
        "status": _MISTRAL[batch["status"]],
        "created_at": batch["created_at"],
        "total_requests": counts["total"],
        "completed_requests": counts["completed"] + counts["failed"],
        "succeeded_requests": counts["completed"],
        "failed_requests": counts["failed"],
        "output_file": batch["output_file_id"],
        "error_file": batch["error_file_id"],
        "errors": [{"message": own["message"]} for own in (batch["errors"] or {}).get("data", ())],
    }


def mistral_jobs(batches: Sequence[Batch], model: str, query: Mapping[str, str]) -> Reply:
    """Return a page of jobs."""
    size, page = int(query.get("page_size", "100")), int(query.get("page", "0"))
    data = [mistral_job(batch, model) for batch in batches[page * size : (page + 1) * size]]
    return Reply(200, {"object": "list", "data": data, "total": len(batches)})


def xai_batch(batch: Batch) -> dict[str, Any]:
    """Return a batch as xAI shows it."""
    counts = batch["request_counts"]
    done = counts["completed"] + counts["failed"]
    said = "; ".join(own["message"] for own in (batch["errors"] or {}).get("data", ()))
    stopped = batch["status"] in ("cancelled", "failed")
    return {
        "batch_id": batch["id"],
        "name": batch["metadata"].get("name", ""),
        "create_time": "1970-01-01T00:00:00Z",
        "cancel_time": "1970-01-01T00:00:00Z" if stopped else None,
        "cancel_by_xai_message": said or None,
        "input_file_id": batch["input_file_id"],
        "state": {
            "num_requests": counts["total"],
            "num_pending": counts["total"] - done,
            "num_success": counts["completed"],
            "num_error": counts["failed"],
        },
    }


def xai_results(files: Sequence[bytes], query: Mapping[str, str]) -> Reply:
    """Return a page of a batch's results from its lines."""
    lines = [jsontext.body(line) for data in files for line in data.splitlines()]
    start, size = int(query.get("pagination_token", "0")), int(query.get("limit", "1000"))
    results = []
    for line in lines[start : start + size]:
        response, problem = line["response"], line["error"]
        if response is not None and response["status_code"] == 200:
            result: dict[str, Any] = {"response": {"chat_get_completion": response["body"]}}
        else:
            said = problem or response["body"]["error"]
            result = {"error": {"code": said.get("code") or response["status_code"], "message": said["message"]}}
        results.append({"batch_request_id": line["custom_id"], "batch_result": result})
    more = str(start + size) if start + size < len(lines) else None
    return Reply(200, {"results": results, "pagination_token": more})
