"""Checkpoints that others attested, for tests: cosigned by witnesses, stamped by an authority."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ledger import note, proof, receipt, tokens
from ledger.cosignature import CosignatureSigner
from ledger.merkle import leaf_hash, prove_inclusion
from ledger.note import Verifier
from tests.authority import Authority
from tests.log_builder import LogBuilder, private_key, reader

TIME = 1_790_000_000
"""Seconds since 1970, when the witnesses of tests cosign."""


def witness(name: str) -> CosignatureSigner:
    """A witness, whose key is made from its name."""
    return CosignatureSigner(f"{name}.example", private_key(name))


def policy_text(names: Iterable[str], needed: int, log: Verifier | None = None) -> str:
    """A policy that asks for so many of these witnesses."""
    lines = [] if log is None else [f"log {log.vkey}"]
    lines += [f"witness {name} {witness(name).verifier.vkey}" for name in names]
    lines += [f"group all {needed} {' '.join(names)}", "quorum all"]
    return "\n".join(lines) + "\n"


def attest(
    signed: str,
    verifier: Verifier,
    witnesses: Iterable[str] = (),
    authorities: Iterable[Authority] = (),
) -> str:
    """A signed checkpoint with the cosignatures of witnesses and the tokens of authorities."""
    opened = note.open(signed, [verifier])
    message = tokens.covered(opened.text, opened.verified[0])
    cosigned = [witness(name).cosign(opened.text, TIME) for name in witnesses]
    stamped = [
        note.format_line(tokens.token_line(f"tsa{n}", authority.stamp(message)))
        for n, authority in enumerate(authorities, start=1)
    ]
    return signed + "".join(cosigned) + "".join(stamped)


def attested_receipt(
    log: LogBuilder,
    index: int,
    witnesses: Iterable[str] = (),
    authorities: Iterable[Authority] = (),
) -> str:
    """The receipt of an entry under an attested checkpoint of the whole log."""
    checkpoint = attest(log.checkpoint(), log.signer.verifier, witnesses, authorities)
    hashes = prove_inclusion(index, len(log.leaves), reader([leaf_hash(e) for e in log.leaves]))
    return receipt.format(index, hashes, checkpoint, log.leaves[index])


def write_files(
    directory: Path, log: LogBuilder, witnesses: Iterable[str], authority: Authority
) -> dict[str, Path]:
    """Files as a holder has them: an attested receipt and export, and what the holder trusts."""
    attested = attest(log.checkpoint(), log.signer.verifier, witnesses, [authority])
    files = {
        "receipt": attested_receipt(log, 7, witnesses, [authority]).encode(),
        "vkey": f"{log.signer.verifier.vkey}\n".encode(),
        "policy": policy_text(["X1", "X2", "X3"], 2).encode(),
        "policy-with-log": policy_text(["X1", "X2", "X3"], 2, log.signer.verifier).encode(),
        "tsa": authority.roots.read_bytes(),
        **{f"log/{path}": raw for path, raw in log.export().items()},
        "log/checkpoint": attested.encode(),
    }
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return {name: directory / name for name in (*files, "log")}


def checkpoint_of(text: str) -> str:
    """The checkpoint of a receipt."""
    return proof.parse(text).checkpoint
