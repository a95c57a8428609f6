"""Names for sources of corpora, plug-ins among them: what a source yields."""

from __future__ import annotations

from diziner.forms.rows import Row as Row
from diziner.forms.rows import Table as Table
from diziner.forms.rows import Unreadable as Unreadable
from diziner.forms.rows import select_columns as select_columns
