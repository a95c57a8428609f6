"""Words of messages: numbers with their nouns, lists that are cut short, what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def counted(number: int, thing: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "note"), counted(0, "note"), counted(2400, "bad row")
    ('1 note', '0 notes', '2,400 bad rows')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def listed(words: Sequence[str], most: int = 5) -> str:
    """Return the first words, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def there_are(names: Iterable[str], given: str = "") -> str:
    """Return which names there are, for a message about `given`, which is none of them.

    >>> there_are(["gate", "plan"], "gaet"), there_are(["gate"], "x"), there_are([])
    ('there are: gate, plan; did you mean gate?', 'there are: gate', 'there are: none')
    """
    known = list(names)
    return f"there are: {', '.join(known) or 'none'}{meant(given, known)}"


def meant(given: str, names: Iterable[str]) -> str:
    """Return the question whether the most similar of the names was meant; nothing where none is similar.

    >>> meant("Mit-Movie", ["mit_movie", "mit_restaurant"]), meant("letters", ["mit_movie"])
    ('; did you mean mit_movie?', '')
    """
    from difflib import get_close_matches

    known = {name.casefold(): name for name in names}
    close = get_close_matches(given.casefold()[:100], known, n=1, cutoff=0.7)
    return f"; did you mean {known[close[0]]}?" if close else ""
