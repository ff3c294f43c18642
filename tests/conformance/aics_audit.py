"""Audits of C2SP logs by aics-tlog; run by a Python that has it, and nothing of this project.

Each line on standard input is one audit, answered with one line of JSON:

    {"prefix": "https://… or a directory", "vkey": "…", "entries": true, "leaves": "file or null"}
    {"size": 600, "tiles": 4, "bundles": 3}     or     {"error": "…"}

An audit opens the checkpoint with the key, proves every tile (and bundle) against its root, proves
entries to be in the tree, and proves the tree to go on from those of earlier audits with that key.
With `leaves`, a file of one entry a line, the files below a directory are compared with those that
aics-tlog makes of these entries, byte for byte.
"""

import json
import sys
from pathlib import Path

from aics_tlog import parse_note, parse_vkey, verify_checkpoint
from aics_tlog.remote import HttpTileReader, tile_source_url
from aics_tlog.tiles import (
    consistency_proof_from_tiles,
    inclusion_proof_from_tiles,
    materialise_tiles,
)
from aics_tlog.tree import verify_consistency, verify_leaf_inclusion
from aics_tlog.verified import VerifiedTileReader, audit_tiles

EARLIER = {}
"""vkey -> the root of every size seen"""


def audit(prefix, vkey, entries, leaves):
    reader = HttpTileReader([tile_source_url(prefix)], timeout=60, proxies={})
    opened = verify_checkpoint(parse_note(reader.read_checkpoint()), parse_vkey(vkey))
    require(opened.ok, opened.error)
    size, root = opened.size, opened.root
    report = audit_tiles(reader, size, root, entries=entries)
    proven = VerifiedTileReader(reader, size, root)
    if entries:
        prove_entries(proven, size, root)
    prove_growth(proven, EARLIER.setdefault(vkey, {}), size, root)
    if leaves is not None:
        compare(Path(prefix), Path(leaves).read_bytes().split(b"\n")[:size])
    return {"size": size, "tiles": report.tiles, "bundles": report.bundles}


def prove_entries(proven, size, root):
    for index in {0, size // 3, size // 2, size - 1} | {n for n in (255, 256, 65_535) if n < size}:
        proof = inclusion_proof_from_tiles(proven, index, size)
        entry = proven.entry(index)
        require(verify_leaf_inclusion(entry, index, size, proof, root), f"entry {index}")


def prove_growth(proven, earlier, size, root):
    for old, old_root in earlier.items():
        proof = consistency_proof_from_tiles(proven, old, size)
        require(verify_consistency(old, size, old_root, root, proof), f"growth from {old}")
    if size % 97 == 0 or size in (1, 256, 65_535):
        earlier[size] = root


def compare(directory, leaves):
    for path, wanted in materialise_tiles(leaves).items():
        require((directory / path).read_bytes() == wanted, f"{path} has other bytes")


def require(condition, what):
    if not condition:
        raise ValueError(what)


def main():
    for line in sys.stdin:
        try:
            answer = audit(**json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
