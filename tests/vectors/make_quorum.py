"""Write `quorum.json`: a quorum, its evidence for a chain, and evidence that is refused.

    python tests/vectors/make_quorum.py

Checked by the contract itself, in forge (`contracts/test/inference/QuorumDoor.t.sol`), and by
`tests/chain/contracts/test_quorum_door.py` on the chains that are here. The points under `hashed`
are those of RFC 9380, appendix J.10.1; the library's own hash is checked against the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from verifiable.backends.quorum.curve import (
    GROUP_ORDER,
    g2_evm,
    possession_of,
    public_key_of,
    sign,
)
from verifiable.backends.quorum.format import bitmap_of, message_of
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.members import Member
from verifiable.backends.quorum.onchain import membership_of
from verifiable.backends.quorum.points import FIELD_PRIME, g1_evm, read_g1
from verifiable.backends.quorum.signing import combine, sign_statement
from verifiable.statement.hashing import keccak
from verifiable.statement.statement import ProgramRoot, Statement, TensorRoot
from verifiable.statement.strict_json import encode_hex

TARGET = Path(__file__).with_name("quorum.json")
SECRETS = {"alder": 101, "birch": 102, "cedar": 103}
STATEMENT = Statement(
    program_root=ProgramRoot(b"\x11" * 32),
    input_root=TensorRoot(b"\x22" * 32),
    output_root=TensorRoot(b"\x33" * 32),
    context=b"\x44" * 32,
)
NEUTRAL_G1, NEUTRAL_G2 = bytes(128), bytes(256)

_TAG = "QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_"
_HASHED = {
    "": (
        "0141ebfbdca40eb85b87142e130ab689c673cf60f1a3e98d69335266f30d9b8d4ac44c1038e9dcdd5393faf5c41fb78a",
        "05cb8437535e20ecffaef7752baddf98034139c38452458baeefab379ba13dff5bf5dd71b72418717047f5b0f37da03d",
        "0503921d7f6a12805e72940b963c0cf3471c7b2a524950ca195d11062ee75ec076daf2d4bc358c4b190c0c98064fdd92",
        "12424ac32561493f3fe3c260708a12b7c620e7be00099a974e259ddc7d1f6395c3c811cdd19f1e8dbf3e9ecfdcbab8d6",
    ),
    "abcdef0123456789": (
        "121982811d2491fde9ba7ed31ef9ca474f0e1501297f68c298e9f4c0028add35aea8bb83d53c08cfc007c1e005723cd0",
        "190d119345b94fbd15497bcba94ecf7db2cbfd1e1fe7da034d26cbba169fb3968288b3fafb265f9ebd380512a71c3f2c",
        "05571a0f8d3c08d094576981f4a3b8eda0a8e771fcdcc8ecceaf1356a6acf17574518acb506e435b639353c2e14827c8",
        "0bb5e7572275c567462d91807de765611490205a941a5a6af3b1691bfe596c31225d3aabdf15faff860cb4ef17c7c3be",
    ),
}


def quorum(secrets: dict[str, int], threshold: int) -> QuorumKey:
    """A quorum whose members hold these secret keys."""
    members = (
        Member(name=name, public_key=public_key_of(secret), possession=possession_of(secret))
        for name, secret in secrets.items()
    )
    return QuorumKey.of(members, threshold)


def raw(threshold: int, keys: Sequence[bytes], signers: bytes, secret: int) -> dict[str, str]:
    """Evidence by a quorum that the library would not make, signed by the sum of its secrets."""
    sizes = threshold.to_bytes(2, "big") + len(keys).to_bytes(2, "big")
    preimage = bytes(32) + sizes + b"".join(keys)
    digest = keccak(b"verifiable/quorum-key/v1\x00" + preimage)
    message = message_of(digest, STATEMENT.digest)
    signature = g2_evm(sign(secret, message)) if secret else NEUTRAL_G2
    return {"key_digest": encode_hex(digest), "proof": encode_hex(preimage + signers + signature)}


def long_key(secret: int) -> bytes:
    """The public key of a secret key as a chain takes it."""
    return g1_evm(read_g1(public_key_of(secret)))


def in_order(*secrets: int) -> list[bytes]:
    """Public keys in the order of a quorum."""
    return sorted(map(long_key, secrets))


def refused(honest: QuorumKey, proof: bytes) -> dict[str, dict[str, str]]:
    """Evidence by the guard that refuses it."""
    keys_end = 36 + 128 * len(honest.members)
    message = message_of(honest.digest, STATEMENT.digest)
    one = bitmap_of([0], 3)
    first = next(
        secret
        for secret in SECRETS.values()
        if public_key_of(secret) == honest.members[0].public_key
    )
    alone = honest.preimage + one + g2_evm(sign(first, message))
    trailing = bytes((proof[keys_end] | 0x80,))
    a, b = 201, 202
    last = GROUP_ORDER - a - b
    twice = [long_key(a), long_key(a)]
    mirrored = long_key(a)[:64] + (FIELD_PRIME - read_g1(public_key_of(a))[1]).to_bytes(64, "big")
    many = sorted(map(long_key, range(300, 333)))
    holder = next(s for s in range(300, 333) if long_key(s) == many[0])
    lowest = next(s for s in (a, b) if long_key(s) == in_order(a, b)[0])
    digest = encode_hex(honest.digest)
    return {
        "IV-43 no threshold": raw(0, in_order(a, b), b"\x01", lowest),
        "IV-43 threshold above": raw(3, in_order(a, b), b"\x03", a + b),
        "IV-43 too many": raw(1, many, b"\x01\x00\x00\x00\x00", holder),
        "IV-44 twice": raw(2, twice, b"\x03", 2 * a),
        "IV-44 other sign": raw(1, [long_key(a), mirrored], b"\x01", a),
        "IV-44 backwards": raw(2, in_order(a, b)[::-1], b"\x03", a + b),
        "IV-44 neutral": raw(2, [NEUTRAL_G1, long_key(a)], b"\x03", a),
        "IV-45 trailing bit": {
            "key_digest": digest,
            "proof": encode_hex(proof[:keys_end] + trailing + proof[keys_end + 1 :]),
        },
        "IV-46 one of two": {"key_digest": digest, "proof": encode_hex(alone)},
        "IV-47 cancel out": raw(3, in_order(a, b, last), b"\x07", 0),
    }


def vectors() -> dict[str, object]:
    """All of the file."""
    honest = quorum(SECRETS, 2)
    by_key = {public_key_of(secret): secret for secret in SECRETS.values()}
    partials = [
        sign_statement(by_key[honest.members[index].public_key], honest, STATEMENT)
        for index in (0, 2)
    ]
    payload = combine(honest, STATEMENT, partials)
    proof = honest.preimage + payload.signers + g2_evm(payload.signature)
    members = []
    for member in honest.members:
        key, possession = membership_of(member)
        members.append(
            {
                "name": member.name,
                "public_key": encode_hex(member.public_key),
                "long_key": encode_hex(key),
                "possession": encode_hex(possession),
            }
        )
    return {
        "about": "golden vectors of docs/formats/quorum-payload.md",
        "generator": "tests/vectors/make_quorum.py",
        "checkers": [
            "contracts/test/inference/QuorumDoor.t.sol",
            "tests/chain/contracts/test_quorum_door.py",
        ],
        "hashed": {
            "tag": encode_hex(_TAG.encode()),
            "messages": [encode_hex(message.encode()) for message in _HASHED],
            "points": [
                encode_hex(b"".join(bytes.fromhex(number).rjust(64, b"\0") for number in numbers))
                for numbers in _HASHED.values()
            ],
        },
        "statement": {
            "program_root": encode_hex(STATEMENT.program_root),
            "input_root": encode_hex(STATEMENT.input_root),
            "output_root": encode_hex(STATEMENT.output_root),
            "context": encode_hex(STATEMENT.context),
            "digest": encode_hex(STATEMENT.digest),
        },
        "quorum": {
            "fields": dict(honest.to_key().fields),
            "key_digest": encode_hex(honest.digest),
            "preimage": encode_hex(honest.preimage),
            "members": members,
            "payload": payload.encode().decode(),
            "proof": encode_hex(proof),
        },
        "claimed": claimed(read_g1(public_key_of(SECRETS["alder"]))),
        "refused": refused(honest, proof),
    }


def claimed(honest: tuple[int, int]) -> dict[str, str]:
    """A key made from another's, whose maker can sign for both together but not for itself."""
    from py_ecc.optimized_bls12_381 import FQ, G1, add, multiply, neg, normalize

    other = (FQ(honest[0]), FQ(honest[1]), FQ(1))
    x, y = normalize(add(multiply(G1, 777), neg(other)))
    return {
        "long_key": encode_hex(g1_evm((int(x), int(y)))),
        "possession": encode_hex(g2_evm(possession_of(777))),
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {TARGET.name}")
