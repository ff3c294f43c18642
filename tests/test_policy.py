"""Trust policies: the specification's example, every rule of the file, and quorums counted."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, note
from ledger import policy as policies
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner
from ledger.errors import CheckpointMalformed, NoteMalformed, NoteUnverified, PolicyMalformed
from ledger.note import Signer
from ledger.policy import Policy
from tests.log_builder import private_key

LOG = Signer("log.example/one", private_key("one"))
TEXT = checkpoint.format(Checkpoint(LOG.name, 7, bytes(range(32))))
SIGNED = note.sign(TEXT, LOG)
TIME = 1_700_000_000
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")


def witness(name: str) -> CosignatureSigner:
    """The witness of a name; every second one has an ML-DSA-44 key."""
    seed = hashlib.sha256(name.encode()).digest()
    if name[-1] in "02468":
        return CosignatureSigner(f"{name}.example", MLDSA44PrivateKey.from_seed_bytes(seed))
    return CosignatureSigner(f"{name}.example", private_key(name))


WITNESSES = {name: witness(name) for name in NAMES}
VKEY = {name: signer.verifier.vkey for name, signer in WITNESSES.items()}
LINE = {name: signer.cosign(TEXT, TIME + i) for i, (name, signer) in enumerate(WITNESSES.items())}

EXAMPLE = f"""\
log {LOG.verifier.vkey}

witness X1 {VKEY["X1"]}
witness X2 {VKEY["X2"]}
witness X3 {VKEY["X3"]}
group X-witnesses 2 X1 X2 X3

