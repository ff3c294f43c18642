"""Trust policies: C2SP tlog-policy, which witnesses must have cosigned a checkpoint.

    # comment
    log <vkey> [<url>]                            a log that is accepted; its name is the origin
    witness <name> <vkey> [<url>]                 a witness, and the name it has in this file
    group <name> all|any|<k> <member> <member>…   satisfied by k of its members, witnesses or groups
    quorum <name>|none                            the witness or group that must be satisfied

Words are separated by spaces and tabs, lines end with a newline, a name is defined above where it
is used, and it can be a member of one group only, so that a witness counts once. A policy is for
whoever verifies: it is the verifier's decision whom to believe, and never comes from the log.

    policy = Policy.parse(policy.decode(raw))
    judgement = policy.judge(signed)              raises when no accepted log signed, or a known
                                                  key's signature fails
    judgement.cosigned                            who cosigned, and when
    judgement.quorum_met                          whether these satisfy the quorum
    judgement.counted, judgement.of               k and n: of the n witnesses that the quorum is
                                                  made from, those that cosigned; keys of one name
                                                  (Ed25519 and ML-DSA-44) are one witness
    policy.rule()                                 "2 of (X1, X2, X3)", for people

With `quorum none` every checkpoint of an accepted log meets the quorum, and n is 0: whoever tells
people "witnessed" asks for `counted` as well. `tests/test_policy.py` has the example of the
specification and compares every policy of up to four witnesses with counting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass, field
from typing import Self

from ledger import checkpoint as checkpoints
from ledger import cosignature, note
from ledger.checkpoint import Checkpoint
from ledger.cosignature import Cosignature, CosignatureVerifier
from ledger.errors import NoteMalformed, NoteUnverified, PolicyMalformed
from ledger.note import KnownKey, Verifier

MOST = 64
"""Logs, witnesses and groups in one policy, each. C2SP asks for 32 at least; with 64 the signature
lines of all fit in one note, also while keys change."""

MAX_POLICY = 1_000_000
"""Characters."""

NONE = "none"

LogKey = Verifier | CosignatureVerifier
"""The key of a log: of type 0x01, or of type 0x06, as C2SP tlog-checkpoint recommends."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose checkpoints are accepted. Its origin is the name of its key."""

    key: LogKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness under the name it has in the policy; `key.name` is the name in its signatures.

    `url` is its submission prefix, where add-checkpoint is.
    """

    name: str
    key: CosignatureVerifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Satisfied when `needed` of its members are."""

    name: str
    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness that cosigned a checkpoint, and when by its own clock, in seconds since 1970."""

    witness: Witness
    time: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy says of a signed checkpoint.

    `log` is the key that signed it; `cosigned` are the witnesses of the policy whose cosignatures
    verified, in the order of the policy; `counted` those among them that the quorum is made from,
    and `of` the number of witnesses it is made from. In these two, keys that have one name in
    signatures are one witness: two keys are not two opinions.
    """

    checkpoint: Checkpoint
    log: KnownKey
    cosigned: tuple[Cosigned, ...]
    counted: tuple[Cosigned, ...]
    of: int
    quorum_met: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy; `quorum` is None for `quorum none`."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The policy of a text. Raises PolicyMalformed, which names the line."""
        parser = _Parser()
        for number, words in _lines(text):
            parser.add(number, words)
        quorum = parser.quorum
        if not quorum:
            raise PolicyMalformed("the policy has no quorum line; `quorum none` asks for nobody")
        return cls(
            tuple(parser.logs.values()),
            tuple(parser.witnesses.values()),
            tuple(parser.groups.values()),
            None if quorum == NONE else quorum,
        )

    def judge(self, signed: str, known: Sequence[KnownKey] = ()) -> Judgement:
        """Who cosigned a signed checkpoint, and whether the quorum is met.

        A policy without logs is for where the log is known from elsewhere: its keys are then
        `known`. Raises NoteMalformed and CheckpointMalformed, and NoteUnverified when no accepted
        log signed, or the signature of a log or witness that is named here fails.
        """
        accepted = [log.key for log in self.logs] or known
        opened = note.open(signed, [*accepted, *(witness.key for witness in self.witnesses)])
        checkpoint = checkpoints.parse(opened.text)
        signers = {(line.name, line.key_id) for line in opened.verified}
        logs = [key for key in accepted if (key.name, key.key_id) in signers]
        log = next((key for key in logs if key.name == checkpoint.origin), None)
        if log is None:
            raise NoteUnverified("no log that this policy accepts signed the checkpoint as its own")
        found = cosignature.of_note(opened, [witness.key for witness in self.witnesses])
        cosigned = self._cosigned(found)
        present = {by.witness.name for by in cosigned}
        made_from = set(self._made_from(self.quorum))
        counted: dict[str, Cosigned] = {}
        for by in cosigned:
            if by.witness.name in made_from:
                counted.setdefault(by.witness.key.name, by)
        return Judgement(
            checkpoint,
            log,
            cosigned,
            tuple(counted.values()),
            len({w.key.name for w in self.witnesses if w.name in made_from}),
            self._satisfied(self.quorum, present),
        )

    def rule(self) -> str:
        """The quorum in words: a witness, or `k of (…)`; `none` when nobody is asked.

        A group of which any key of one witness is enough is called by its own name.
        """
        return self._rule(self.quorum) if self.quorum else NONE

    def _is_one_witness(self, group: Group) -> bool:
        names = {w.name: w.key.name for w in self.witnesses}
        keys = {names.get(member, member) for member in group.members}
        return len(keys) == 1 < len(group.members)

    def _cosigned(self, found: Sequence[Cosignature]) -> tuple[Cosigned, ...]:
        by_key = {cosigned.by: cosigned for cosigned in found}
        return tuple(
            Cosigned(witness, by_key[witness.key].time)
            for witness in self.witnesses
            # Time 0 is no statement that this was the largest tree seen.
            if witness.key in by_key and by_key[witness.key].time > 0
        )

    def _group(self, name: str) -> Group | None:
        return next((group for group in self.groups if group.name == name), None)

    def _made_from(self, name: str | None) -> Iterator[str]:
        """The names of the witnesses under a name."""
        group = self._group(name) if name else None
        if group is None:
            yield from [name] if name else []
        else:
            for member in group.members:
                yield from self._made_from(member)

    def _satisfied(self, name: str | None, present: set[str]) -> bool:
        if name is None:
            return True
        group = self._group(name)
        if group is None:
            return name in present
        return sum(self._satisfied(member, present) for member in group.members) >= group.needed

    def _rule(self, name: str) -> str:
        group = self._group(name)
        if group is None or (group.needed == 1 and self._is_one_witness(group)):
            return name
        members = ", ".join(self._rule(member) for member in group.members)
        return f"{group.needed} of ({members})"


