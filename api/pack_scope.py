"""What an evidence pack is asked to be about, and what the operator trusts, which goes into it.

`tests/test_pack.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from api.moments import parse_period
from ledger.authorities import Authority
from ledger.errors import ConfigurationError
from projections.exports.pack import Scope
from projections.frameworks.framework import Framework


def scope_of(
    frameworks: Mapping[str, Framework],
    *,
    controllers: Sequence[str] | None,
    named: Collection[str] | None,
    begin: str | None,
    until: str | None,
    language: str,
    size: int | None,
) -> Scope:
    """A scope, from what was asked. Without `named` it has every framework. Raises
    ConfigurationError for a framework that there is none of, and MomentError."""
    for name in named or ():
        if name not in frameworks:
            there = ", ".join(frameworks)
            raise ConfigurationError(f"there is no framework {name}; there are {there}")
    return Scope(
        None if controllers is None else tuple(dict.fromkeys(controllers)),
        tuple(f for f in frameworks.values() if not named or f.id in named),
        language,
        lambda now: parse_period(begin, until, now),
        size,
    )


def trust_of(policy: Path | None, authorities: Sequence[Authority]) -> dict[str, bytes]:
    """The files for the folder `trust/`: the policy, and the certificates of each authority."""
    found = {} if policy is None else {"policy": policy.read_bytes()}
    for number, authority in enumerate(authorities, start=1):
        pem = b"".join(c.public_bytes(Encoding.PEM) for c in authority.certificates)
        found[f"authority-{number}.pem"] = pem
    return found
