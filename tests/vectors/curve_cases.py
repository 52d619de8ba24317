"""Inputs of the precompiles over BN254 and BLS12-381."""

from __future__ import annotations

import random
from collections.abc import Iterator

from p256_cases import TOP, Case, words
from py_ecc import bls12_381, bn128


def bn_g1(point: object) -> bytes:
    return bytes(64) if point is None else words(*(int(value.n) for value in point))


def bn_g2(point: object) -> bytes:
    if point is None:
        return bytes(128)
    (x, y) = (value.coeffs for value in point)
    return words(int(x[1]), int(x[0]), int(y[1]), int(y[0]))


def ecadd(rng: random.Random) -> Iterator[Case]:
    g, p = bn128.G1, bn128.field_modulus
    other = bn128.multiply(g, rng.randrange(bn128.curve_order))
    yield "two points", bn_g1(g) + bn_g1(other)
    yield "a point twice", bn_g1(g) * 2
    yield "a point and its negative", bn_g1(g) + bn_g1(bn128.neg(g))
    yield "a point and infinity", bn_g1(other) + bytes(64)
    yield "infinity twice", bytes(128)
    yield "empty", b""
    yield "short", (bn_g1(g) * 2)[:70]
    yield "one point only", bn_g1(g)
    yield "long", bn_g1(g) + bn_g1(other) + b"\xff" * 32
    yield "not on the curve", words(1, 1, 0, 0)
    yield "second not on the curve", bn_g1(g) + words(1, 3)
    yield "coordinate p", words(p, 2, 0, 0)
    yield "coordinate x + p", words(1 + p, 2, 0, 0)
    yield "y = 2 ** 256 - 1", words(1, TOP, 0, 0)


def ecmul(rng: random.Random) -> Iterator[Case]:
    g, p, n = bn128.G1, bn128.field_modulus, bn128.curve_order
    for name, scalar in (
        ("0", 0),
        ("1", 1),
        ("2", 2),
        ("n - 1", n - 1),
        ("n", n),
        ("n + 1", n + 1),
        ("2 ** 256 - 1", TOP),
        ("random", rng.randrange(n)),
    ):
        yield f"scalar {name}", bn_g1(g) + words(scalar)
    yield "infinity", bytes(64) + words(7)
    yield "empty", b""
    yield "no scalar", bn_g1(g)
    yield "scalar cut", bn_g1(g) + b"\1"
    yield "long", bn_g1(g) + words(3) + b"\xff" * 32
    yield "not on the curve", words(1, 1, 2)
    yield "coordinate x + p", words(1 + p, 2, 2)


