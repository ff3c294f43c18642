"""The identity provider at which people sign in, from a file (TOML).

    issuer    = "https://login.example.nl/realms/zorg"
    client_id = "verantwoord"
    key       = "provider.key"        # RSA or EC, PEM, mode 0600: private_key_jwt
    # secret  = "provider.secret"     # or a file with a secret: client_secret_basic
    # acr     = ["http://eidas.europa.eu/LoA/substantial"]   # one of these is asked for, and needed

Files are beside this one. `tests/test_sign_in_settings.py`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from api.addresses import check_address
from ledger.errors import ConfigurationError
from ledger.keys import read_secret

KNOWN = frozenset({"issuer", "client_id", "key", "secret", "acr"})


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """A provider, and who this service is to it; one of `key` and `secret` is there."""

    issuer: str
    client_id: str
    key: RSAKey | ECKey | None = None
    secret: str | None = None
    acr: tuple[str, ...] = ()

    @property
    def algorithm(self) -> str:
        """With which the key signs (NL GOV: RSA with PSS, or ECDSA)."""
        return "ES256" if isinstance(self.key, ECKey) else "PS256"


def load(file: Path) -> Settings:
    """The settings of a file. Raises ConfigurationError, which names the file and the field."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from None
    try:
        return _settings(found, file.parent)
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error}") from None


def _settings(found: dict[str, Any], beside: Path) -> Settings:
    if unknown := found.keys() - KNOWN:
        raise ConfigurationError(f"{min(unknown)} is none of {', '.join(sorted(KNOWN))}")
    for name in ("issuer", "client_id"):
        if not isinstance(found.get(name), str) or not found[name]:
            raise ConfigurationError(f"{name} is needed, as a text")
    acr = found.get("acr", [])
    if not isinstance(acr, list) or not all(isinstance(each, str) for each in acr):
        raise ConfigurationError("acr is a list of texts")
    if ("key" in found) == ("secret" in found):
        raise ConfigurationError("one of key and secret names the file that shows who asks")
    key = _key(beside / str(found["key"])) if "key" in found else None
    secret = read_secret(beside / str(found["secret"])).strip() if "secret" in found else None
    if secret == "":
        raise ConfigurationError("secret names a file that is empty")
    issuer = check_address("issuer", found["issuer"])
    return Settings(issuer, found["client_id"], key, secret, tuple(acr))


def _key(file: Path) -> RSAKey | ECKey:
    pem = read_secret(file)
    for kind in (ECKey, RSAKey):
        try:
            key: RSAKey | ECKey = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        if key.is_private and key.get("crv", "P-256") == "P-256":
            key.ensure_kid()
            return key
    raise ConfigurationError(f"{file} holds no private RSA or P-256 key in PEM, without passphrase")
