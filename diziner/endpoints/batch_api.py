"""Files and batches of a provider, through litellm: send, look, fetch, cancel, find.

A batch is known by a tag of ours in its metadata, under `name`: the one key that all providers give back.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

from diziner.common import jsontext
from diziner.common.errors import ProviderError, UserError
from diziner.common.plain import plain_message
from diziner.common.secret_values import masked, masked_message
from diziner.endpoints import Endpoint, client
from diziner.endpoints.bodies import fetched
from diziner.endpoints.causes import RedirectedError, cause_of
from diziner.endpoints.refusals import message_in

TAG = "name"
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
URL = "/v1/chat/completions"
_A_PAGE = 100
_MOST_PAGES = 100
_A_DAY_S = 86_400
_WAITS_S = (0.5, 2.0)  # before a call is tried again

T = TypeVar("T")


class UnsureError(ProviderError):
    """No reply to a request that may have been carried out all the same."""


@dataclass(frozen=True, slots=True)
class Job:
    """A batch as its provider sees it: how many requests it has, are answered and have failed; where the answers are.

    `errors` is what the provider says of a batch that it did not take.
    """

    id: str
    state: str
    total: int = 0
    done: int = 0
    failed: int = 0
    files: tuple[str, ...] = ()
    errors: str = ""
    tag: str = ""
    created: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED


class BatchApi:
    """Batches of one endpoint and model.

    Errors of all: UserError for what will not mend itself (key, money, a request that is refused), ProviderError else.
    """

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self._endpoint = endpoint
        self._model = model
        self._litellm = client.litellm_module()
        _give_clients(self._litellm)

    def send(self, tag: str, data: bytes) -> Job:
        """Upload the lines and have them answered. Errors: UnsureError too, where the batch may have been accepted."""
        named = f"{tag}.jsonl", data
        file = self._tried(lambda: self._litellm.create_file(file=named, purpose="batch", **self._access()))
        # Tried once: a second try might be a second batch. Whether the first was taken is told by its tag.
        with self._errors(unsure=True):
            made = self._litellm.create_batch(
                completion_window=self._window,
                endpoint=URL,
                input_file_id=file.id,
                metadata={TAG: tag},
                **self._access(),
                **self._named_model(),
            )
        return _job(made)

    def look(self, name: str) -> Job:
        """Return a batch as it stands."""
        return self._tried(lambda: _job(self._litellm.retrieve_batch(name, **self._access(), **self._named_model())))

    def lines(self, job: Job) -> Iterator[Mapping[str, Any]]:
        """Yield what came back, answers first, in the provider's order."""
        # What xAI has answered of a batch that was cancelled is under the batch's own name.
        whole = self._endpoint.provider == "xai" and job.state == "cancelled" and not job.files
        for file in (job.id,) if whole else job.files:
            content = self._tried(partial(self._litellm.file_content, file, **self._access())).content
            yield from lines_in(content.split(b"\n"))

    def cancel(self, name: str) -> Job:
        """Have a batch end; what was answered can be fetched."""
        with self._errors():
            if self._endpoint.provider == "mistral":
                self._mistral("POST", f"/{name}/cancel")
                return self.look(name)
            return _job(self._litellm.cancel_batch(name, **self._access()))

    def find(self, tag: str, since: float) -> Job | None:
        """Return the batch with a tag, of those made since then; None if there is none.

        `since` is our clock's; a day is allowed for the provider's, and for one that tells days only.
        """
        for job in self._jobs():
            if job.tag == tag:
                return job
            if 0 < job.created < since - _A_DAY_S:  # the newest come first
                return None
        return None

    def _jobs(self) -> Iterator[Job]:
        page_of = self._mistral_page if self._endpoint.provider == "mistral" else self._page
        after: Any = None
        for _ in range(_MOST_PAGES):
            jobs, after = self._tried(partial(page_of, after))
            yield from jobs
            if after is None:
                return

    def _page(self, after: str | None) -> tuple[list[Job], str | None]:
        """Return the batches of a page, the newest first, and what the next one comes after; None at the end."""
        page = self._litellm.list_batches(after=after, limit=_A_PAGE, **self._access())
        jobs = [_job(batch) for batch in page.data or ()]
        return jobs, (getattr(page, "next_page_token", None) or jobs[-1].id) if jobs and page.has_more else None

    def _mistral_page(self, after: int | None) -> tuple[list[Job], int | None]:
        """Return what `_page` does, by Mistral's own list: litellm has none of it."""
        number = after or 0
        rows = self._mistral("GET", f"?page={number}&page_size={_A_PAGE}&order_by=-created").get("data") or []
        jobs = [
            Job(
                row["id"],
                row["status"],
                tag=(row.get("metadata") or {}).get(TAG, ""),
                created=row.get("created_at") or 0,
            )
            for row in rows
        ]
        return jobs, number + 1 if len(jobs) == _A_PAGE else None

    def _mistral(self, method: str, path: str) -> Any:
        import httpx
        from litellm.llms.mistral.common_utils import get_mistral_api_base, get_mistral_auth_headers

        headers = get_mistral_auth_headers({}, self._endpoint.key() or "none")
        url = f"{get_mistral_api_base(self._endpoint.api_base)}/v1/batch/jobs{path}"
        with self._errors():
            status, body = fetched(method, url, headers, self._endpoint.timeout_s)
            # Any other status is an error, one that leads elsewhere too: the key stays with the address it is for.
            httpx.Response(status, content=body, request=httpx.Request(method, url)).raise_for_status()
            return jsontext.body(body)

    @property
    def _window(self) -> str:
        return self._endpoint.batch.window if self._endpoint.batch else "24h"

    def _tried(self, call: Callable[[], T]) -> T:
        """Return what a call gives that does no harm twice; it is tried again where nothing came back."""
        for wait in _WAITS_S:
            try:
                with self._errors():
                    return call()
            except ProviderError:
                time.sleep(wait)
        with self._errors():
            return call()

    def _access(self) -> dict[str, Any]:
        # Without litellm's own retries: its client of Azure keeps those of the first call for the later ones.
        return {
            "custom_llm_provider": self._endpoint.provider,
            "api_base": self._endpoint.api_base,
            "api_key": self._endpoint.key() or "none",
            "timeout": self._endpoint.timeout_s,
            "max_retries": 0,
            **self._own_client(),
        }

    def _own_client(self) -> dict[str, Any]:
        """Return our client where litellm takes one for each call."""
        return {"client": _handler()} if self._endpoint.provider in ("mistral", "xai") else {}

    def _named_model(self) -> dict[str, Any]:
        """Return the model where the batch has it, not each line; litellm reads it from nothing else."""
        return {"model": f"mistral/{self._model}"} if self._endpoint.provider == "mistral" else {}

    @contextlib.contextmanager
    def _errors(self, unsure: bool = False) -> Iterator[None]:
        """Raise what went wrong as an error of ours; `unsure`: without a reply, the request may have been heeded."""
        import httpx
        from litellm.llms.base_llm.chat.transformation import BaseLLMException
        from openai import APIError
        from pydantic import ValidationError

        where = f"endpoint {self._endpoint.name}, batches of {self._model}"
        try:
            with warnings.catch_warnings():  # clients tell of odd types on standard error, and go on
                warnings.filterwarnings("ignore", module=r"pydantic\b")
                yield
        except (APIError, BaseLLMException, httpx.HTTPError, RedirectedError) as error:
            cause = cause_of(error, self._endpoint.api_base)
            if cause is not None and cause.lasting:
                raise UserError(f"{where}: {cause.words}") from None
            response = getattr(error, "response", None)
            status = getattr(error, "status_code", None) or getattr(response, "status_code", None) or 0
            said = plain_message(masked_message(_said(error, response), self._endpoint.key()))
            if status in (401, 403):
                raise UserError(f"{where}: check the key in {self._endpoint.key_env} ({said})") from None
            if 400 <= status < 500 and status not in (408, 409, 425, 429):
                raise UserError(f"{where}: it is refused ({said})") from None
            kind = UnsureError if unsure and not 400 <= status < 500 else ProviderError
            raise kind(f"{where}: no answer ({said}); run the same command again") from None
        except (ValidationError, ValueError, AttributeError, KeyError, TypeError) as error:
            # All of these: JSON in another form than a provider's breaks off where a client looks into it.
            kind = UnsureError if unsure else ProviderError
            first = (str(error) or type(error).__name__).splitlines()[0]
            raise kind(f"{where}: the reply is none that litellm reads ({plain_message(masked(first))})") from None


