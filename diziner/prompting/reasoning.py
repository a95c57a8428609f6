"""Visible part of an answer: outside of reasoning, and in the final channel where a model writes in channels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Visible(NamedTuple):
    """Part of a text that may hold the answer, and why the rest may not; an empty fault if nothing was left out."""

    text: str
    fault: str


# Tags of models and of prompts: <think>, <seed:think>, <mm:think>, <|think|>, [THINK], ◁think▷, <reasoning>, <thought>,
# <thought_process>, <self_reflection>, <draft>; also with the marks of HTML or Markdown escaped.
_WORDS = "think|reason|reflect|rethink|deliberat|brainstorm|monologue|scratchpad|analysis|rationale|critique"
_NAMES = (
    "thoughts?|chain_?of_?thoughts?|cot|drafts?|plan(?:ning)?|inner_\\w{1,20}|step_?by_?step|steps|working|思考"
    rf"|(?:{_WORDS})(?:ing|ion|ive|ed|s)?"
)
_NAME = rf"(?:[a-z]\w{{0,20}}[:_]|ant)?(?P<name>{_NAMES})(?:_(?:process|fast|slow|block|step|steps))?"
_OPEN, _SHUT = r"(?:<|&lt;|\\<)[|｜]?", r"[|｜]?(?:>|&gt;|\\>)"
_TAG = re.compile(
    # Pairs with names of their own: Command, Gemma, MedGemma, Apertus, Sky-T1, s1.
    r"(?P<begin><\|START_THINKING\|>|<\|channel>(?:thought)?|<unused94>(?:thought)?|<\|inner_prefix\|>"
    r"|<\|?begin_of_thought\|?>|<\|(?:think|thinking|thought|reasoning)_(?:start|begin)\|>|<\|im_start\|>think\b)"
    r"|(?P<end><\|END_THINKING\|>|<channel\|>|<unused95>|<\|inner_suffix\|>"
    r"|<\|?end_of_thought\|?>|<\|(?:think|thinking|thought|reasoning)_end\|>|<\|im_start\|>answer\b)"
    rf"|{_OPEN}(?P<close>/?)\s?{_NAME}(?:\s[^<>]{{0,200}}?)?{_SHUT}"
    r"|\[(?P<close2>/?)(?P<name2>THINK(?:ING)?|THOUGHT|REASONING)\]"
    r"|◁(?P<close3>/?)(?P<name3>think)▷",
    re.IGNORECASE,
)
_MARKS = ("<", "◁", "[T", "[t", "[R", "[r", "[/", "&lt;")  # one of these is in every tag
_BEGIN = re.compile(r"[<◁\[&]|\\<")  # looked for first, being faster by far than the tags themselves
_FAMILIES = {"think": "think", "thinking": "think", "thought": "thought", "thoughts": "thought"}

# Harmony, the format of gpt-oss: <|channel|>final<|message|>…<|return|>, the markers at times without a message.
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w*)(?:(?!<\|(?:message|channel|end)\|>)[^{\[])*(?:<\|message\|>)?")
_UNMARKED = re.compile(r"\A\s*(?:analysis|commentary|final)(?=<\|message\|>)")
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# The same with its markers lost: "analysisWe need…assistantfinal{…}".
_LOST_FINAL = "assistantfinal"
_CHANNEL_MARKS = ("<|message|>", "<|channel|>", "analysis", "commentary", _LOST_FINAL)
_LOST_START = re.compile(r"\A\s*(?:analysis|commentary)(?:[A-Z{\[\"“]| to=|\s+[A-Z])")
# The answer where a model marks it: <answer>…</answer>, <|begin_of_box|>…<|end_of_box|>.
_MARKED = re.compile(
    r"<(?P<name>(?:final_?)?(?:answer|output|response|result)|final|solution)>(?P<body>.*?)(?:</(?P=name)>|\Z)"
    r"|<\|begin_of_(?P<pair>box|solution)\|>(?P<within>.*?)(?:<\|end_of_(?P=pair)\|>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_HOLDS_JSON = re.compile(r"[{\[]\s*[\"'“{\[\]}]")


def visible(text: str) -> Visible:
    """Return what of an answer stands outside of reasoning.

    Reasoning is what stands in its tags, before a closing tag that nothing opened (the prompt did), and behind
    an opening one that nothing closes. Of channels only the final ones are visible, and of a text that marks its
    answer only that.
    """
    shown = _outside(text)
    if "<" not in shown.text:
        return shown
    marked = [found["body"] or found["within"] or "" for found in _MARKED.finditer(shown.text)]
    answers = [body for body in marked if _HOLDS_JSON.search(body)]
    return Visible(answers[-1], shown.fault) if answers else shown


def _outside(text: str) -> Visible:
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
