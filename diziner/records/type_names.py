"""Names of types in place of labels, wherever disagreements name types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

NO_ENTITY = "no entity"  # how a string that is left unmarked is called, in place of O


def renaming(names: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that puts names for labels, and "no entity" for O, in a reading or a subtype. `names` maps
    label -> name; text that a reading quotes stays as it is.

    >>> rename = renaming({"ORG": "organization", "LOC": "location"})
    >>> rename('ORG "Bank of LOC"; LOC'), rename("ORG_to_O"), rename("LOC_bounds"), rename("O")
    ('organization "Bank of LOC"; location', 'organization_to_no entity', 'location_bounds', 'no entity')
    """
    known = {**names, "O": NO_ENTITY}
    labels = "|".join(re.escape(label) for label in sorted(known, key=lambda label: (-len(label), label)))
    place = re.compile(rf'(?:(?<=^)|(?<=; )|(?<=_to_))(?:{labels})(?=$|; | "|_to_|_bounds)')
    return lambda text: place.sub(lambda found: known[found.group()], text)