witness Y1 {VKEY["Y1"]}
witness Y2 {VKEY["Y2"]}
witness Y3 {VKEY["Y3"]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def cosigned(names: Iterable[str]) -> str:
    """The checkpoint under the cosignatures of these witnesses."""
    return SIGNED + "".join(LINE[name] for name in names)


def some_witnesses(names: Sequence[str]) -> str:
    """Witness lines."""
    return "".join(f"witness {name} {VKEY[name]}\n" for name in names)


def test_the_example_of_the_specification_is_parsed() -> None:
    """One log, six witnesses, and a quorum of two levels, which can be said in words."""
    policy = Policy.parse(EXAMPLE)
    assert [log.key for log in policy.logs] == [LOG.verifier]
    assert [w.name for w in policy.witnesses] == list(NAMES)
    assert [(g.name, g.needed, g.members) for g in policy.groups] == [
        ("X-witnesses", 2, ("X1", "X2", "X3")),
        ("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        ("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    ]
    assert policy.rule() == "2 of (2 of (X1, X2, X3), 1 of (Y1, Y2, Y3))"


@pytest.mark.parametrize(
    "names", [c for n in range(7) for c in itertools.combinations(NAMES, n)], ids="".join
)
def test_the_example_is_satisfied_by_two_and_one(names: tuple[str, ...]) -> None:
    """Each of the 64 sets of cosignatures, on a real note, against counting them."""
    judgement = Policy.parse(EXAMPLE).judge(cosigned(names))
    assert [by.witness.name for by in judgement.cosigned] == list(names)
    assert [by.time for by in judgement.cosigned] == [TIME + NAMES.index(name) for name in names]
    x, y = sum(name[0] == "X" for name in names), sum(name[0] == "Y" for name in names)
    assert judgement.quorum_met == (x >= 2 and y >= 1)
    assert (len(judgement.counted), judgement.of) == (len(names), 6)
    assert judgement.checkpoint == checkpoint.parse(TEXT)
    assert judgement.log == LOG.verifier


@pytest.mark.parametrize("needed", ["1", "2", "3", "4", "all", "any"])
def test_a_group_counts_its_members(needed: str) -> None:
    """k of four, for every k and every set of cosignatures."""
    names = NAMES[:4]
    policy = Policy.parse(f"{some_witnesses(names)}group g {needed} {' '.join(names)}\nquorum g\n")
    k = {"all": 4, "any": 1}.get(needed) or int(needed)
    for n in range(5):
        for chosen in itertools.combinations(names, n):
            assert policy.judge(cosigned(chosen), [LOG.verifier]).quorum_met == (n >= k)


def test_a_single_witness_is_a_quorum() -> None:
    """And only that witness: the others are named and counted apart."""
    policy = Policy.parse(some_witnesses(["X1", "X2"]) + "quorum X2\n")
    only_other = policy.judge(cosigned(["X1"]), [LOG.verifier])
    assert not only_other.quorum_met
    assert [by.witness.name for by in only_other.cosigned] == ["X1"]
    assert (only_other.counted, only_other.of) == ((), 1)
    both = policy.judge(cosigned(["X1", "X2"]), [LOG.verifier])
    assert both.quorum_met
    assert [by.witness.name for by in both.counted] == ["X2"]
    assert policy.rule() == "X2"


def test_quorum_none_asks_for_nobody_and_says_so() -> None:
    """It is met by every checkpoint, and counts nobody even when somebody cosigned."""
    policy = Policy.parse(some_witnesses(["X1"]) + "quorum none\n")
    judgement = policy.judge(cosigned(["X1"]), [LOG.verifier])
    assert judgement.quorum_met
    assert (judgement.counted, judgement.of) == ((), 0)
    assert len(judgement.cosigned) == 1
    assert policy.rule() == "none"


def test_two_keys_of_one_witness_are_one_witness() -> None:
    """An Ed25519 and an ML-DSA-44 key under one name: either satisfies the group, together they are
    still one of the two witnesses."""
    w1 = CosignatureSigner("w1.example", private_key("w1"))
    w1_pq = CosignatureSigner("w1.example", WITNESSES["X2"].private_key)
    w2 = CosignatureSigner("w2.example", private_key("w2"))
    policy = Policy.parse(
        f"witness w1/ed {w1.verifier.vkey}\nwitness w1/pq {w1_pq.verifier.vkey}\n"
        f"witness w2 {w2.verifier.vkey}\n"
        "group w1 any w1/ed w1/pq\ngroup both all w1 w2\nquorum both\n"
    )
    assert policy.rule() == "2 of (w1, w2)"
    for signers, k, met in (
        ([w1], 1, False),
        ([w1_pq], 1, False),
        ([w1, w1_pq], 1, False),
        ([w1_pq, w2], 2, True),
        ([w1, w1_pq, w2], 2, True),
    ):
        signed = SIGNED + "".join(signer.cosign(TEXT, TIME) for signer in signers)
        judgement = policy.judge(signed, [LOG.verifier])
        assert (len(judgement.counted), judgement.of, judgement.quorum_met) == (k, 2, met)
        assert len(judgement.cosigned) == len(signers)


def test_a_witness_that_signs_twice_counts_once() -> None:
    """Repeating a line, or cosigning at another time, does not make two of one."""
    policy = Policy.parse(some_witnesses(["X1", "X2"]) + "group g 2 X1 X2\nquorum g\n")
    again = WITNESSES["X1"].cosign(TEXT, TIME + 99)
    assert not policy.judge(SIGNED + LINE["X1"] + again + LINE["X1"], [LOG.verifier]).quorum_met


def test_a_cosignature_without_a_time_does_not_count() -> None:
    """Time 0 (a subtree cosignature) does not say that this was the largest tree seen."""
    signer = WITNESSES["X2"]
    message = (
        b"subtree/v1\n\0\x0aX2.example" + bytes(8) + b"\x0flog.example/one" + bytes(8)
        + (7).to_bytes(8, "big") + bytes(range(32))
    )  # fmt: skip
    raw = bytes(8) + signer.private_key.sign(message)
    line = note.format_line(note.SignatureLine(signer.name, signer.verifier.key_id, raw))
    policy = Policy.parse(some_witnesses(["X2"]) + "quorum X2\n")
    assert not policy.judge(SIGNED + line, [LOG.verifier]).quorum_met
    assert policy.judge(cosigned(["X2"]), [LOG.verifier]).quorum_met


def test_a_forged_cosignature_of_a_known_witness_refuses_the_note() -> None:
    """Also when the quorum would be met without it; one of an unknown witness is left alone."""
    other = TEXT.replace("7", "8")
    forged = WITNESSES["X1"].cosign(other, TIME)
    with pytest.raises(NoteUnverified, match="X1"):
        Policy.parse(some_witnesses(["X1", "X2"]) + "quorum X2\n").judge(
            cosigned(["X2"]) + forged, [LOG.verifier]
        )
    assert (
        Policy.parse(some_witnesses(["X2"]) + "quorum X2\n")
        .judge(cosigned(["X2"]) + forged, [LOG.verifier])
        .quorum_met
    )


def test_witnesses_do_not_stand_in_for_the_log() -> None:
    """A checkpoint that all six cosigned and no accepted log signed is refused."""
    unsigned = TEXT + "\n" + "".join(LINE.values())
    with pytest.raises(NoteUnverified, match="no log"):
        Policy.parse(EXAMPLE).judge(unsigned)


def test_a_log_signs_for_its_own_origin_only() -> None:
    """An accepted log's signature under the checkpoint of another log is not enough."""
    two = Signer("log.example/two", private_key("two"))
    accepts_both = f"log {LOG.verifier.vkey}\nlog {two.verifier.vkey}\nquorum none\n"
    with pytest.raises(NoteUnverified, match="as its own"):
        Policy.parse(accepts_both).judge(note.sign(TEXT, two))
    judged = Policy.parse(accepts_both).judge(note.sign(TEXT, two, LOG))
    assert judged.log == LOG.verifier


def test_a_policy_with_logs_takes_no_others() -> None:
    """Keys known from elsewhere serve a policy without logs, and never widen one that has them."""
    other = Signer("log.example/two", private_key("two"))
    with pytest.raises(NoteUnverified):
        Policy.parse(f"log {other.verifier.vkey}\nquorum none\n").judge(SIGNED, [LOG.verifier])
    with pytest.raises(NoteUnverified):
        Policy.parse("quorum none\n").judge(SIGNED)
    assert Policy.parse("quorum none\n").judge(SIGNED, [LOG.verifier]).quorum_met


def test_a_log_may_sign_with_ml_dsa() -> None:
    """As C2SP recommends; its signature is then a cosignature under its own name."""
    signer = CosignatureSigner(LOG.name, WITNESSES["X2"].private_key)
    policy = Policy.parse(f"log {signer.verifier.vkey} https://log.example\nquorum none\n")
    assert policy.logs[0].url == "https://log.example"
    assert policy.judge(TEXT + "\n" + signer.cosign(TEXT, TIME)).log == signer.verifier


def test_other_notes_than_checkpoints_are_refused() -> None:
    """A log key that signs something else does not make it a checkpoint."""
    policy = Policy.parse(EXAMPLE)
    with pytest.raises(CheckpointMalformed):
        policy.judge(note.sign("hello\n", LOG))
    with pytest.raises(NoteMalformed):
        policy.judge("hello\n")


def test_blank_lines_comments_and_whitespace() -> None:
    """Spaces and tabs separate, lines that begin with # and empty ones say nothing."""
    text = f" \t\n# {VKEY['X2']}\n\t # quorum none\n \twitness\t  X1 \t{VKEY['X1']}\t\nquorum X1 \n"
    policy = Policy.parse(text)
    assert [w.name for w in policy.witnesses] == ["X1"]
    assert policy.quorum == "X1"


W = some_witnesses(["X1", "X2", "X3"])  # three lines


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", None, "no quorum"),
        (W, None, "no quorum"),
        (W + "quorum X1", 4, "newline"),
        (W + "quorum X1\nquorum X1\n", 5, "one quorum"),
        (W + "quorum\n", 4, "quorum <name>"),
        (W + "quorum X1 X2\n", 4, "quorum <name>"),
        (W + "quorum X4\n", 4, "X4 is not"),
        ("quorum X1\n" + W, 1, "X1 is not"),
        (W + "group g 2 X1 X2 h\ngroup h any X3\nquorum g\n", 4, "h is not"),
        (W + "group g any g\nquorum g\n", 4, "g is not"),
        (W + "group g any none\nquorum g\n", 4, "none is not"),
        (W + "group none any X1\nquorum none\n", 4, "nobody"),
        (f"witness none {VKEY['X1']}\nquorum none\n", 1, "nobody"),
        (W + "group X1 any X2\nquorum X1\n", 4, "defined already"),
        (W + f"witness X1 {VKEY['Y1']}\nquorum X1\n", 4, "defined already"),
        (W + "group g any X1\ngroup g any X2\nquorum g\n", 5, "defined already"),
        (W + "group g any X1\ngroup h any X1\nquorum h\n", 5, "X1 is a member of g already"),
        (W + "group g 2 X1 X1\nquorum g\n", 4, "X1 is a member of g already"),
        (W + "group g any X1\ngroup h 2 g g\nquorum h\n", 5, "g is a member of h already"),
        (W + "group g\nquorum X1\n", 4, "group <name>"),
        (W + "group g any\nquorum X1\n", 4, "group <name>"),
        (W + "group g 0 X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + "group g 3 X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + "group g 02 X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + "group g +2 X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + "group g ² X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + "group g ٢ X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + "group g -1 X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + f"group g {'9' * 5000} X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + "group g All X1 X2\nquorum g\n", 4, "from 1 to its 2"),
        (W + "Quorum X1\n", 4, "begins with"),
        (W + "wittness X4 abc\nquorum X1\n", 4, "begins with"),
        ("witness X1\nquorum X1\n", 1, "witness <name>"),
        ("witness\nquorum X1\n", 1, "witness <name>"),
        (f"witness X1 {VKEY['X1']} https://w.example more\nquorum X1\n", 1, "witness <name>"),
        ("log\nquorum none\n", 1, "log <vkey>"),
        (f"log {LOG.verifier.vkey} https://l.example more\nquorum none\n", 1, "log <vkey>"),
        (f"log {LOG.verifier.vkey}\n" * 2 + "quorum none\n", 2, "already"),
        (f"witness W {LOG.verifier.vkey}\nquorum W\n", 1, "0x04"),
        (f"log {VKEY['X1']}\nquorum none\n", 1, "0x04"),
        (f"log {LOG.verifier.vkey[:-1]}\nquorum none\n", 1, "base64"),
        (f"witness W {VKEY['X2'].replace('X2', 'X3')}\nquorum W\n", 1, "key id"),
        (W + "quorum X1\r\n", 4, "control"),
        (W + "# nul \x00\nquorum X1\n", 4, "control"),
        (W + "# del \x7f\nquorum X1\n", 4, "control"),
        (W + "quorum X1\x0b\n", 4, "control"),
        (W + "quorum\u00a0X1\n", 4, "begins with"),  # no space that separates
        ("#" * 1_000_000 + "\nquorum none\n", None, "longer"),
    ],
)
def test_what_is_no_policy(text: str, line: int | None, says: str) -> None:
    """Each is refused, with the number of the line and what is wrong there."""
    with pytest.raises(PolicyMalformed, match=says) as caught:
        Policy.parse(text)
    assert caught.value.line == line
    if line is not None:
        assert str(caught.value).startswith(f"line {line}: ")


def test_a_key_under_two_names_is_one_witness() -> None:
    """The same public key, under another key name too, cannot be counted twice."""
    renamed = CosignatureSigner("other.example", WITNESSES["X1"].private_key).verifier.vkey
    for vkey in (VKEY["X1"], renamed):
        with pytest.raises(PolicyMalformed, match="already") as caught:
            Policy.parse(some_witnesses(["X1"]) + f"witness X2 {vkey}\nquorum X1\n")
        assert caught.value.line == 2


def test_names_are_bytes() -> None:
    """A Kelvin sign is no K, and bytes that are no UTF-8 are a name like any other."""
    vkey = VKEY["X1"].encode()
    good = policies.decode(b"witness \xff\xfe " + vkey + b"\nquorum \xff\xfe\n")
    assert Policy.parse(good).judge(cosigned(["X1"]), [LOG.verifier]).quorum_met
    for other in (b"\xff", "\u212a".encode()):
        with pytest.raises(PolicyMalformed, match="not a witness"):
            Policy.parse(policies.decode(b"witness K " + vkey + b"\nquorum " + other + b"\n"))


def test_a_policy_can_have_sixty_four_of_each() -> None:
    """C2SP asks for 32. The 65th of each kind is refused, and all 64 signatures fit in a note."""
    signers = [CosignatureSigner(f"w{i}.example", private_key(f"w{i}")) for i in range(65)]
    logs = [f"log {Signer(f'l{i}.example', private_key(f'l{i}')).verifier.vkey}" for i in range(65)]
    witnesses = [f"witness w{i} {s.verifier.vkey}" for i, s in enumerate(signers)]
    groups = [f"group g{i} any w{i}" if i < 64 else "group g64 any g0" for i in range(65)]
    lines = [*logs[:64], *witnesses[:64], *groups[:63]]
    top = "group top 63 " + " ".join(f"g{i}" for i in range(63))
    policy = Policy.parse("\n".join([*lines, top, "quorum top", ""]))
    assert [len(policy.logs), len(policy.witnesses), len(policy.groups)] == [64, 64, 64]
    log = Signer("l5.example", private_key("l5"))
    text = checkpoint.format(Checkpoint(log.name, 7, bytes(32)))
    signed = note.sign(text, log) + "".join(s.cosign(text, TIME) for s in signers[:64])
    judgement = policy.judge(signed)
    assert judgement.quorum_met
    assert (len(judgement.cosigned), len(judgement.counted), judgement.of) == (64, 63, 63)
    for kind, more in (("logs", logs), ("witnesses", witnesses)):
        with pytest.raises(PolicyMalformed, match=f"at most 64 {kind}"):
            Policy.parse("\n".join([*more, "quorum none", ""]))
    with pytest.raises(PolicyMalformed, match="at most 64 groups"):
        Policy.parse("\n".join([*witnesses[:64], *groups, "quorum none", ""]))


