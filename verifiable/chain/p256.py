"""ECDSA over secp256r1, as the precompile P256VERIFY checks it (EIP-7951).

Plain integers: nothing here is secret, so nothing has to run in constant time. Points are in
Jacobian coordinates, (X, Y, Z) for (X / Z^2, Y / Z^3); Z = 0 is the point at infinity.
"""

from __future__ import annotations

__all__ = ["CURVE_B", "FIELD", "GENERATOR", "ORDER", "is_signed"]

FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
"""The prime p of the coordinates."""

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The number n of points, a prime."""

CURVE_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
"""The curve is y^2 = x^3 - 3 x + b."""

GENERATOR = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

_Point = tuple[int, int, int]
_INFINITY: _Point = (1, 1, 0)


def is_signed(digest: int, r: int, s: int, x: int, y: int) -> bool:
    """Whether (r, s) is a signature of a 256-bit digest by the public key (x, y).

    Any integers may be given; what is out of range is no signature, or no key.
    """
    if not (0 < r < ORDER and 0 < s < ORDER):
        return False
    if not (0 <= x < FIELD and 0 <= y < FIELD):
        return False
    # (0, 0), which encodes the point at infinity, fails this equation, since b is not 0
    if (y * y - (x * x - 3) * x - CURVE_B) % FIELD:
        return False
    inverse = pow(s, -1, ORDER)
    point = _sum_of_multiples(digest * inverse % ORDER, r * inverse % ORDER, (x, y, 1))
    px, _, pz = point
    if pz == 0:
        return False
    affine_x = px * pow(pz, -2, FIELD) % FIELD
    return affine_x % ORDER == r


def _sum_of_multiples(u: int, v: int, key: _Point) -> _Point:
    """The point u G + v K, by doubling once for both (Shamir's trick)."""
    generator = (*GENERATOR, 1)
    table = (_INFINITY, generator, key, _add(generator, key))
    total = _INFINITY
    for bit in range(max(u.bit_length(), v.bit_length()) - 1, -1, -1):
        total = _double(total)
        total = _add(total, table[(u >> bit & 1) | (v >> bit & 1) << 1])
    return total


def _double(point: _Point) -> _Point:
    x, y, z = point
    if z == 0:  # no point of this curve has y = 0: their number is odd
        return _INFINITY
    zz = z * z
    slope = 3 * (x - zz) * (x + zz) % FIELD
    yy = y * y % FIELD
    product = 4 * x * yy % FIELD
    new_x = (slope * slope - 2 * product) % FIELD
    return new_x, (slope * (product - new_x) - 8 * yy * yy) % FIELD, 2 * y * z % FIELD


def _add(left: _Point, right: _Point) -> _Point:
    x1, y1, z1 = left
    x2, y2, z2 = right
    if z1 == 0:
        return right
    if z2 == 0:
        return left
    zz1, zz2 = z1 * z1 % FIELD, z2 * z2 % FIELD
    u1, u2 = x1 * zz2 % FIELD, x2 * zz1 % FIELD
    s1, s2 = y1 * zz2 * z2 % FIELD, y2 * zz1 * z1 % FIELD
    if u1 == u2:
        return _double(left) if s1 == s2 else _INFINITY
    h, slope = u2 - u1, s2 - s1
    hh = h * h % FIELD
    hhh, v = h * hh % FIELD, u1 * hh % FIELD
    new_x = (slope * slope - hhh - 2 * v) % FIELD
    return new_x, (slope * (v - new_x) - s1 * hhh) % FIELD, h * z1 * z2 % FIELD
