"""The KZG reference string file: layout, points, and a check that it is one.

Layout, as the ezkl library writes it: `k` (u32, little-endian); `2**k` points `tau**i * G1`; as
many points of the Lagrange basis; the G2 generator; `s_g2 = tau * G2`. A G1 point is two, a G2
point four coordinates of 32 bytes, little-endian, in Montgomery form (`x * 2**256 mod q`).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from verifiable.backends.ezkl.instances import FIELD_MODULUS
from verifiable.errors import MalformedFile, MissingDependency
from verifiable.recursion import recursion_limit_kept

__all__ = ["MAX_LOGROWS", "SrsFile", "check_structure", "negated_g2", "open_srs", "verifier_srs"]

MAX_LOGROWS = 26
G1_BYTES = 64
G2_BYTES = 128

_Q = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47
_FROM_MONTGOMERY = pow(1 << 256, -1, _Q)
_TWO_ADICITY = 28
_ROOT_OF_UNITY = pow(7, (FIELD_MODULUS - 1) >> _TWO_ADICITY, FIELD_MODULUS)

_G2_GENERATOR = (
    0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
    0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
    0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
    0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
)
_SAMPLES = 24
"""Powers and Lagrange points looked at beside the ends; all go into one pairing equation."""


def _encode(value: int) -> bytes:
    return (value * (1 << 256) % _Q).to_bytes(32, "little")


G1_GENERATOR_BYTES = _encode(1) + _encode(2)
G2_GENERATOR_BYTES = b"".join(map(_encode, _G2_GENERATOR))


def verifier_srs(s_g2: bytes) -> bytes:
    """A reference string of two rows that holds all that verifying looks at.

    ezkl reads the first G1 point, the G2 generator and `s_g2`, and ignores the other points; so
    everything but `s_g2` is a constant.
    """
    return (1).to_bytes(4, "little") + G1_GENERATOR_BYTES * 4 + G2_GENERATOR_BYTES + s_g2


def negated_g2(point: bytes) -> tuple[int, int, int, int]:
    """The negative of a G2 point as contracts take it: `x.c1, x.c0, y.c1, y.c0`.

    Raises:
        ValueError: a coordinate is not below the modulus.
    """
    x0, x1, y0, y1 = (_coordinate(point[i : i + 32]) for i in range(0, G2_BYTES, 32))
    if len(point) != G2_BYTES or x0 is None or x1 is None or y0 is None or y1 is None:
        raise ValueError("not the coordinates of a point")
    return x1, x0, -y1 % _Q, -y0 % _Q


@dataclass(frozen=True, slots=True, kw_only=True)
class SrsFile:
    """A file of the right size with the right generators.

    Attributes:
        path: where it lies.
        logrows: `k`.
        s_g2: its last 128 bytes.
        sha256: of the whole file.
    """

    path: Path
    logrows: int
    s_g2: bytes
    sha256: str


def open_srs(path: str | os.PathLike[str]) -> SrsFile:
    """Read the header and the ends of a file, and hash it.

    Raises:
        MalformedFile: it cannot be read, or is not a reference string.
    """
    where = os.fspath(path)
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            logrows = int.from_bytes(stream.read(4), "little")
            if not 1 <= logrows <= MAX_LOGROWS or size != _file_bytes(logrows):
                raise _malformed(where, f"{size} bytes do not fit its header", "srs-size")
            first = stream.read(G1_BYTES)
            stream.seek(-2 * G2_BYTES, os.SEEK_END)
            g2, s_g2 = stream.read(G2_BYTES), stream.read(G2_BYTES)
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError) as cause:  # ValueError: a null byte in the path
        raise MalformedFile(
            "cannot read the file",
            where=where,
            why=getattr(cause, "strerror", None) or str(cause),
            code="unreadable-file",
        ) from cause
    if first != G1_GENERATOR_BYTES or g2 != G2_GENERATOR_BYTES:
        raise _malformed(where, "it does not start from the generators", "srs-generators")
    return SrsFile(path=Path(path), logrows=logrows, s_g2=s_g2, sha256=sha256)


def check_structure(srs: SrsFile) -> None:
    """Check by pairings that the file holds powers of one secret, on a sample of its points.

    The sample and its weights follow from the file's digest, so every verifier looks at the same
    ones and the file cannot be made to fit them. Powers: `e(P[i], s_g2) = e(P[i+1], g2)`. Lagrange
    points: `e(L[i], s_g2 - w**i * g2) = e((tau**n - 1) * w**i / n * G1, g2)`, where
    `e(P[n-1], s_g2)` stands for `tau**n`. All are summed with weights into one equation.

    Raises:
        MalformedFile: a sampled point is not on its curve, or the equation does not hold.
        MissingDependency: py-ecc is not installed.
    """
    bn = _curve()
    where = str(srs.path)
    s_g2 = _g2_point(bn, srs.s_g2)
    if s_g2 is None or not bn.is_inf(bn.multiply(s_g2, bn.curve_order)) or bn.is_inf(s_g2):
        raise _malformed(where, "s_g2 is not a point of the group", "srs-point")
    rows = 1 << srs.logrows
    root = pow(_ROOT_OF_UNITY, 1 << (_TWO_ADICITY - srs.logrows), FIELD_MODULUS)
    left, right = bn.Z1, bn.Z1
    with open(srs.path, "rb") as stream:
        last = _read_g1(bn, stream, where, rows - 1)
        for index, weight in _sample(srs.sha256, rows - 1, "power"):
            left = bn.add(left, bn.multiply(_read_g1(bn, stream, where, index), weight))
            right = bn.add(right, bn.multiply(_read_g1(bn, stream, where, index + 1), weight))
        for index, weight in _sample(srs.sha256, rows, "lagrange"):
            point = _read_g1(bn, stream, where, rows + index)
            omega = pow(root, index, FIELD_MODULUS)
            share = weight * omega * pow(rows, -1, FIELD_MODULUS) % FIELD_MODULUS
            left = bn.add(left, bn.multiply(point, weight))
            left = bn.add(left, bn.neg(bn.multiply(last, share)))
            right = bn.add(right, bn.multiply(point, weight * omega % FIELD_MODULUS))
            right = bn.add(right, bn.neg(bn.multiply(bn.G1, share)))
    if bn.pairing(s_g2, left) != bn.pairing(bn.G2, right):
        raise _malformed(where, "its points are not powers of one secret", "srs-structure")


def _curve() -> Any:
    try:
        with recursion_limit_kept():
            from py_ecc import optimized_bn128
    except ImportError as cause:
        raise MissingDependency(
            "the package py-ecc is needed to check a reference string",
            hint="run pip install 'verifiable[ezkl]'",
        ) from cause
    return optimized_bn128


def _sample(sha256: str, count: int, label: str) -> list[tuple[int, int]]:
    """Indices below `count`, both ends among them, each with a 128-bit weight."""
    indices = [0, count - 1]
    pairs = []
    for position in range(_SAMPLES + 2):
        seed = hashlib.sha256(f"verifiable/srs/{label}/{sha256}/{position}".encode()).digest()
        if position >= 2:
            indices.append(int.from_bytes(seed[16:24], "big") % count)
        pairs.append((indices[position], int.from_bytes(seed[:16], "big") | 1))
    return pairs


def _read_g1(bn: Any, stream: BinaryIO, where: str, position: int) -> Any:
    stream.seek(4 + G1_BYTES * position)
    data = stream.read(G1_BYTES)
    x, y = _coordinate(data[:32]), _coordinate(data[32:])
    if x is not None and y is not None:
        point = (bn.FQ(x), bn.FQ(y), bn.FQ(1))
        if bn.is_on_curve(point, bn.b):
            return point
    raise _malformed(where, f"G1 point {position} is not on the curve", "srs-point")


def _g2_point(bn: Any, data: bytes) -> Any:
    values = [_coordinate(data[i : i + 32]) for i in range(0, G2_BYTES, 32)]
    if None in values:
        return None
    x0, x1, y0, y1 = values
    point = (bn.FQ2([x0, x1]), bn.FQ2([y0, y1]), bn.FQ2.one())
    return point if bn.is_on_curve(point, bn.b2) else None


def _coordinate(data: bytes) -> int | None:
    value = int.from_bytes(data, "little")
    return value * _FROM_MONTGOMERY % _Q if value < _Q else None


def _file_bytes(logrows: int) -> int:
    return 4 + 2 * G1_BYTES * (1 << logrows) + 2 * G2_BYTES


def _malformed(where: str, why: str, code: str) -> MalformedFile:
    return MalformedFile(
        "not a usable KZG reference string",
        where=where,
        why=why,
        hint="get the file again from its public source",
        code=code,
    )
