"""Judging a quorum's signature: every check by id, nothing believed because the proof says so.

Trusted is the key: that its members are who their names say, and that fewer than the threshold of
them would sign what they did not compute.
"""

from __future__ import annotations

from collections.abc import Callable

from verifiable.backends.base import Judgement, Key
from verifiable.backends.quorum.curve import (
    aggregate_keys,
    is_key_in_subgroup,
    is_signature,
    is_signed,
    possessions_hold,
)
from verifiable.backends.quorum.format import (
    VERSION,
    Payload,
    bitmap_of,
    message_of,
    signers_in,
)
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.members import Member
from verifiable.statement.checks import CheckSpec
from verifiable.statement.proof import Proof
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check

__all__ = ["QUORUM_CHECKS", "judge_quorum"]

QR_1 = CheckSpec(
    id="QR-1",
    name="quorum pinned",
    codes=("wrong-quorum", "no-quorum-key"),
    refuses="The signature of another quorum than the key names; undecided without a key: whoever "
    "makes a proof must not choose who vouches.",
)
QR_2 = CheckSpec(
    id="QR-2",
    name="member keys",
    codes=("member-key-invalid",),
    refuses="A quorum with a public key outside the subgroup of prime order.",
)
QR_3 = CheckSpec(
    id="QR-3",
    name="possession of keys",
    codes=("possession-not-proven",),
    refuses="A quorum with a member that does not show that it holds its key: one made from the "
    "others' keys would let its maker sign for all of them.",
)
QR_4 = CheckSpec(
    id="QR-4",
    name="signers named",
    codes=("signers-malformed",),
    refuses="A bitmap of another size than the members take, or with a bit that stands for nobody.",
)
QR_5 = CheckSpec(
    id="QR-5",
    name="threshold",
    codes=("threshold-not-met",),
    refuses="Fewer signers than the key demands.",
)
QR_6 = CheckSpec(
    id="QR-6",
    name="sum of the keys",
    codes=("signers-cancel-out",),
    refuses="Signers whose keys add up to the neutral point, under which anything is signed.",
)
QR_7 = CheckSpec(
    id="QR-7",
    name="signature's point",
    codes=("signature-not-a-point",),
    refuses="A signature that is not one encoding of a point of prime order.",
)
QR_8 = CheckSpec(
    id="QR-8",
    name="signature",
    codes=("quorum-signature-invalid",),
    refuses="A signature that is not the signers' of this statement under this key: of another "
    "program, input, output or context, of other signers, or of another quorum.",
)
QUORUM_CHECKS = (QR_1, QR_2, QR_3, QR_4, QR_5, QR_6, QR_7, QR_8)


def judge_quorum(proof: Proof, key: Key | None) -> Judgement:
    """Judge a payload; see `Backend.judge`.

    Raises:
        MalformedProof: the payload cannot be decoded.
        MissingDependency: py-ecc is not installed.
    """
    payload = Payload.decode(proof.payload)
    quorum = None if key is None else QuorumKey.from_fields(key.fields)
    checks = [_examine_pin(payload, quorum)]
    signers: tuple[Member, ...] = ()
    if quorum is not None and checks[0].ok:
        places = signers_in(payload.signers, len(quorum.members))
        signers = tuple(quorum.members[index] for index in places)
        rest: tuple[Callable[[], Check], ...] = (
            lambda: _examine_keys(quorum),
            lambda: _examine_possession(quorum),
            lambda: _examine_bitmap(payload, quorum),
            lambda: _examine_threshold(quorum, signers),
            lambda: _examine_sum(signers),
            lambda: _examine_point(payload),
            lambda: _examine_signature(proof, payload, quorum, signers),
        )
        for examine in rest:
            checks.append(examine())
            if not checks[-1].ok:
                break
    every = _completed(checks)
    if quorum is None or not all(check.ok for check in every):
        return Judgement(checks=every)
    return _judgement(every, quorum, signers)


def _completed(checks: list[Check]) -> tuple[Check, ...]:
    """All checks in order; those that were not reached are skipped."""
    done = {check.id: check for check in checks}
    bad = next((check.id for check in checks if not check.ok), "")
    hint = f"{bad} did not pass"
    return tuple(done.get(spec.id) or spec.skipped(hint=hint) for spec in QUORUM_CHECKS)


def _judgement(
    checks: tuple[Check, ...], quorum: QuorumKey, signers: tuple[Member, ...]
) -> Judgement:
    """What a quorum's signature establishes, and whom one trusts for it."""
    total = len(quorum.members)
    return Judgement(
        checks=checks,
        establishes=(
            f"{len(signers)} of the {total} named parties signed this statement, and "
            f"{quorum.threshold} had to: {_names(signers)}",
        ),
        does_not_establish=(
            f"anything if {quorum.threshold} or more of these {total} parties sign what they did "
            f"not compute: {_names(quorum.members)}",
            "that the parties are independent: one operator, one provider or one fault may stand "
            "behind several names",
            "who is behind a name: whoever made the key vouches for that",
            "that a party executed the program itself before it signed",
            "when a party signed",
        ),
        reveals=("which of the parties signed: in the proof file",),
        verified_version=VERSION,
        details=(f"quorum {encode_hex(quorum.digest)}, {quorum.threshold} of {total}",),
    )


def _examine_pin(payload: Payload, quorum: QuorumKey | None) -> Check:
    # QR-1: the relying party says who vouches, never the proof.
    found = encode_hex(payload.key_digest)
    if quorum is None:
        return QR_1.undecided(
            "no-quorum-key",
            found=found,
            hint="give --quorum with the quorum that you trust, or --lock with one that holds it",
        )
    expected = encode_hex(quorum.digest)
    if payload.key_digest != quorum.digest:
        return QR_1.failed(
            expected=expected,
            found=found,
            hint="the proof was made by another quorum than the one that you trust",
        )
    return QR_1.ok(expected=expected, found=f"{found}, {quorum.threshold} of {_count(quorum)}")


def _examine_keys(quorum: QuorumKey) -> Check:
    # QR-2: pairings say nothing of points outside their groups.
    expected = f"{_count(quorum)} keys of prime order"
    bad = tuple(item for item in quorum.members if not is_key_in_subgroup(item.public_key))
    if bad:
        return QR_2.failed(
            expected=expected, found=f"not those of {_names(bad)}", hint="make the quorum anew"
        )
    return QR_2.ok(expected=expected, found=expected)


def _examine_possession(quorum: QuorumKey) -> Check:
    # QR-3: without it a key may be another's with the sign turned, and a name of its own.
    expected = f"{_count(quorum)} proofs of possession"
    if not possessions_hold(tuple((item.public_key, item.possession) for item in quorum.members)):
        return QR_3.failed(
            expected=expected,
            found="at least one does not hold",
            hint="whoever made the key took in a member that does not show to hold its own",
        )
    return QR_3.ok(expected=expected, found=expected)


def _examine_bitmap(payload: Payload, quorum: QuorumKey) -> Check:
    # QR-4: one set of signers has one encoding.
    count = _count(quorum)
    expected = f"{(count + 7) // 8} bytes, a bit for each of {count} members"
    if payload.signers != bitmap_of(signers_in(payload.signers, count), count):
        return QR_4.failed(
            expected=expected,
            found=encode_hex(payload.signers),
            hint="the file was damaged, or made for another quorum",
        )
    return QR_4.ok(expected=expected, found=encode_hex(payload.signers))


def _examine_threshold(quorum: QuorumKey, signers: tuple[Member, ...]) -> Check:
    # QR-5: fewer may be in league.
    expected = f"{quorum.threshold} or more signers"
    found = f"{len(signers)}: {_names(signers)}"
    if len(signers) < quorum.threshold:
        return QR_5.failed(
            expected=expected, found=found, hint="ask more members to execute and to sign"
        )
    return QR_5.ok(expected=expected, found=found)


def _examine_sum(signers: tuple[Member, ...]) -> Check:
    # QR-6: members in league can choose keys that cancel; then nobody needs to sign.
    expected = "not the neutral point"
    if aggregate_keys([item.public_key for item in signers]) is None:
        return QR_6.failed(
            expected=expected,
            found=f"the keys of {_names(signers)} cancel out",
            hint="these members chose their keys together; do not trust this quorum",
        )
    return QR_6.ok(expected=expected, found=expected)


def _examine_point(payload: Payload) -> Check:
    # QR-7: one signature has one encoding, and no part outside the group.
    expected = "a point of prime order"
    if not is_signature(payload.signature):
        return QR_7.failed(
            expected=expected,
            found=encode_hex(payload.signature),
            hint="the file was damaged or made by another program",
        )
    return QR_7.ok(expected=expected, found=expected)


def _examine_signature(
    proof: Proof, payload: Payload, quorum: QuorumKey, signers: tuple[Member, ...]
) -> Check:
    # QR-8: the message is computed here, from the trusted key and the statement that was checked.
    expected = f"statement {encode_hex(proof.statement.digest)}, signed by {_names(signers)}"
    total = aggregate_keys([item.public_key for item in signers])
    message = message_of(quorum.digest, proof.statement.digest)
    if total is None or not is_signed(total, message, payload.signature):
        return QR_8.failed(
            expected=expected,
            found="not so signed",
            hint="the proof was altered, or put together from signatures of something else",
        )
    return QR_8.ok(expected=expected, found=expected)


def _count(quorum: QuorumKey) -> int:
    return len(quorum.members)


def _names(members: tuple[Member, ...]) -> str:
    return ", ".join(member.name for member in members) or "nobody"
