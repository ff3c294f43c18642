"""Runs in the environment of aics-witness: feeds logs to a witness with aics-witness's own client.

A line of JSON comes in, with the address and verifier key of a witness and an order; a line of JSON
goes out, with the cosignature or the name of the error. The log is aics-tlog's own.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from aics_tlog import Checkpoint, MerkleTree, sign_checkpoint, vkey_from_ed25519
from aics_tlog.note import format_vkey
from aics_witness.feeder import FeederError, WitnessClient, merge_cosignatures
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

clients: dict[str, WitnessClient] = {}


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """Carry out one order."""
    origin = order["origin"]
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(origin.encode()).digest())
    if order["do"] == "vkey":
        return {"vkey": format_vkey(vkey_from_ed25519(origin, key.public_key()))}
    tree = MerkleTree([f"{order['history']}{n}".encode() for n in range(order["size"])])
    note = sign_checkpoint(Checkpoint(origin, order["size"], tree.root()), key, origin)
    client = clients.setdefault(
        order["url"], WitnessClient(order["url"], order["witness"], max_attempts=1)
    )
    try:
        line = client.submit(note.to_bytes(), tree.consistency_proof)
    except FeederError as error:
        return {"error": type(error).__name__, "detail": str(error)}
    return {"line": line, "cosigned": merge_cosignatures(note.to_bytes(), line).decode()}


for asked in sys.stdin:
    sys.stdout.write(json.dumps(answer(json.loads(asked))) + "\n")
    sys.stdout.flush()
