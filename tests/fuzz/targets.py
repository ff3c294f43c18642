"""What is fuzzed: a function of bytes for each parser, and bytes that it takes.

A target tells whether the bytes were taken. If so, writing again what was read must give the same
bytes; if not, the parser raised an error that it names. Anything else it raises is the finding.
`tests/test_fuzz.py` drives them with hypothesis and, guided by coverage, with atheris.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import rfc8785

from api.tiles import takes_gzip
from ledger import (
    add_checkpoint,
    anchor,
    checkpoint,
    cloudevent,
    cosignature,
    entry,
    envelope,
    line_proof,
    line_report,
    note,
    otlp,
    policy,
    proof,
    receipt,
    sources,
    strict_json,
    tiles,
)
from ledger.cosignature import CosignatureSigner
from ledger.errors import NoteMalformed, PolicyMalformed, Refused, VerificationFailed
from ledger.note import Signer
from ledger.report import Pins
from ledger.verify import verify
from tests.anchoring import digested, lines_of, new_log, proof_of, record
from tests.log_builder import LogBuilder, private_key, reading
from tests.test_otlp import LOGS, TRACE

LOG = LogBuilder()
LOG.enrol("k-crm", "crm")
LOG.record("InstructionReceived", {"number": 1, "é": "€"}, by="k-crm")
FILES = LOG.export()
VERIFIER = LOG.signer.verifier
WITNESS = Signer("witness.example", private_key("witness"))
LINES = lines_of(3)
ANCHOR = digested(LINES)
LOG_OF_LINES = new_log()
PROOF = line_proof.format(proof_of(ANCHOR, record(LOG_OF_LINES, ANCHOR), LINES[1])).encode()
COSIGNER = CosignatureSigner(WITNESS.name, WITNESS.private_key)


def tile_path(raw: bytes) -> bool:
    """Paths of tiles."""
    text = raw.decode("utf-8", "replace")
    try:
        found = tiles.parse_path(text)
    except VerificationFailed:
        return False
    assert tiles.path(found) == text
    return True


def bundle(raw: bytes) -> bool:
    """Bundles of entries; the first byte says how many are asked for."""
    width, body = (raw[0] if raw else 0) + 1, raw[1:]
    try:
        found = list(tiles.parse_bundle(body, width))
    except VerificationFailed:
        return False
    assert len(found) == width
    assert tiles.format_bundle(found) == body
    return True


def signed_note(raw: bytes) -> bool:
    """Notes, with signatures of anyone."""
    try:
        text = note.decode(raw)
        found = note.parse(text)
    except NoteMalformed:
        return False
    lines = (
        f"— {line.name} {base64.b64encode(line.key_id + line.signature).decode()}\n"
        for line in found.unverified
    )
    assert f"{found.text}\n{''.join(lines)}" == text
    return True


def opened_note(raw: bytes) -> bool:
    """Notes that a known key must have signed: of one by that key alone, no byte can change."""
    try:
        opened = note.open(note.decode(raw), [VERIFIER])
    except VerificationFailed:
        return False
    assert opened.text == checkpoint.format(checkpoint.parse(opened.text))
    return True


def vkey(raw: bytes) -> bool:
    """Verifier keys."""
    try:
        text = note.decode(raw)
        found = note.parse_vkey(text)
    except NoteMalformed:
        return False
    assert found.vkey == text
    return True


def private_vkey(raw: bytes) -> bool:
    """Private keys of logs."""
    try:
        text = note.decode(raw)
        found = note.parse_signer(text)
    except NoteMalformed:
        return False
    assert note.format_signer(found) == text
    return True


def witness_vkey(raw: bytes) -> bool:
    """Verifier keys of witnesses."""
    try:
        text = note.decode(raw)
        found = cosignature.parse_vkey(text)
    except NoteMalformed:
        return False
    assert found.vkey == text
    return True


def cosigned_note(raw: bytes) -> bool:
    """Checkpoints that a known witness must have cosigned: its text is then the one it saw."""
    try:
        text = note.decode(raw)
        (found,) = cosignature.read(text, [COSIGNER.verifier])
    except VerificationFailed:
        return False
    assert note.parse(text).text == _text(_CHECKPOINT)
    assert found.time == 7
    return True


def witness_request(raw: bytes) -> bool:
    """Requests to a witness."""
    try:
        found = add_checkpoint.parse(raw)
    except VerificationFailed:
        return False
    assert add_checkpoint.format(found).encode() == raw
    return True


def held_size(raw: bytes) -> bool:
    """Sizes that a witness says it holds."""
    try:
        found = add_checkpoint.parse_size(raw)
    except VerificationFailed:
        return False
    assert add_checkpoint.format_size(found).encode() == raw
    return True


def trust_policy(raw: bytes) -> bool:
    """Trust policies: comments and space may be anything; what is read judges without a crash."""
    try:
        found = policy.Policy.parse(policy.decode(raw))
    except PolicyMalformed:
        return False
    assert found.rule()
    try:
        judgement = found.judge(_CHECKPOINT.decode() + COSIGNER.cosign(_text(_CHECKPOINT), 7))
    except VerificationFailed:
        return True  # another log
    assert len(judgement.counted) <= judgement.of
    return True


def checkpoint_text(raw: bytes) -> bool:
    """Texts of checkpoints."""
    try:
        text = note.decode(raw)
        found = checkpoint.parse(text)
    except VerificationFailed:
        return False
    assert checkpoint.format(found) == text
    return True


def tlog_proof(raw: bytes) -> bool:
    """Proofs as files."""
    try:
        text = note.decode(raw)
        found = proof.parse(text)
    except VerificationFailed:
        return False
    assert proof.format(found) == text
    return True


def leaf(raw: bytes) -> bool:
    """Entries."""
    try:
        found = entry.parse(raw)
    except VerificationFailed:
        return False
    assert entry.format(found) == raw
    return True


def whole_receipt(raw: bytes) -> bool:
    """Receipts, from the file to the proof that they are of this log."""
    try:
        text = note.decode(raw)
        found = receipt.check(text, VERIFIER)
    except VerificationFailed:
        return False
    read = proof.parse(text)
    assert receipt.format(found.index, read.hashes, read.checkpoint, found.leaf) == text
    assert found.leaf == LOG.leaves[found.index]
    return True


def proof_of_a_line(raw: bytes) -> bool:
    """Proofs of lines, from the file to the digest in a log."""
    try:
        text = note.decode(raw)
        found = line_report.check(text, LOG_OF_LINES.signer.verifier, Pins())
    except VerificationFailed:
        return False
    assert line_proof.format(found.proof) == text
    assert found.proof.line == LINES[found.proof.index]
    return True


def kept_anchor(raw: bytes) -> bool:
    """Anchors of days."""
    try:
        found = anchor.parse(raw)
    except VerificationFailed:
        return False
    assert b"".join(anchor.format(found)) == raw
    return True


def otlp_export(raw: bytes) -> bool:
    """Exports of OpenTelemetry, whose spelling is open; that of their lines is not."""
    try:
        records = list(otlp.read(raw))
    except ValueError:
        return False
    assert all(record.line == rfc8785.dumps(json.loads(record.line)) for record in records)
    return True


def signed_envelope(raw: bytes) -> bool:
    """Envelopes. DSSE leaves the spelling open; what is read must be read again as the same."""
    try:
        found = envelope.parse(raw)
    except Refused:
        return False
    assert envelope.parse(envelope.format(found)) == found
    return True


def event(raw: bytes) -> bool:
    """CloudEvents of the vocabulary."""
    try:
        found = cloudevent.parse(raw)
    except Refused:
        return False
    assert found.tags()
    return True


def json_text(raw: bytes) -> bool:
    """JSON: what is taken here is taken by everybody, as the same."""
    try:
        found = strict_json.loads(raw)
    except ValueError:
        return False
    assert json.loads(raw) == found
    assert strict_json.loads(json.dumps(found).encode()) == found
    return True


def gzipped(raw: bytes) -> bool:
    """Compressed answers, of 1,000 bytes at most."""
    try:
        content = sources.gunzip(raw, 1000)
    except VerificationFailed:
        return False
    assert gzip.decompress(raw) == content
    assert len(content) <= 1000
    return True


def accept_encoding(raw: bytes) -> bool:
    """What clients say they take."""
    return takes_gzip([raw.decode("latin-1")])


def _in_log(path: str) -> Callable[[bytes], bool]:
    def target(raw: bytes) -> bool:
        """A whole log with these bytes in the place of one of its files."""
        try:
            verify(reading(FILES | {path: raw}))
        except VerificationFailed:
            return False
        # A note may carry signatures of others: it says the same.
        assert raw == FILES[path] or _text(raw) == _text(FILES[path])
        return True

    return target


def _text(raw: bytes) -> str:
    return note.parse(note.decode(raw)).text


@dataclass(frozen=True)
class Target:
    """A function that is fuzzed, and bytes that it takes."""

    run: Callable[[bytes], bool]
    seeds: tuple[bytes, ...]


_LEAF = LOG.leaves[2]
_CHECKPOINT = LOG.checkpoint().encode()
_COSIGNED = _CHECKPOINT + note.sign("a\n", WITNESS).rpartition("\n\n")[2].encode()
_EVENT = entry.parse(_LEAF).payload
_ENROLMENT = entry.parse(LOG.leaves[1])

TARGETS: Mapping[str, Target] = {
    "tile-path": Target(
        tile_path,
        (b"tile/0/000", b"tile/63/x001/x234/067.p/255", b"tile/entries/x999/000.p/1"),
    ),
    "bundle": Target(
        bundle,
        (b"\0\0\0", b"\2\0\1a\0\0\0\3bcd", b"\0" + tiles.format_bundle([_LEAF])),
    ),
    "note": Target(signed_note, (_CHECKPOINT, _COSIGNED, "a\n\né\n\n— é AAAAAAA=\n".encode())),
    "opened-note": Target(opened_note, (_CHECKPOINT, _COSIGNED)),
    "vkey": Target(vkey, (VERIFIER.vkey.encode(), WITNESS.verifier.vkey.encode())),
    "witness-vkey": Target(witness_vkey, (COSIGNER.verifier.vkey.encode(),)),
    "cosigned-note": Target(
        cosigned_note, (_CHECKPOINT + COSIGNER.cosign(_text(_CHECKPOINT), 7).encode(),)
    ),
    "witness-request": Target(
        witness_request,
        (
            b"old 0\n\n" + _CHECKPOINT,
            b"old 7\n%b=\n%b=\n\nx" % (b"A" * 43, b"B" * 42 + b"A"),
        ),
    ),
    "held-size": Target(held_size, (b"0\n", b"9223372036854775807\n")),
    "policy": Target(
        trust_policy,
        (
            b"log %b\nquorum none\n" % VERIFIER.vkey.encode(),
            b"# a\n\t witness w %b https://w.example\ngroup g 1 w\nquorum g\n"
            % COSIGNER.verifier.vkey.encode(),
        ),
    ),
    "private-vkey": Target(private_vkey, (note.format_signer(WITNESS).encode(),)),
    "checkpoint": Target(
        checkpoint_text,
        (_text(_CHECKPOINT).encode(), b"a\n0\n%b=\n" % (b"A" * 43)),
    ),
    "proof": Target(
        tlog_proof, (LOG.receipt(1).encode(), proof.format(proof.Proof(0, (), "")).encode())
    ),
    "entry": Target(leaf, (_LEAF, LOG.leaves[0])),
    "receipt": Target(whole_receipt, tuple(LOG.receipt(n).encode() for n in range(3))),
    "line-proof": Target(proof_of_a_line, (PROOF,)),
    "anchor": Target(kept_anchor, (b"".join(anchor.format(ANCHOR)),)),
    "otlp": Target(otlp_export, tuple(json.dumps(each).encode() for each in (TRACE, LOGS))),
    "envelope": Target(
        signed_envelope,
        (
            envelope.format(
                envelope.Envelope(_ENROLMENT.payload, envelope.PAYLOAD_TYPE, _ENROLMENT.signatures)
            ),
        ),
    ),
    "event": Target(
        event,
        (
            _ENROLMENT.payload.replace(
                b'"data"', b'"occurredat": "2025-01-01T13:00:00+01:00", "data"'
            ),
        ),
    ),
    "json": Target(json_text, (_EVENT, b'[1,-2.5e3,"\\u00e9\\ud83d\\ude00",{"a":null,"b":true}]')),
    "gzip": Target(gzipped, (gzip.compress(b"a" * 999), gzip.compress(b"", 0))),
    "accept-encoding": Target(accept_encoding, (b"gzip", b"br;q=1.0, *;q=0.5", b"identity, GZIP")),
    **{
        f"log-{name}": Target(_in_log(path), (FILES[path],))
        for name, path in (
            ("checkpoint", "checkpoint"),
            ("tile", "tile/0/000.p/3"),
            ("entries", "tile/entries/000.p/3"),
        )
    },
}
