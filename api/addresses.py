"""Addresses of services that settings name. `tests/test_sign_in_settings.py`."""

from __future__ import annotations

from urllib.parse import urlsplit

from ledger.errors import ConfigurationError

HERE = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts of this machine, to which a line needs no TLS."""


def check_address(name: str, address: str) -> str:
    """An address that is https, or of this machine. Raises ConfigurationError with its name."""
    try:
        parts = urlsplit(address)
        sound = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)
        sound = sound and bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        sound = False
    if not sound:
        raise ConfigurationError(f"{name} is an https address")
    return address
