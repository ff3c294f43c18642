"""Timestamps in notes: what a token covers, and how it travels with a checkpoint.

An RFC 3161 token covers a checkpoint as the log signed it:

    origin                                        the text of the checkpoint
    size
    root
                                                  (an empty line)
    — origin base64(key id || signature)          one signature line of the log's key

So it covers the log's signature as well: whoever takes the key later cannot sign another tree that
seems as old. Cosignatures are not covered; they come later and bring times of their own.

It is kept where the signature of a note goes (C2SP signed-note, type 0xff, as for all types that
the specification gives no byte):

    — NAME base64(key id || answer)               answer: the DER of the TimeStampResp
    key id = SHA-256(NAME || 0x0A || 0xff || KIND)[:4]

NAME is what the ledger calls the authority, and proves nothing: who it is, its certificate says.
So one file holds all, and verifiers that do not know the kind pass it over, as they must. What a
token shows is for `ledger/rfc3161.py`. `tests/test_tokens.py`.
"""

from __future__ import annotations

from cryptography import x509

from ledger import note as notes
from ledger.errors import ConfigurationError
from ledger.note import Note, SignatureLine

TYPE = 0xFF
KIND = b"nl.verwerkersovereenkomsten/rfc3161/v1"

MAX_TOKENS = 16
"""Tokens of one note that are looked at: verifying a chain of certificates is slow."""


def covered(text: str, line: SignatureLine) -> bytes:
    """The bytes that a token covers: the text of a note and one signature line of the log's key."""
    return f"{text}\n{notes.format_line(line)}".encode()


def token_line(name: str, answer: bytes) -> SignatureLine:
    """The answer of an authority as a signature line of a note."""
    return SignatureLine(name, _key_id(name), answer)


def token_lines(note: Note) -> tuple[SignatureLine, ...]:
    """The tokens that a note carries, none of them verified; at most `MAX_TOKENS`."""
    found = (line for line in note.unverified if line.key_id == _key_id(line.name))
    return tuple(found)[:MAX_TOKENS]


def load_certificates(pem: bytes, name: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file. Raises ConfigurationError, with the name of the file.

    One of them must have signed itself: trust ends there. Those between it and the authority may be
    in the file too.
    """
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise ConfigurationError(f"{name} holds no certificates in PEM") from None
    if not any(map(self_signed, found)):
        raise ConfigurationError(
            f"no certificate in {name} is self-signed: add the one that the chain ends in"
        )
    return found


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate names itself as the one that issued it."""
    return certificate.issuer == certificate.subject


def _key_id(name: str) -> bytes:
    return notes.key_id(name, TYPE, KIND)
