"""Hashing and signing against the numbers of the standards."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from verifiable.backends.quorum.curve import (
    GROUP_ORDER,
    POSSESSION_TAG,
    SIGNATURE_TAG,
    aggregate_keys,
    aggregate_signatures,
    derive_secret,
    g2_evm,
    is_signed,
    possession_of,
    possessions_hold,
    public_key_of,
    sign,
)
from verifiable.backends.quorum.points import evm_number, g1_evm, read_g1

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "quorum.json").read_text())

# eth2-interop: secret keys are SHA-256 of the index, little-endian, modulo the order.
INTEROP = {
    0: (
        "25295f0d1d592a90b333e26e85149708208e9f8e8bc18f6c77bd62f8ad7a6866",
        "a99a76ed7796f7be22d5b7e85deeb7c5677e88e511e0b337618f8c4eb61349b4bf2d153f649f7b53359fe8b94a38e44c",
    ),
    1: (
        "51d0b65185db6989ab0b560d6deed19c7ead0e24b9b6372cbecb1f26bdfad000",
        "b89bebc699769726a318c8e9971bd3171297c61aea4a6578a7a4f94b547dcba5bac16a89108b6b6a1fe3695d1a874a0b",
    ),
}


def test_hashing_to_the_group_is_the_standards() -> None:
    from py_ecc.bls.hash_to_curve import hash_to_G2
    from py_ecc.optimized_bls12_381 import normalize

    told = VECTORS["hashed"]
    for message, point in zip(told["messages"], told["points"], strict=True):
        found = normalize(
            hash_to_G2(bytes.fromhex(message[2:]), bytes.fromhex(told["tag"][2:]), sha256)
        )
        numbers = [evm_number(int(number)) for value in found for number in value.coeffs]
        assert b"".join(numbers).hex() == point[2:]


def test_public_keys_are_the_interop_ones() -> None:
    for index, (secret, public_key) in INTEROP.items():
        number = int.from_bytes(sha256(index.to_bytes(32, "little")).digest(), "little")
        assert number % GROUP_ORDER == int(secret, 16)
        assert public_key_of(int(secret, 16)).hex() == public_key


def test_the_tags_are_those_of_the_scheme() -> None:
    assert SIGNATURE_TAG == b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
    assert POSSESSION_TAG == b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"


def test_signatures_are_those_of_the_scheme() -> None:
    """The package's own implementation of the scheme, step by step another way through it."""
    from py_ecc.bls import G2ProofOfPossession as Scheme

    first, second = (int(secret, 16) for secret, _ in INTEROP.values())
    assert derive_secret(b"\x01" * 32) == Scheme.KeyGen(b"\x01" * 32)
    assert sign(first, b"message") == Scheme.Sign(first, b"message")
    assert Scheme.PopVerify(public_key_of(first), possession_of(first))
    keys = [public_key_of(first), public_key_of(second)]
    total = aggregate_signatures([sign(first, b"message"), sign(second, b"message")])
    assert total == sign((first + second) % GROUP_ORDER, b"message")
    assert Scheme.FastAggregateVerify(keys, b"message", total)
    assert is_signed(aggregate_keys(keys) or b"", b"message", total or b"")
    assert not is_signed(keys[0], b"message", total or b"")


def test_possession_is_judged_for_all_at_once() -> None:
    pairs = [(public_key_of(secret), possession_of(secret)) for secret in (7, 8)]
    assert possessions_hold(tuple(pairs))
    # errors that cancel in an unweighted sum do not cancel here
    crossed = ((pairs[0][0], pairs[1][1]), (pairs[1][0], pairs[0][1]))
    assert not possessions_hold(crossed)
    assert not possessions_hold((pairs[0], (pairs[1][0], pairs[0][1])))


def test_the_long_forms() -> None:
    for row in VECTORS["quorum"]["members"]:
        public_key = bytes.fromhex(row["public_key"][2:])
        assert g1_evm(read_g1(public_key)).hex() == row["long_key"][2:]
    assert len(g2_evm(sign(7, b"message"))) == 256


def test_the_recursion_limit_stays() -> None:
    code = (
        "import sys\nbefore = sys.getrecursionlimit()\n"
        "from verifiable.backends.quorum.curve import public_key_of\n"
        "public_key_of(7)\nassert 'py_ecc' in sys.modules\n"
        "print(sys.getrecursionlimit() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
