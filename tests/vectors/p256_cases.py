"""Inputs of P256VERIFY, and what OpenSSL says to them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
P256_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
TOP = 2**256 - 1


Case = tuple[str, bytes]


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def p256(rng: random.Random) -> Iterator[Case]:
    for number in range(8):
        secret, nonce = (rng.randrange(1, P256_N) for _ in range(2))
        key = p256_multiply(P256_G, secret)
        digest = 0 if number == 0 else TOP if number == 1 else rng.getrandbits(256)
        r = p256_multiply(P256_G, nonce)[0] % P256_N
        s = (digest + r * secret) * pow(nonce, -1, P256_N) % P256_N
        name = {0: "signature of digest 0", 1: "signature of digest 2 ** 256 - 1"}
        yield name.get(number, f"signature {number}"), words(digest, r, s, *key)
    good = words(digest, r, s, *key)
    x, y = key
    yield "signature with n - s, which is one too", words(digest, r, P256_N - s, x, y)
    yield "other digest", words(digest ^ 1, r, s, x, y)
    yield "other r", words(digest, r ^ 1, s, x, y)
    yield "other s", words(digest, r, s ^ 1, x, y)
    yield "other key", words(digest, r, s, *P256_G)
    yield "negative key", words(digest, r, s, x, P256_P - y)
    yield "r and s exchanged", words(digest, s, r, x, y)
    for name, value in (("0", 0), ("n", P256_N), ("2 ** 256 - 1", TOP)):
        yield f"r = {name}", words(digest, value, s, x, y)
        yield f"s = {name}", words(digest, r, value, x, y)
    yield "key not on the curve", words(digest, r, s, x, y ^ 1)
    # of digest 0, r = s = x is a signature by any (x, y) that the equation of the curve lets pass
    yield "digest 0 signed by r = s = x", words(0, x % P256_N, x % P256_N, x, y)
    yield "the same for a key not on the curve", words(0, x % P256_N, x % P256_N, x, y ^ 1)
    yield "key at infinity", words(digest, r, s, 0, 0)
    yield "key x = p", words(digest, r, s, P256_P, y)
    yield "key y = p", words(digest, r, s, x, P256_P)
    # the point with x = 0 written with x = p: only the range check tells them apart
    zero_y = pow(P256_B, (P256_P + 1) // 4, P256_P)
    nonce = rng.randrange(1, P256_N)
    zero = signed_by((0, zero_y), nonce, rng)
    yield "key x = 0", words(*zero, 0, zero_y)
    yield "key x = 0 written as p", words(*zero, P256_P, zero_y)
    # a nonce point with x >= n: r is x - n, which a comparison without reduction refuses
    px = P256_N
    while (py := p256_y(px)) is None:
        px += 1
    nonce_point = (px, py)
    r, s, digest = px - P256_N, rng.randrange(1, P256_N), rng.getrandbits(256)
    recovered = p256_recover(nonce_point, r, s, digest)
    yield "x of the nonce point is n or more", words(digest, r, s, *recovered)
    # u G + v K is the point at infinity
    secret = rng.randrange(1, P256_N)
    r, s = rng.randrange(1, P256_N), rng.randrange(1, P256_N)
    at_infinity = words(-r * secret % P256_N, r, s, *p256_multiply(P256_G, secret))
    yield "nonce point at infinity", at_infinity
    # u G and v K are the same point, so their sum is a doubling
    u = rng.randrange(1, P256_N)
    point = p256_multiply(P256_G, 2 * u)
    r = point[0] % P256_N
    secret = rng.randrange(1, P256_N)
    s = r * secret * pow(u, -1, P256_N) % P256_N
    yield "both terms equal", words(u * s % P256_N, r, s, *p256_multiply(P256_G, secret))
    yield "key is the generator", generator_signature(rng)
    yield "empty", b""
    yield "short", good[:-1]
    yield "long", good + b"\0"
    yield "zeros", bytes(160)


def p256_add(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """Affine and plain on purpose: it shares nothing with what it makes cases for."""
    (x1, y1), (x2, y2) = left, right
    if left == right:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P256_P)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P256_P)
    x = (slope * slope - x1 - x2) % P256_P
    return x, (slope * (x1 - x) - y1) % P256_P


def p256_multiply(point: tuple[int, int], scalar: int) -> tuple[int, int]:
    bits = bin(scalar % P256_N)[3:]
    result = point
    for bit in bits:
        result = p256_add(result, result)
        if bit == "1":
            result = p256_add(result, point)
    return result


def p256_y(x: int) -> int | None:
    square = (x**3 - 3 * x + P256_B) % P256_P
    y = pow(square, (P256_P + 1) // 4, P256_P)
    return y if y * y % P256_P == square else None


def p256_recover(point: tuple[int, int], r: int, s: int, digest: int) -> tuple[int, int]:
    """The key K with s R = z G + r K, for a nonce point R."""
    x, y = p256_multiply(P256_G, digest)
    total = p256_add(p256_multiply(point, s), (x, P256_P - y))
    return p256_multiply(total, pow(r, -1, P256_N))


def signed_by(key: tuple[int, int], nonce: int, rng: random.Random) -> tuple[int, int, int]:
    """A digest with a signature of it by a key whose secret is unknown: (digest, r, s)."""
    v = rng.randrange(1, P256_N)
    point = p256_add(p256_multiply(P256_G, nonce), p256_multiply(key, v))
    r = point[0] % P256_N
    s = r * pow(v, -1, P256_N) % P256_N
    return nonce * s % P256_N, r, s


def generator_signature(rng: random.Random) -> bytes:
    nonce, digest = rng.randrange(1, P256_N), rng.getrandbits(256)
    r = p256_multiply(P256_G, nonce)[0] % P256_N
    return words(digest, r, (digest + r) * pow(nonce, -1, P256_N) % P256_N, *P256_G)


def openssl_accepts(data: bytes) -> bool:
    """What `cryptography` says to an input of P256VERIFY."""
    if len(data) != 160:
        return False
    r, s, x, y = (int.from_bytes(data[at : at + 32], "big") for at in range(32, 160, 32))
    if max(x, y) >= P256_P:  # EIP-7951 refuses these; OpenSSL reduces them modulo p
        return False
    try:
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        signature = utils.encode_dss_signature(r, s)
        key.verify(signature, data[:32], ec.ECDSA(utils.Prehashed(SHA256())))
    except (ValueError, InvalidSignature):
        return False
    return True
