"""One lie per check of a quorum's signature, beside the honest one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from quorum_case import (
    SECRETS,
    honest,
    judged,
    member,
    payload_by,
    proven,
    quorum,
    refused,
    with_payload,
)

from verifiable.backends.base import Options
from verifiable.backends.quorum import curve
from verifiable.backends.quorum.backend import QuorumBackend
from verifiable.backends.quorum.curve import GROUP_ORDER, possession_of, public_key_of, sign
from verifiable.backends.quorum.format import Payload, message_of
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.members import Member
from verifiable.backends.quorum.points import FIELD_PRIME, G2_BYTES
from verifiable.backends.quorum.verify import QUORUM_CHECKS
from verifiable.errors import MalformedFile, VerificationError
from verifiable.statement.policy import Policy
from verifiable.verification import evaluate, verify

NEUTRAL = b"\xc0" + bytes(G2_BYTES - 1)


def signed_by(*names: str) -> Payload:
    signers = {name: SECRETS[name] for name in names}
    return payload_by(quorum(), signers, proven().statement)


@pytest.mark.parametrize("names", [("alder", "cedar"), ("birch", "alder"), tuple(SECRETS)])
def test_enough_members_prove(names: tuple[str, ...]) -> None:
    verdict = judged(with_payload(signed_by(*names)), quorum())
    assert verdict.outcome == "proven"
    assert [check.id for check in verdict.checks if check.id.startswith("QR")] == [
        spec.id for spec in QUORUM_CHECKS
    ]
    (told,) = [text for text in verdict.establishes if "signed this statement" in text]
    assert f"{len(names)} of the 3 named parties" in told
    assert all(name in told for name in names)
    limits = " ".join(verdict.does_not_establish)
    assert "2 or more of these 3 parties sign what they did not compute" in limits
    assert "independent" in limits


def test_the_default_policy_does_not_accept_it() -> None:
    with pytest.raises(VerificationError) as caught:
        verify(honest(), Policy(), keys={"quorum": quorum().to_key()})
    assert caught.value.code == "backend-not-accepted"


def test_qr_1_another_quorum() -> None:
    """The same members, but any one of them is enough: not what the verifier trusts."""
    weaker = quorum(1)
    payload = payload_by(weaker, {"alder": SECRETS["alder"]}, proven().statement)
    assert judged(with_payload(payload), weaker).outcome == "proven"
    refused(judged(with_payload(payload), quorum()), "QR-1", "wrong-quorum")


def test_qr_1_claims_to_be_this_quorum() -> None:
    """Only the name of the quorum is another; members signed for the trusted one."""
    payload = replace(signed_by("alder", "cedar"), key_digest=quorum(1).digest)
    refused(judged(with_payload(payload), quorum()), "QR-1", "wrong-quorum")


def test_qr_1_undecided_without_a_quorum() -> None:
    refused(judged(honest(), None), "QR-1", "no-quorum-key", outcome="undecided")


def test_qr_2_key_outside_the_subgroup() -> None:
    stranger = replace(member("dog rose", 104), public_key=_off_subgroup())
    key = QuorumKey.of([*quorum().members, stranger], 2)
    payload = payload_by(key, {"alder": 101, "cedar": 103}, proven().statement)
    refused(judged(with_payload(payload), key), "QR-2", "member-key-invalid")


def test_qr_3_key_made_from_anothers() -> None:
    """Its maker signs for both alone; no proof of possession of it can be had."""
    victim = member("alder", SECRETS["alder"])
    made = _difference(777, victim.public_key)
    for possession in (possession_of(777), victim.possession):
        rogue = Member(name="rogue", public_key=made, possession=possession)
        key = QuorumKey.of([victim, rogue], 2)
        message = message_of(key.digest, proven().statement.digest)
        payload = Payload(key_digest=key.digest, signers=b"\x03", signature=sign(777, message))
        refused(judged(with_payload(payload), key), "QR-3", "possession-not-proven")


def test_qr_3_nobody_vouches_for_a_key_made_from_anothers() -> None:
    """A contract sees no proof of possession, so neither a record nor evidence is made of it."""
    victim = member("alder", SECRETS["alder"])
    made = _difference(777, victim.public_key)
    rogue = Member(name="rogue", public_key=made, possession=victim.possession)
    key = QuorumKey.of([victim, rogue], 2)
    message = message_of(key.digest, proven().statement.digest)
    payload = Payload(key_digest=key.digest, signers=b"\x03", signature=sign(777, message))
    backend = QuorumBackend()
    options = Options(cache_dir=Path("unused"))
    for act in (
        lambda: backend.require_owners(key.to_key()),
        lambda: backend.door_evidence(with_payload(payload), key.to_key(), options),
    ):
        with pytest.raises(MalformedFile) as caught:
            act()
        assert caught.value.code == "possession-not-proven"
        assert "rogue" in str(caught.value)


def test_qr_3_signature_of_something_else() -> None:
    """A signature of the key, but under the tag for statements, is no proof of possession."""
    public_key = public_key_of(105)
    stranger = Member(name="elm", public_key=public_key, possession=sign(105, public_key))
    key = QuorumKey.of([*quorum().members, stranger], 2)
    payload = payload_by(key, {"alder": 101, "cedar": 103}, proven().statement)
    refused(judged(with_payload(payload), key), "QR-3", "possession-not-proven")


@pytest.mark.parametrize("signers", ["85", "0500", "0d", ""])
def test_qr_4_bits_of_nobody(signers: str) -> None:
    payload = replace(signed_by("alder", "cedar"), signers=bytes.fromhex(signers))
    if signers not in ("", "0500"):
        honest_bits = signed_by("alder", "cedar").signers[0]
        payload = replace(payload, signers=bytes((honest_bits | bytes.fromhex(signers)[0] & 0xF8,)))
    refused(judged(with_payload(payload), quorum()), "QR-4", "signers-malformed")


def test_qr_5_too_few() -> None:
    refused(judged(with_payload(signed_by("birch")), quorum()), "QR-5", "threshold-not-met")


def test_qr_5_nobody() -> None:
    payload = replace(signed_by("alder", "cedar"), signers=b"\x00", signature=NEUTRAL)
    refused(judged(with_payload(payload), quorum()), "QR-5", "threshold-not-met")


def test_qr_6_members_who_cancel_out() -> None:
    """Three keys that each show to be held, and whose sum signs everything with nothing."""
    members = [member("a", 201), member("b", 202), member("c", GROUP_ORDER - 403)]
    key = QuorumKey.of(members, 3)
    payload = Payload(key_digest=key.digest, signers=b"\x07", signature=NEUTRAL)
    refused(judged(with_payload(payload), key), "QR-6", "signers-cancel-out")


def test_qr_7_not_a_point() -> None:
    good = signed_by("alder", "cedar")
    flags_of_infinity = bytes((good.signature[0] | 0x40,)) + good.signature[1:]
    x_beyond = good.signature[:48] + (
        int.from_bytes(good.signature[48:], "big") + FIELD_PRIME
    ).to_bytes(48, "big")
    for bad in (NEUTRAL, bytes(96), flags_of_infinity, x_beyond, _off_subgroup_g2()):
        payload = replace(good, signature=bad)
        refused(judged(with_payload(payload), quorum()), "QR-7", "signature-not-a-point")


def test_qr_8_another_statement() -> None:
    """The signature of another context, on which the whole statement depends."""
    other = proven(b"\x01" * 32)
    payload = payload_by(quorum(), {"alder": 101, "cedar": 103}, other.statement)
    assert judged(replace(other, payload=payload.encode()), quorum()).outcome == "proven"
    refused(judged(with_payload(payload), quorum()), "QR-8", "quorum-signature-invalid")


def test_qr_8_other_signers_than_named() -> None:
    payload = replace(signed_by("alder", "cedar"), signers=signed_by("alder", "birch").signers)
    refused(judged(with_payload(payload), quorum()), "QR-8", "quorum-signature-invalid")


def test_qr_8_signed_for_another_quorum() -> None:
    payload = payload_by(
        quorum(), {"alder": 101, "cedar": 103}, proven().statement, digest=quorum(1).digest
    )
    refused(judged(with_payload(payload), quorum()), "QR-8", "quorum-signature-invalid")


def test_qr_8_the_other_sign() -> None:
    payload = signed_by("alder", "cedar")
    turned = bytes((payload.signature[0] ^ 0x20,)) + payload.signature[1:]
    refused(
        judged(with_payload(replace(payload, signature=turned)), quorum()),
        "QR-8",
        "quorum-signature-invalid",
    )


def test_the_verifier_names_the_quorum() -> None:
    """A key that the caller derived; the verdict says so."""
    verdict = evaluate(
        honest(),
        Policy(backends={"quorum": None}, program_roots=frozenset({proven().program.program_root})),
        keys={"quorum": quorum().to_key()},
    )
    assert verdict.outcome == "proven"


def _off_subgroup() -> bytes:
    """A point of G1's curve that is not in the subgroup of prime order."""
    for x in range(1, 200):
        square = (x**3 + 4) % FIELD_PRIME
        y = pow(square, (FIELD_PRIME + 1) // 4, FIELD_PRIME)
        data = bytes((0x80,)) + x.to_bytes(47, "big")
        if y * y % FIELD_PRIME == square and not curve.is_key_in_subgroup(data):
            return data
    raise AssertionError("every small point is in the subgroup")


def _off_subgroup_g2() -> bytes:
    from py_ecc.bls.g2_primitives import signature_to_G2, subgroup_check

    for x in range(1, 200):
        data = bytes((0x80,)) + bytes(47) + x.to_bytes(48, "big")
        try:
            point = signature_to_G2(data)
        except ValueError:
            continue
        if not subgroup_check(point):
            return data
    raise AssertionError("every small point is in the subgroup")


def _difference(secret: int, public_key: bytes) -> bytes:
    from py_ecc.bls.g2_primitives import G1_to_pubkey, pubkey_to_G1
    from py_ecc.optimized_bls12_381 import G1, add, multiply, neg

    return bytes(G1_to_pubkey(add(multiply(G1, secret), neg(pubkey_to_G1(public_key)))))