def test_a_chain_of_groups_is_followed_to_its_end() -> None:
    """Sixty-four groups, each in the next: the deepest nesting there can be."""
    groups = ["group g0 any X1", *(f"group g{i} all g{i - 1}" for i in range(1, 64))]
    policy = Policy.parse(some_witnesses(["X1"]) + "\n".join([*groups, "quorum g63", ""]))
    assert policy.judge(cosigned(["X1"]), [LOG.verifier]).quorum_met
    assert not policy.judge(SIGNED, [LOG.verifier]).quorum_met


WORDS = st.sampled_from(
    [
        *("log", "witness", "group", "quorum", "none", "all", "any", "1", "2", "3", "a", "b"),
        *("#", "\n", "\x00", "\ud800", "\u2028"),
        *(VKEY["X1"], VKEY["X2"], LOG.verifier.vkey),
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS, max_size=40))
def test_any_text_is_a_policy_or_names_its_fault(words: list[str]) -> None:
    """Nothing but PolicyMalformed comes out, and what is accepted judges without a crash."""
    text = " ".join(words) + "\n"
    try:
        policy = Policy.parse(text)
    except PolicyMalformed:
        return
    policy.judge(cosigned(NAMES), [] if policy.logs else [LOG.verifier])
    assert policy.rule()