def decode(raw: bytes) -> str:
    """The text of a policy file. Bytes that are not UTF-8 stay apart: names are opaque."""
    return raw.decode("utf-8", "surrogateescape")


def parse_log_vkey(vkey: str) -> LogKey:
    """The key of a log. Raises NoteMalformed, also for a key of the type of witnesses alone."""
    name, kind, public_key = note.split_vkey(vkey)
    if kind == note.COSIGNATURE_ED25519:
        raise NoteMalformed("a key of type 0x04 is a witness's; logs sign with 0x01 or 0x06")
    return Verifier(name, public_key) if kind == note.ED25519 else cosignature.parse_vkey(vkey)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The numbers and words of the lines that say something. Raises PolicyMalformed."""
    if len(text) > MAX_POLICY:
        raise PolicyMalformed(f"the policy is longer than {MAX_POLICY} characters")
    *lines, rest = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if any((c < " " and c != "\t") or c == "\x7f" for c in line):
            raise PolicyMalformed("a control character other than tab", number)
        words = [word for word in re.split("[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            yield number, words
    if rest:
        # A file cut short would be another policy: `quorum X-and-Y` and `quorum X` both are one.
        raise PolicyMalformed("the last line does not end with a newline", len(lines) + 1)


@dataclass(slots=True)
class _Parser:
    """Takes a policy line by line; every name is defined before it is used."""

    logs: dict[bytes, Log] = field(default_factory=dict)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = ""
    _members: dict[str, str] = field(default_factory=dict)
    _witness_keys: set[bytes] = field(default_factory=set)

    def add(self, number: int, words: Sequence[str]) -> None:
        """Raises PolicyMalformed."""
        kinds = {
            "log": self._log,
            "witness": self._witness,
            "group": self._add_group,
            "quorum": self._quorum,
        }
        kind, *rest = words
        if kind not in kinds:
            raise PolicyMalformed("a line begins with log, witness, group, quorum or #", number)
        try:
            kinds[kind](rest)
        except PolicyMalformed as error:
            raise PolicyMalformed(error.detail, number) from None
        except NoteMalformed as error:
            raise PolicyMalformed(f"the key of this {kind}: {error}", number) from None

    def _log(self, words: Sequence[str]) -> None:
        vkey, url = _one_or_two(words, "log <vkey> [<url>]")
        key = parse_log_vkey(vkey)
        if key.public_key in self.logs:
            raise PolicyMalformed("this log key is in the policy already")
        _check_room(self.logs, "logs")
        self.logs[key.public_key] = Log(key, url)

    def _witness(self, words: Sequence[str]) -> None:
        form = "witness <name> <vkey> [<url>]"
        if len(words) < 2:
            raise PolicyMalformed(f"the line is `{form}`")
        vkey, url = _one_or_two(words[1:], form)
        self._check_new(words[0])
        key = cosignature.parse_vkey(vkey)
        if key.public_key in self._witness_keys:
            raise PolicyMalformed("this witness key is in the policy already, under another name")
        _check_room(self.witnesses, "witnesses")
        self._witness_keys.add(key.public_key)
        self.witnesses[words[0]] = Witness(words[0], key, url)

    def _add_group(self, words: Sequence[str]) -> None:
        if len(words) < 3:
            raise PolicyMalformed("the line is `group <name> all|any|<k> <member>…`")
        name, threshold, *members = words
        self._check_new(name)
        for member in members:
            self._check_defined(member)
            if member in self._members:
                raise PolicyMalformed(f"{member} is a member of {self._members[member]} already")
            self._members[member] = name
        _check_room(self.groups, "groups")
        self.groups[name] = Group(name, _threshold(threshold, len(members)), tuple(members))

    def _quorum(self, words: Sequence[str]) -> None:
        if len(words) != 1:
            raise PolicyMalformed("the line is `quorum <name>` or `quorum none`")
        if self.quorum:
            raise PolicyMalformed("a policy has one quorum line")
        if words[0] != NONE:
            self._check_defined(words[0])
        self.quorum = words[0]

    def _check_new(self, name: str) -> None:
        if name == NONE:
            raise PolicyMalformed("the name none means that nobody is asked")
        if name in self.witnesses or name in self.groups:
            raise PolicyMalformed(f"the name {name} is defined already")

    def _check_defined(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyMalformed(f"{name} is not a witness or group defined above")


def _one_or_two(words: Sequence[str], form: str) -> tuple[str, str | None]:
    if len(words) not in (1, 2):
        raise PolicyMalformed(f"the line is `{form}`")
    return words[0], words[1] if len(words) == 2 else None


def _threshold(text: str, members: int) -> int:
    needed = {"all": members, "any": 1}.get(text)
    if needed is None and re.fullmatch("[1-9][0-9]{0,3}", text, re.ASCII):
        needed = int(text)
    if needed is None or needed > members:
        raise PolicyMalformed(
            f"a group asks for all, any or a number from 1 to its {members} members"
        )
    return needed


def _check_room(already: Sized, what: str) -> None:
    if len(already) >= MOST:
        raise PolicyMalformed(f"a policy has at most {MOST} {what}")
