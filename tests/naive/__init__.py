"""A second evaluation of every rule and register count, deliberately naive.

Written from `domain/clauses.md`, the acceptance scenario and the list of rules alone, and from
nothing of `projections`: where both evaluations agree on feeds that neither has seen, the rules
hold in general. It is slow and simple on purpose. Every function loops over all facts, and is to
be checked by eye against the clause it is named after.

    findings(events, as_of=None, known_at=None) -> [Found(rule, severity, controllers, at)]
    registers(events, as_of=None, known_at=None) -> {"licences": […], …}

`events` are the lines of a feed, parsed.
"""

from __future__ import annotations

from tests.naive.findings import EVALUATIONS, findings
from tests.naive.found import Found
from tests.naive.registers import registers

__all__ = ["EVALUATIONS", "Found", "findings", "registers"]
