"""Visible part of an answer: outside of reasoning, and in the final channel where a model writes in channels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Visible(NamedTuple):
    """Part of a text that may hold the answer, and why the rest may not; an empty fault if nothing was left out."""

    text: str
    fault: str


# Tags of models and of prompts: <think>, <seed:think>, <mm:think>, <|think|>, [THINK], ◁think▷, <reasoning>, <thought>.
_NAMES = "think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis|rationale|chain_?of_?thought|cot"
_TAG = re.compile(
    # Pairs with names of their own: Command, Gemma, MedGemma, Apertus, Sky-T1.
    r"(?P<begin><\|START_THINKING\|>|<\|channel>(?:thought)?|<unused94>(?:thought)?|<\|inner_prefix\|>|<\|begin_of_thought\|>)"
    r"|(?P<end><\|END_THINKING\|>|<channel\|>|<unused95>|<\|inner_suffix\|>|<\|end_of_thought\|>)"
    rf"|<\|?(?P<close>/?)\s?(?:[a-z]\w{{0,20}}[:_])?(?P<name>{_NAMES})(?:\s[^<>]{{0,200}})?\|?>"
    r"|\[(?P<close2>/?)(?P<name2>THINK(?:ING)?|THOUGHT|REASONING)\]"
    r"|◁(?P<close3>/?)(?P<name3>think)▷",
    re.IGNORECASE,
)
_MARKS = ("<", "◁", "[T", "[t", "[R", "[r", "[/")  # one of these is in every tag
_BEGIN = re.compile(r"[<◁\[]")  # looked for first, being faster by far than the tags themselves
_FAMILIES = {"think": "think", "thinking": "think", "thought": "thought", "thoughts": "thought"}

# Harmony, the format of gpt-oss: <|channel|>final<|message|>…<|return|>, the markers at times without a message.
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w*)(?:(?!<\|(?:message|channel|end)\|>)[^{\[])*(?:<\|message\|>)?")
_UNMARKED = re.compile(r"\A\s*(?:analysis|commentary|final)(?=<\|message\|>)")
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# The same with its markers lost: "analysisWe need…assistantfinal{…}".
_LOST_FINAL = "assistantfinal"
_CHANNEL_MARKS = ("<|message|>", "<|channel|>", "analysis", "commentary", _LOST_FINAL)
_LOST_START = re.compile(r"\A\s*(?:analysis|commentary)(?:[A-Z{\[\"“]| to=)")


def visible(text: str) -> Visible:
    """Return what of an answer stands outside of reasoning.

    Reasoning is what stands in its tags, before a closing tag that nothing opened (the prompt did), and behind
    an opening one that nothing closes. Of channels only the final ones are visible.
    """
    text, fault = _final(text) if any(mark in text for mark in _CHANNEL_MARKS) else (text, "")
    if not any(mark in text for mark in _MARKS):
        return Visible(text, fault)
    parts: list[str] = []
    opened: list[str] = []
    position = 0
    for tag in _tags(text):
        family, closes = _kind(tag)
        if not closes:
            if not opened:
                parts.append(text[position : tag.start()])
            # Opened twice is opened once: the prompt or the model itself repeats the tag.
            opened += [] if family in opened else [family]
        elif family in opened:
            del opened[opened.index(family) :]
            position = tag.end()
        elif not opened:
            parts.clear()
            position = tag.end()
    if opened:
        return Visible(" ".join(parts), "the answer is reasoning that does not end")
    return Visible(" ".join([*parts, text[position:]]), fault)


def _tags(text: str) -> Iterator[re.Match[str]]:
    position = 0
    while begin := _BEGIN.search(text, position):
        tag = _TAG.match(text, begin.start())
        position = tag.end() if tag else begin.end()
        if tag:
            yield tag


def _kind(tag: re.Match[str]) -> tuple[str, bool]:
    """Return the family of a tag, within which tags close each other, and whether it closes."""
    name = tag["name"] or tag["name2"] or tag["name3"]
    if name is None:
        return "pair", tag["end"] is not None
    return _FAMILIES.get(name.casefold(), name.casefold()), bool(tag["close"] or tag["close2"] or tag["close3"])


def _final(text: str) -> tuple[str, str]:
    """Return the text of the final channels, or the whole text where there are no channels."""
    if "<|message|>" in text or "<|channel|>" in text:
        marked = _UNMARKED.sub(lambda name: f"<|channel|>{name[0].strip()}", text, count=1)
        channels = list(_CHANNEL.finditer(marked))
        if not channels:
            return text, ""
        bodies = []
        for channel in channels:
            end = _MESSAGE_END.search(marked, channel.end())
            if channel[1] == "final":
                bodies.append(marked[channel.end() : end.start() if end else len(marked)])
        if not bodies:
            return "", "the answer has no final channel"
        text = "\n".join(bodies)  # in which a second analysis may stand, with its markers lost
    if _LOST_FINAL in text:
        return text.rpartition(_LOST_FINAL)[2], ""
    if _LOST_START.match(text):
        return "", "the answer has no final channel"
    return text, ""
