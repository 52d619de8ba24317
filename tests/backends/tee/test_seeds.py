"""Keys from seeds: the formula itself, written out once more."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED, Seed, raw_public_key, sign_raw
from verifiable.errors import SetupError

OTHER = Seed(value=bytes(range(32)))
P256_ORDER = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
BUILTIN_ROOT_KEY = (
    "2b1c0c447ad86aa3d27f407d001b5d35cd2df229e9730b290d3dae23d2ebce49"
    "cc1b66d57e9254fe1556a523cb56bede928a9a2b47874041dc62c53e4e3ac86d"
)
SECP256K1_ORDER = int("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)


def hkdf_sha512(secret: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 without salt."""
    key = hmac.new(bytes(64), secret, hashlib.sha512).digest()
    output, block = b"", b""
    for counter in range(1, -(-size // 64) + 1):
        block = hmac.new(key, block + info + bytes((counter,)), hashlib.sha512).digest()
        output += block
    return output[:size]


def scalar(seed: Seed, label: str, order: int) -> int:
    return 1 + int.from_bytes(hkdf_sha512(seed.value, label.encode(), 64), "big") % (order - 1)


@pytest.mark.parametrize("seed", [BUILTIN_SEED, OTHER])
@pytest.mark.parametrize("label", ["intel/root", "x", ""])
def test_keys_follow_the_formula(seed: Seed, label: str) -> None:
    assert seed.p256(label).private_numbers().private_value == scalar(seed, label, P256_ORDER)
    assert seed.p384(label).private_numbers().private_value == scalar(seed, label, P384_ORDER)
    assert int.from_bytes(seed.secp256k1(label), "big") == scalar(seed, label, SECP256K1_ORDER)
    assert seed.derive(label, 200) == hkdf_sha512(seed.value, label.encode(), 200)


def test_the_builtin_keys_stay_what_they_are() -> None:
    # whoever pinned the built-in root did so by its key: another release must not change it
    assert BUILTIN_SEED.is_public
    assert raw_public_key(BUILTIN_SEED.p256("intel/root")).hex() == BUILTIN_ROOT_KEY


def test_labels_and_seeds_keep_keys_apart() -> None:
    keys = {
        raw_public_key(seed.p256(label)) for seed in (BUILTIN_SEED, OTHER) for label in ("a", "b")
    }
    serials = {seed.serial(label) for seed in (BUILTIN_SEED, OTHER) for label in ("a", "b")}
    assert len(keys) == len(serials) == 4
    assert not OTHER.is_public


def test_serial_numbers_fit_into_certificates() -> None:
    for number in range(50):
        serial = OTHER.serial(str(number))
        assert serial.bit_length() == 159  # 20 bytes of DER, positive
    assert OTHER.serial("1") == int.from_bytes(
        b"\x5f" + hkdf_sha512(OTHER.value, b"serial/1", 19), "big"
    )


def test_a_seed_must_not_be_guessed() -> None:
    assert Seed(value=bytes(16)).p256("a")
    with pytest.raises(SetupError) as caught:
        Seed(value=bytes(15))
    assert caught.value.code == "seed-too-short"
    assert Seed.random() != Seed.random()
    assert len(Seed.random().value) == 32


def test_a_seed_does_not_print_itself() -> None:
    assert "00010203" not in repr(OTHER)
    assert repr(OTHER) == "Seed()"


@pytest.mark.parametrize(("curve", "size"), [("p256", 32), ("p384", 48)])
def test_signatures_are_deterministic_and_hold(curve: str, size: int) -> None:
    key = getattr(OTHER, curve)("signer")
    signature = sign_raw(key, b"message")
    assert signature == sign_raw(key, b"message")
    assert signature != sign_raw(key, b"massage")
    assert len(signature) == 2 * size
    assert len(raw_public_key(key)) == 2 * size
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    digest = hashes.SHA256() if curve == "p256" else hashes.SHA384()
    key.public_key().verify(utils.encode_dss_signature(r, s), b"message", ec.ECDSA(digest))


def test_the_nonces_are_those_of_rfc_6979() -> None:
    # appendix A.2.5, P-256 with SHA-256, message "sample"
    key = ec.derive_private_key(
        0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1()
    )
    assert sign_raw(key, b"sample").hex() == (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )
