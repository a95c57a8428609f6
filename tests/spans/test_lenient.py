"""Lenient matching: inside tokens, invisible characters, folding as a last resort, and what it counts."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.common.errors import UserError
from diziner.records.annotations import Span
from diziner.records.documents import Document
from diziner.spans.folding import KINDS, deep_text, fold_deep
from diziner.spans.matching import Matches, Matching, match_answers


def matched(text: str, *answers: str, matching: Matching = "lenient") -> Matches:
    document = Document("d", tuple(text.split(" ")), text)
    return match_answers(document, [(answer, "X") for answer in answers], ["X"], matching=matching)


def found(text: str, answer: str) -> list[tuple[int, int, str]]:
    """Tokens touched, and the characters that were answered."""
    matches = matched(text, answer)
    places = zip(matches.spans, matches.characters, strict=True)
    return [(span.start, span.end, text[first:last]) for span, (first, last) in places]


@pytest.mark.parametrize(
    ("text", "answer", "token", "characters"),
    [
        ("near #Narvik now", "Narvik", 1, "Narvik"),
        ("Berg Ltd. is", "Ltd", 1, "Ltd"),
        ("duc d'Aumale est", "Aumale", 1, "Aumale"),
        ("duc d’Aumale est", "Aumale", 1, "Aumale"),
        ("a Bremen-based firm", "Bremen", 1, "Bremen"),
        ("a non-Bremen firm", "Bremen", 1, "Bremen"),
        ("부산에서 왔다", "부산", 0, "부산"),
        ("BTS는 왔다", "BTS", 0, "BTS"),
        ("大阪へ行く", "大阪", 0, "大阪"),
        ("NHKは", "NHK", 0, "NHK"),
        ("İzmir'de güzel", "İzmir", 0, "İzmir"),
        ("İzmir'de güzel", "izmir", 0, "İzmir"),
        ("ask @Initech_care now", "Initech", 1, "Initech"),
        ("ask @Initech_care now", "Initech_care", 1, "Initech_care"),
        ("(Narvik) is", "Narvik", 0, "Narvik"),
        ("Narvik's port", "Narvik", 0, "Narvik"),
        ("Narvik/Bergen line", "Bergen", 0, "Bergen"),
        ("**Narvik** is", "Narvik", 0, "Narvik"),
        ("by Narvik*", "Narvik", 1, "Narvik"),
        ("by J.R.R.Tolkien in", "Tolkien", 1, "Tolkien"),
        ("the U.N.-led talks", "U.N.", 1, "U.N."),
        ("Narvik🗻 is", "Narvik", 0, "Narvik"),
        ("в Киеве-2022 г.", "Киеве", 1, "Киеве"),
        ("ה-IBM החדש", "IBM", 0, "IBM"),
    ],
)
def test_a_mention_begins_and_ends_beside_a_mark_inside_a_token(
    text: str, answer: str, token: int, characters: str
) -> None:
    assert found(text, answer) == [(token, token + 1, characters)]
    assert matched(text, answer).matched["inside_token"] == 1
    assert matched(text, answer, matching="plain").spans == ()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("in Finland now", "land"),
        ("in Finland now", "Fin"),
        ("#NarvikMarathon is", "Narvik"),
        ("Annual sales", "Ann"),
        ("it is 3.5 now", "5"),
        ("at 1,000 now", "000"),
        ("at 12:30 now", "30"),
        ("C++ is", "C"),
        ("C# is", "C"),
        ("AT&T is", "AT"),
        ("the U.S. is", "S"),
        ("the U.S. is", "U"),
        ("don't go", "t"),
        ("a T-cell is", "T"),
        ("아부산에 왔다", "부산"),  # not where the word begins
        ("アメリカン", "アメリカ"),
        ("नेपाल में", "नेप"),  # would cut a vowel sign off
        ("👩\u200d💻 is", "👩"),  # would cut what is one picture
        ("cafe\u0301s are", "cafe"),
        (
            "\u1109\u1165\u110b\u116e\u11af\u110b\u1166 갔다",
            "\u1109\u1165\u110b\u116e",
        ),  # within a syllable, decomposed
        ("🇳🇴x", "🇳"),
        ("👍🏽 is", "👍"),
        ("ولندن الان", "لندن"),  # joins its conjunction without a mark
        ("東京㍿へ", "式会社"),  # one character, which folds to four
        ("東京㍿へ", "東京株"),
    ],
)
def test_a_mention_never_begins_or_ends_within_a_word(text: str, answer: str) -> None:
    assert found(text, answer) == []
    assert sum(matched(text, answer).drops.values()) == 1


@pytest.mark.parametrize(
    ("written", "answer", "kind"),
    [
        ("Na\u200brvik", "Narvik", "invisible"),
        ("Nar\u00advik", "Narvik", "invisible"),
        ("امیر\u200cحسین", "امیرحسین", "invisible"),
        ("क्\u200dष", "क्ष", "invisible"),
        ("Na\u2060rvik", "Narvik", "invisible"),
        ("Narvik", "Nar\u00advik", "invisible"),
        ("Łódź", "Lodz", "diacritics"),
        ("Lodz", "Łódź", "diacritics"),
        ("Đà", "Da", "diacritics"),
        ("Ty\u0301r", "Tyr", "diacritics"),
        ("Привёт", "Привет", "diacritics"),
        ("أحمد", "احمد", "diacritics"),
        ("زَيْنَب", "زينب", "vowel_points"),
        ("שָׁלוֹם", "שלום", "vowel_points"),
        ("عمـــان", "عمان", "tatweel"),
        ("علی", "علي", "letter_forms"),
        ("Cæsar", "Caesar", "letter_forms"),
        ("İZMİR", "izmir", "turkish_i"),
        ("Iğdır", "Iğdir", "turkish_i"),
        ("М\u02bcята", "М'ята", "marks"),
        ("צה״ל", 'צה"ל', "marks"),
        ("תל־אביב", "תל-אביב", "marks"),
        ("Ko\u02bbolau", "Ko'olau", "marks"),
        ("-LRB-x-RRB-y", "(x)y", "ptb_escapes"),
        ("``Z''x", '"Z"x', "ptb_escapes"),
        ("a\\/c", "a/c", "ptb_escapes"),
        ("x--y", "x\u2014y", "ptb_escapes"),
        ("\u00abZ\u00bbx", '"Z"x', "marks"),
        ("x\ufe58y", "x-y", ""),
        ('An-"Z"-x', "An-'Z'-x", "marks"),
        ("An-'Z'-x", 'An-"Z"-x', "marks"),
        ('An-"Z"-x', 'An-\\"Z\\"-x', "ptb_escapes"),
        ("São", "S\\u00e3o", "code_escapes"),
        ("S\\xe3o", "São", "code_escapes"),
        ("Jean-Luc", "Jean Luc", "dashes"),
        ("Jean\u2011Luc", "Jean  Luc", "dashes"),
        ("תל־אביב", "תל אביב", "dashes"),
        ("B&amp;Q", "B&Q", "html_escapes"),
        ("B&Q", "B&amp;Q", "html_escapes"),
        ("O&#39;Dea", "O'Dea", "html_escapes"),
        ("B&amp;amp;Q", "B&Q", "html_escapes"),
    ],
)
def test_as_a_last_resort_differences_are_folded_and_counted(written: str, answer: str, kind: str) -> None:
    text = f"a {written} b"
    matches = matched(text, answer)
    assert matches.spans == (Span(1, 2, "X"),)
    [(first, last)] = matches.characters
    assert text[first:last] == written
    assert matches.matched == ({kind: 1} if kind else {})
    assert matched(text, answer, matching="plain").spans == ()


@pytest.mark.parametrize(
    "written",
    ["\ufeffNarvik", "Narvik\u200b", "\u200eNarvik\u200f", "\u202bNarvik\u202c", "Narvik\ufe0f"],
)
def test_what_cannot_be_seen_around_a_token_is_no_part_of_a_mention(written: str) -> None:
    text = f"a {written} b"
    assert found(text, "Narvik") == [(1, 2, "Narvik")]
    assert "inside_token" not in matched(text, "Narvik").matched


def test_words_may_be_joined_by_a_dash_and_numbers_may_not() -> None:
    assert [place[:2] for place in found("a Jean Luc Ray b", "Jean-Luc Ray")] == [(1, 4)]
    assert found("on 2020-01-05 b", "2020 01 05") == []
    assert found("Jean-Luc and Jéan-Luc", "Jean Luc") == []  # two texts, neither of which was answered
    assert matched("Jean-Luc", "Jean Luc", matching="plain").spans == ()


@pytest.mark.parametrize("answer", ["|Narvik|", "<Narvik>", "~~Narvik~~", "==Narvik", "Narvik®", "Narvik™."])
def test_symbols_around_an_answer_are_left_out_as_a_last_resort(answer: str) -> None:
    assert found("a Narvik b", answer) == [(1, 2, "Narvik")]
    assert matched("a Narvik b", answer, matching="plain").spans == ()
    assert found("a C b", "C++") == found("a 5 b", "$5") == []


def test_vs16_may_be_left_out() -> None:
    assert found("I ❤\ufe0f it", "❤") == [(1, 2, "❤")]


@pytest.mark.parametrize(
    ("text", "answer", "places"),
    [
        ("Sao São", "Sao", [(0, 1, "Sao")]),
        ("Sao São", "São", [(1, 2, "São")]),
        ("SAO São", "Sao", [(0, 1, "SAO")]),  # case is nearer than an accent
        ("US-based us", "US", [(0, 1, "US")]),  # exact inside a token comes before folded case
        ("Nar\u200bvik Narvík", "Narvik", [(0, 1, "Nar\u200bvik")]),  # what nobody sees, before an accent
        ("Narvik #Narvik", "Narvik", [(0, 1, "Narvik")]),  # whole tokens come first
        ("São SÃO", "Sao", [(0, 1, "São"), (1, 2, "SÃO")]),  # they differ in case only
    ],
)
def test_exact_matches_win(text: str, answer: str, places: list[tuple[int, int, str]]) -> None:
    assert found(text, answer) == places


def test_texts_that_fold_alike_are_ambiguous() -> None:
    assert matched("Şen and Sen", "Sèn").drops == {"ambiguous": 1}
    assert matched("Şen and Sen", "Sen").drops == {}
    assert matched("قَطَر قِطْر", "قطر").drops == {"ambiguous": 1}


def test_normal_forms_are_one() -> None:
    for written in ("Huế", "Nguyễn", "Åre"):
        text = f"a {unicodedata.normalize('NFD', written)} b"
        assert [place[:2] for place in found(text, unicodedata.normalize("NFC", written))] == [(1, 2)]
        assert matched(text, written).matched == {}


def test_characters_are_those_of_the_original_text() -> None:
    text = "  Ann\u00a0  saw\n#Oslo!"
    document = Document("d", ("Ann", "saw", "#Oslo", "!"), text)
    matches = match_answers(document, [("Ann saw", "X"), ("oslo", "X")], ["X"])
    assert [text[first:last] for first, last in matches.characters] == ["Ann\u00a0  saw", "Oslo"]
    assert matches.spans == (Span(0, 2, "X"), Span(2, 3, "X"))


def test_tokens_that_the_text_has_not_are_named_with_their_document() -> None:
    with pytest.raises(UserError, match="document 'd': token 1 'sang' does not occur in the text after character 3"):
        match_answers(Document("d", ("Ann", "sang"), "Ann sings"), [("Ann", "X")], ["X"])


def test_of_two_answers_in_one_token_one_is_kept_and_one_counted() -> None:
    matches = matched("the Oslo-Bergen line", "Oslo", "Bergen")
    assert matches.spans == (Span(1, 2, "X"),)
    assert matches.drops == {"repeated": 1}


def test_a_mention_keeps_the_characters_of_the_answer_that_found_it_first() -> None:
    matches = matched("Oslo-based and Oslo-born", "Oslo-based", "Oslo")
    assert matches.spans == (Span(0, 1, "X"), Span(2, 3, "X"))
    assert matches.characters == ((0, 10), (15, 19))


@given(st.text(max_size=30), st.sampled_from(["", *KINDS]))
def test_folded_characters_know_where_they_come_from(text: str, without: str) -> None:
    folded = fold_deep(text, without)
    assert deep_text(text, without) == folded.text
    assert len(folded.text) == len(folded.first) == len(folded.last)
    assert all(0 <= first < last <= len(text) for first, last in zip(folded.first, folded.last, strict=True))
    assert folded.first == sorted(folded.first)
    assert folded.last == sorted(folded.last)


ALPHABET = "aAée\u0301İıi.-'#@&;\u200b\u00adمَـقসে서울に東ー`/(1 👩\u200d💻\ufe0fß½ﬁ"


@given(st.lists(st.text(ALPHABET.replace(" ", ""), min_size=1, max_size=5), min_size=1, max_size=6), st.data())
def test_every_answer_is_accounted_for_and_its_characters_lie_in_its_tokens(
    tokens: list[str], data: st.DataObject
) -> None:
    text = " ".join(tokens)
    answers = data.draw(st.lists(st.text(ALPHABET, max_size=6), max_size=4))
    matches = match_answers(Document("d", tuple(tokens), text), [(answer, "X") for answer in answers], ["X"])
    assert len(matches.characters) == len(matches.spans)
    assert len(answers) - sum(matches.drops.values()) >= bool(matches.spans)
    starts = [sum(len(token) + 1 for token in tokens[:index]) for index in range(len(tokens))]
    for span, (first, last) in zip(matches.spans, matches.characters, strict=True):
        assert starts[span.start] <= first < starts[span.start] + len(tokens[span.start])
        assert starts[span.end - 1] < last <= starts[span.end - 1] + len(tokens[span.end - 1])


@given(st.lists(st.text(ALPHABET.replace(" ", ""), min_size=1, max_size=5), min_size=1, max_size=6), st.data())
def test_lenient_matching_finds_what_plain_matching_finds_exactly(tokens: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(tokens) - 1))
    end = data.draw(st.integers(start + 1, len(tokens)))
    document = Document("d", tuple(tokens), " ".join(tokens))
    answers = [(" ".join(tokens[start:end]), "X")]
    lenient, plain = (match_answers(document, answers, ["X"], matching=how) for how in ("lenient", "plain"))
    assert lenient.spans == plain.spans
    assert lenient.matched == {}