@cache
def _session() -> Any:
    """Return an HTTP client for what goes through no event loop: as chat's, it sends nothing to another place than it
    was told, and what it reads has an end."""
    import httpx
    from litellm.llms.custom_httpx.http_handler import get_ssl_configuration

    from diziner.endpoints.exchange import stay_within

    return httpx.Client(
        verify=get_ssl_configuration(),
        follow_redirects=True,
        headers={"accept-encoding": "identity"},
        event_hooks={"response": [stay_within]},
    )


@cache
def _handler() -> Any:
    from litellm.llms.custom_httpx.http_handler import HTTPHandler

    return HTTPHandler(client=_session())


@cache
def _give_clients(litellm: Any) -> None:
    """Have litellm use our client wherever it would make one of its own that follows redirects with the documents, and
    reads files of any size: for Azure, for OpenAI and what speaks as it does, for xAI's batches."""
    from litellm.batches import main as batches_of
    from litellm.files import main as files_of
    from litellm.llms.openai import workload_identity

    litellm.client_session = _session()  # Azure's
    vars(workload_identity)["OpenAIHTTPClient"] = _session  # what it calls for a client of its own
    for handler in (batches_of.xai_batches_instance, files_of.xai_batch_results_instance):
        handler._sync_client = _handler()


def lines_in(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON object of each line that is not empty; an empty object for a line that holds none."""
    for line in lines:
        if not line.strip():
            continue
        try:
            value = jsontext.body(line)
        except jsontext.JsonError:
            value = {}
        yield value if isinstance(value, dict) else {}


def _said(error: Exception, response: Any) -> str:
    text = getattr(response, "text", "") if response is not None else ""
    try:
        return message_in(0, text) if text else str(error)
    except TypeError:  # a stand-in of litellm's for a response
        return str(error)


def _job(batch: Any) -> Job:
    counts = batch.request_counts
    errors = batch.errors.data or [] if batch.errors else []
    said = "; ".join(filter(None, (f"{e.code or ''} {e.message or ''}".strip() for e in errors)))
    files = tuple(name for name in (batch.output_file_id, batch.error_file_id) if name)
    return Job(
        batch.id,
        batch.status,
        counts.total if counts else 0,
        counts.completed if counts else 0,
        counts.failed if counts else 0,
        files,
        plain_message(masked(said)),
        (batch.metadata or {}).get(TAG, ""),
        batch.created_at or 0,
    )