def square_root(a: int, b: int, p: int) -> tuple[int, int] | None:
    """A root of a + b i in the field of p^2 elements, where -1 is no square modulo p."""

    def root(value: int) -> int | None:
        candidate = pow(value, (p + 1) // 4, p)
        return candidate if candidate * candidate % p == value % p else None

    norm = root(a * a + b * b)
    if norm is None:
        return None
    for sign in (norm, -norm):
        real = root((a + sign) * pow(2, -1, p) % p)
        if real:
            imaginary = b * pow(2 * real, -1, p) % p
            return real, imaginary
    return None


def outside_subgroup(field: type, b: object, p: int, order: int, multiply: object) -> object:
    """The first point with a small x on the twist that is not in the group of prime order."""
    for start in range(1, 100):
        x = field([start, 1])
        right = x * x * x + b
        root = square_root(int(right.coeffs[0]), int(right.coeffs[1]), p)
        if root is not None:
            point = (x, field(list(root)))
            if multiply(point, order) is not None:
                return point
    raise AssertionError("every point found is in the subgroup")


def pairing(rng: random.Random) -> Iterator[Case]:
    p = bn128.field_modulus
    scalar = rng.randrange(bn128.curve_order)
    left, right = bn_g1(bn128.multiply(bn128.G1, scalar)), bn_g2(bn128.G2)
    good = left + right + bn_g1(bn128.neg(bn128.G1)) + bn_g2(bn128.multiply(bn128.G2, scalar))
    yield "no pairs", b""
    yield "two pairs, product one", good
    yield "one pair", left + right
    yield "infinity in both groups", bytes(192)
    yield "infinity in the first", bytes(64) + right
    yield "infinity in the second", left + bytes(128)
    yield "one byte short", good[:-1]
    yield "one byte long", good + b"\0"
    yield "first not on the curve", words(1, 1) + right
    yield "first coordinate p", words(p, 2) + right
    yield "second not on the curve", left + words(1, 2, 3, 4)
    yield "second coordinate p", left + words(p) + right[32:]
    yield (
        "second outside of the subgroup",
        left + bn_g2(outside_subgroup(bn128.FQ2, bn128.b2, p, bn128.curve_order, bn128.multiply)),
    )
    yield (
        "second outside of the subgroup, first infinity",
        bytes(64)
        + bn_g2(outside_subgroup(bn128.FQ2, bn128.b2, p, bn128.curve_order, bn128.multiply)),
    )


def fp(value: int) -> bytes:
    return value.to_bytes(64, "big")


def bls_g1(point: object) -> bytes:
    return bytes(128) if point is None else b"".join(fp(int(value.n)) for value in point)


def bls_g2(point: object) -> bytes:
    if point is None:
        return bytes(256)
    return b"".join(fp(int(part)) for value in point for part in value.coeffs)


BLS_P = bls12_381.field_modulus
BLS_LOOSE_G1 = fp(0) + fp(2)  # y^2 = x^3 + 4, of order 3
BLS_BAD_G1 = fp(1) + fp(1)


def bls_loose_g2() -> bytes:
    return bls_g2(
        outside_subgroup(
            bls12_381.FQ2, bls12_381.b2, BLS_P, bls12_381.curve_order, bls12_381.multiply
        )
    )


def additions(points: list[bytes], bad: dict[str, bytes]) -> Iterator[Case]:
    """Cases that the two groups of BLS12-381 share: points g, -g, another one, one outside."""
    g, negative, other, loose = points
    infinity = bytes(len(g))
    yield "two points", g + other
    yield "a point twice", g * 2
    yield "a point and its negative", g + negative
    yield "a point and infinity", g + infinity
    yield "infinity twice", infinity * 2
    yield "outside of the subgroup, which addition takes", loose + g
    for name, point in bad.items():
        yield f"first: {name}", point + g
        yield f"second: {name}", g + point
    yield "empty", b""
    yield "short", (g + other)[:-1]
    yield "long", g + other + b"\0"


def multiplications(points: list[bytes], bad: dict[str, bytes]) -> Iterator[Case]:
    g, _, other, loose = points
    order = bls12_381.curve_order
    for name, scalar in (("0", 0), ("1", 1), ("2", 2), ("order", order), ("2 ** 256 - 1", TOP)):
        yield f"scalar {name}", g + words(scalar)
    yield "infinity", bytes(len(g)) + words(5)
    yield "two terms", g + words(3) + other + words(4)
    yield "three terms", g + words(3) + other + words(4) + bytes(len(g)) + words(5)
    yield "outside of the subgroup", loose + words(1)
    for name, point in bad.items():
        yield name, point + words(1)
    yield "empty", b""
    yield "short", (g + words(2))[:-1]
    yield "long", g + words(2) + b"\0"


def g1_points(rng: random.Random) -> tuple[list[bytes], dict[str, bytes]]:
    g = bls12_381.G1
    other = bls12_381.multiply(g, rng.randrange(bls12_381.curve_order))
    x, y = (int(value.n) for value in g)
    return [bls_g1(g), bls_g1(bls12_381.neg(g)), bls_g1(other), BLS_LOOSE_G1], {
        "not on the curve": BLS_BAD_G1,
        "coordinate x + p": fp(x + BLS_P) + fp(y),
        "padding not zero": b"\1" + fp(x)[1:] + fp(y),
    }


def g2_points(rng: random.Random) -> tuple[list[bytes], dict[str, bytes]]:
    g = bls12_381.G2
    other = bls12_381.multiply(g, rng.randrange(bls12_381.curve_order))
    good = bls_g2(g)
    return [good, bls_g2(bls12_381.neg(g)), bls_g2(other), bls_loose_g2()], {
        "not on the curve": fp(1) * 4,
        "coordinate x + p": fp(int.from_bytes(good[:64], "big") + BLS_P) + good[64:],
        "padding not zero": b"\1" + good[1:],
    }


def bls_pairing(rng: random.Random) -> Iterator[Case]:
    scalar = rng.randrange(bls12_381.curve_order)
    left, right = bls_g1(bls12_381.G1), bls_g2(bls12_381.G2)
    negative = bls_g1(bls12_381.neg(bls12_381.G1))
    many = bls_g1(bls12_381.multiply(bls12_381.G1, scalar))
    yield (
        "two pairs, product one",
        many + right + (negative + bls_g2(bls12_381.multiply(bls12_381.G2, scalar))),
    )
    yield "two pairs, product not one", many + right + negative + right
    yield "one pair", left + right
    yield "infinity in both groups", bytes(384)
    yield "infinity in the first", bytes(128) + right
    yield "infinity in the second", left + bytes(256)
    yield "first outside of the subgroup", BLS_LOOSE_G1 + right
    yield "second outside of the subgroup", left + bls_loose_g2()
    yield "first not on the curve", BLS_BAD_G1 + right
    yield "second not on the curve", left + fp(1) * 4
    yield "first coordinate p", fp(BLS_P) + left[64:] + right
    yield "second coordinate p", left + fp(BLS_P) + right[64:]
    yield "empty", b""
    yield "short", (left + right)[:-1]
    yield "long", left + right + b"\0"


def map_fp(rng: random.Random) -> Iterator[Case]:
    for name, value in (("0", 0), ("1", 1), ("p - 1", BLS_P - 1), ("random", rng.randrange(BLS_P))):
        yield name, fp(value)
    yield "p", fp(BLS_P)
    yield "padding not zero", b"\1" + fp(1)[1:]
    yield "empty", b""
    yield "short", fp(1)[:-1]
    yield "long", fp(1) + b"\0"


def map_fp2(rng: random.Random) -> Iterator[Case]:
    for name, values in (
        ("0", (0, 0)),
        ("1", (1, 0)),
        ("i", (0, 1)),
        ("random", (rng.randrange(BLS_P), rng.randrange(BLS_P))),
    ):
        yield name, fp(values[0]) + fp(values[1])
    yield "first part p", fp(BLS_P) + fp(0)
    yield "second part p", fp(0) + fp(BLS_P)
    yield "empty", b""
    yield "short", fp(1)
    yield "long", fp(1) * 2 + b"\0"
