"""Slot of a local server, brought to the same state before each request.

The runtime goes on from what a slot has read before, and the last bits of its sums depend on how that was cut into
batches. So each request begins where its opening ends (`diziner.prompting.request.Request.opening`), with the opening
read by itself: a local answer is the same whichever requests came before it, in this process or in another, and
whether the opening was read or its state was on disk (`diziner.endpoints.prefix_files`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from typing import Any

from diziner.common import jsontext
from diziner.endpoints.failures import TransientError
from diziner.endpoints.prefix_files import BLOCK, Prefix, PrefixFiles, common, served
from diziner.prompting.request import Message, Request

_SHORTEST = 64  # tokens; a shorter opening is read with the rest
_PROBE = Message("user", "?")


class Slot:
    """The one slot of the server at `root`. `files` is None where nothing is kept on disk.

    Calls are to be made one after the other, each `begin` followed by its request.
    """

    def __init__(self, root: str, files: PrefixFiles | None) -> None:
        import httpx

        self.root = root
        self._http = httpx.AsyncClient(base_url=root, timeout=None, trust_env=False)
        self._files = files
        self._opening: tuple[int, ...] = ()  # what the slot begins with, read by itself
        self._prompt: tuple[int, ...] = ()  # what it was given last

    async def begin(self, request: Request) -> None:
        """Bring the slot to where the request's opening ends; a short one counts as none.

        Errors: TransientError if the server is gone.
        """
        import httpx

        try:
            prompt, wanted = await self._tokens(request)
            opening, self._opening = self._opening, ()
            if len(wanted) >= _SHORTEST and await self._reached(wanted, opening, prompt):
                self._opening = wanted
            else:
                await self._erase()
            self._prompt = prompt
        except httpx.HTTPError as error:
            raise TransientError("unavailable", f"the local model server is gone: {error!r}") from None

    async def _tokens(self, request: Request) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the tokens of the prompt, and those of its opening."""
        opening = request.opening or request.messages[:-1]
        if not opening:
            return (), ()
        text = await self._text(request.messages)
        begun = await self._text(opening if opening[-1].role == "user" else (*opening, _PROBE))
        prompt = await self._split(text)
        head = await self._split(text[: common(text, begun)])
        return prompt, prompt[: common(prompt[:-1], head)]

    async def _reached(self, wanted: tuple[int, ...], opening: tuple[int, ...], prompt: tuple[int, ...]) -> bool:
        """Bring the slot to the end of the tokens `wanted`; it begins with `opening`. Returns whether it got there."""
        here, behind = served(opening, wanted), self._prompt
        found = self._files.best(wanted) if self._files else None
        if found and (here < found.serves or found.serves == len(wanted)):
            here, behind = await self._restored(found), found.tokens
            if here == len(wanted):
                return True
        if not here:
            await self._erase()
        elif not await self._cut(wanted[:here], {*behind[here : here + 1], *prompt[here : here + 1]}):
            return False
        if here == len(wanted):
            return True
        if await self._read(wanted) is None:
            return False
        if self._files:
            name = self._files.new()
            if await self._post("/slots/0?action=save", filename=name) is not None:
                self._files.keep(name, wanted)
        return True

    async def _restored(self, prefix: Prefix) -> int:
        """Restore a file, and return for how many tokens it serves; one that the runtime refuses is removed."""
        if await self._post("/slots/0?action=restore", filename=prefix.path.name) is not None:
            return prefix.serves
        if self._files:
            self._files.remove(prefix.path)
        return 0

    async def _cut(self, tokens: tuple[int, ...], after: Collection[int]) -> bool:
        """Leave the slot with these tokens that it begins with, and one more that is none of `after`.

        It is cut by a prompt that goes on otherwise than the slot does, and than what comes next.
        """
        other = next(token for token in range(BLOCK, BLOCK + len(after) + 1) if token not in after)
        return await self._read((*tokens, other)) is not None

    async def _erase(self) -> None:
        await self._post("/slots/0?action=erase")

    async def _read(self, tokens: Sequence[int]) -> Any:
        return await self._post("/completion", prompt=list(tokens), n_predict=0, cache_prompt=True)

    async def _text(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return str((await self._post("/apply-template", messages=turns) or {}).get("prompt", ""))

    async def _split(self, text: str) -> tuple[int, ...]:
        reply = await self._post("/tokenize", content=text, add_special=True, parse_special=True) if text else None
        return tuple((reply or {}).get("tokens", ()))

    async def _post(self, path: str, **body: Any) -> Any:
        """Return what the server answers; None where it will not."""
        reply = await self._http.post(path, json=body)
        with contextlib.suppress(ValueError):
            return jsontext.body(reply.content) if reply.status_code == 200 else None
        return None
