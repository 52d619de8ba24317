"""Points of BLS12-381 as bytes: compressed in files, uncompressed where a chain's precompiles read.

Whole numbers only, so that keys can be read and hashed without the package that pairs. Compression
is ZCash's, which the signature standard takes over; the long form is that of EIP-2537.
"""

from __future__ import annotations

__all__ = [
    "FIELD_PRIME",
    "G1_BYTES",
    "G2_BYTES",
    "NotAPoint",
    "evm_number",
    "g1_evm",
    "read_g1",
]

FIELD_PRIME = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    16,
)
"""Of the coordinates: p = 3 modulo 4, so that a square root is one power."""

G1_BYTES, G2_BYTES = 48, 96
"""Of compressed points: public keys and signatures."""

_NUMBER_BYTES = 48
_COMPRESSED, _INFINITY, _LARGER = 0x80, 0x40, 0x20


class NotAPoint(ValueError):
    """Bytes are not the one encoding of a point of the curve other than the neutral one."""


def read_g1(data: bytes) -> tuple[int, int]:
    """The coordinates of a compressed point of G1's curve.

    Says nothing on whether it is in the subgroup of prime order.

    Raises:
        NotAPoint: also for the neutral point.
    """
    if len(data) != G1_BYTES or not data[0] & _COMPRESSED:
        raise NotAPoint(f"not {G1_BYTES} bytes in compressed form")
    if data[0] & _INFINITY:
        raise NotAPoint("the neutral point")
    x = int.from_bytes(bytes((data[0] & 0x1F,)) + data[1:], "big")
    if x >= FIELD_PRIME:
        raise NotAPoint("a coordinate beyond the field")
    square = (pow(x, 3, FIELD_PRIME) + 4) % FIELD_PRIME
    y = pow(square, (FIELD_PRIME + 1) // 4, FIELD_PRIME)
    if y * y % FIELD_PRIME != square:
        raise NotAPoint("no point of the curve has this coordinate")
    larger = y > FIELD_PRIME - y
    return x, y if larger == bool(data[0] & _LARGER) else FIELD_PRIME - y


def g1_evm(point: tuple[int, int]) -> bytes:
    """The 128 bytes by which EIP-2537 writes a point of G1."""
    return b"".join(map(evm_number, point))


def evm_number(number: int) -> bytes:
    """The 64 bytes by which EIP-2537 writes a number of the field."""
    return number.to_bytes(64, "big")
