"""The tokenizer for texts without tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diziner.corpora.tokenize import tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The U.N. met.", "The|U.N.|met|."),
        ("C++ and C# beat Ca2+, Na+!", "C++|and|C#|beat|Ca2+|,|Na+|!"),
        ("@user_1: #tag costs $20, €3.50 or 1,000.", "@|user_1|:|#|tag|costs|$20|,|€3.50|or|1,000|."),
        ("At 12:30 it fell 3.5% (10%).", "At|12:30|it|fell|3.5|%|(|10|%|)|."),
        ("Mail a.b+c@x-y.co.uk, see https://t.co/Ab?x=1).", "Mail|a.b+c@x-y.co.uk|,|see|https://t.co/Ab?x=1|)|."),
        ("O'Brien's well-known AT&T IL-2", "O|'|Brien|'s|well|-|known|AT&T|IL|-|2"),
        ("Obama’s don't", "Obama|’s|don|'|t"),
        ("U.S.-based", "U.S.|-|based"),
        ("wait... what?!", "wait|...|what|?|!"),
        ("2+2 [x] 5kg", "2|+|2|[|x|]|5kg"),
        ("Zürich café cafe\u0301", "Zürich|café|cafe\u0301"),
        ("हिन्दी में", "हिन्दी|में"),
        ("東京は", "東|京|は"),
        ("d'Orange l’Oréal İzmir'de", "d|'|Orange|l|’|Oréal|İzmir|'|de"),
        ("Bremen‑based non–EU @Initech_care #C#", "Bremen|‑|based|non|–|EU|@|Initech_care|#|C#"),
        ("서울에 갔다", "서울에|갔다"),
        ("Москва, Россия.", "Москва|,|Россия|."),
        ("محمد في القاهرة", "محمد|في|القاهرة"),
        (" \n\t", ""),
    ],
)
def test_tokens(text: str, tokens: str) -> None:
    assert tokenize(text) == tuple(tokens.split("|") if tokens else ())


@given(st.text(max_size=80))
def test_only_white_space_is_lost(text: str) -> None:
    assert "".join(tokenize(text)) == "".join(text.split())


@given(st.text(alphabet="aB1.'-@#$+& \u0301é東", max_size=40))
def test_tokens_have_no_white_space_and_are_not_empty(text: str) -> None:
    assert all(token.split() == [token] for token in tokenize(text))
