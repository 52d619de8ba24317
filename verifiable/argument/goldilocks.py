"""The Goldilocks field and its quadratic extension, one element at a time, in plain Python.

p = 2^64 - 2^32 + 1, and F = F_p[X] / (X^2 - 7). 7 generates the multiplicative group of F_p, so it
is not a square and F is a field of about 2^128 elements. Columns are committed in F_p; every
challenge is drawn from F. The verifier does all of its scalar work with `Ext`.
"""

from __future__ import annotations

__all__ = ["GENERATOR", "NON_RESIDUE", "ONE", "TWO_ADICITY", "ZERO", "Ext", "P", "root_of_unity"]

P = 2**64 - 2**32 + 1
NON_RESIDUE = 7
GENERATOR = 7
TWO_ADICITY = 32

_WORD_BYTES = 8


class Ext:
    """An element c0 + c1 X of F_p[X] / (X^2 - 7); immutable, coefficients always in [0, p).

    The arithmetic operators take another `Ext` or an `int`, which stands for its residue mod p.
    """

    __slots__ = ("c0", "c1")

    c0: int
    c1: int

    def __init__(self, c0: int, c1: int = 0) -> None:
        _set_c0(self, c0 % P)
        _set_c1(self, c1 % P)

    @classmethod
    def of(cls, value: int) -> Ext:
        """Embed an integer, of either sign, as its residue mod p."""
        return cls(value, 0)

    @classmethod
    def from_bytes(cls, data: bytes) -> Ext:
        """Decode 16 bytes: two little-endian words, each a canonical residue.

        Raises:
            ValueError: `data` is not 16 bytes, or a word is not below p.
        """
        if len(data) != 2 * _WORD_BYTES:
            raise ValueError(f"an extension element takes 16 bytes, and here are {len(data)}")
        c0 = int.from_bytes(data[:_WORD_BYTES], "little")
        c1 = int.from_bytes(data[_WORD_BYTES:], "little")
        if c0 >= P or c1 >= P:
            raise ValueError("a word of an extension element is not below p")
        return cls(c0, c1)

    def to_bytes(self) -> bytes:
        """Encode as 16 bytes, the inverse of `from_bytes`."""
        return (self.c0 | self.c1 << 64).to_bytes(2 * _WORD_BYTES, "little")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Ext is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("Ext is immutable")

    def __reduce__(self) -> tuple[type[Ext], tuple[int, int]]:
        return Ext, (self.c0, self.c1)

    def __add__(self, other: Ext | int) -> Ext:
        if isinstance(other, Ext):
            return Ext(self.c0 + other.c0, self.c1 + other.c1)
        if isinstance(other, int):
            return Ext(self.c0 + other, self.c1)
        return NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Ext | int) -> Ext:
        if isinstance(other, Ext):
            return Ext(self.c0 - other.c0, self.c1 - other.c1)
        if isinstance(other, int):
            return Ext(self.c0 - other, self.c1)
        return NotImplemented

    def __rsub__(self, other: int) -> Ext:
        if isinstance(other, int):
            return Ext(other - self.c0, -self.c1)
        return NotImplemented

    def __mul__(self, other: Ext | int) -> Ext:
        if isinstance(other, Ext):
            a0, a1, b0, b1 = self.c0, self.c1, other.c0, other.c1
            return Ext(a0 * b0 + NON_RESIDUE * a1 * b1, a0 * b1 + a1 * b0)
        if isinstance(other, int):
            return Ext(self.c0 * other, self.c1 * other)
        return NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> Ext:
        return Ext(-self.c0, -self.c1)

    def inverse(self) -> Ext:
        """Return the element whose product with this one is 1.

        Raises:
            ZeroDivisionError: this is zero.
        """
        norm = (self.c0 * self.c0 - NON_RESIDUE * self.c1 * self.c1) % P
        if norm == 0:  # only for zero: 7 is not a square
            raise ZeroDivisionError("zero has no inverse in the extension field")
        scale = pow(norm, -1, P)
        return Ext(self.c0 * scale, -self.c1 * scale)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Ext):
            return self.c0 == other.c0 and self.c1 == other.c1
        if isinstance(other, int):
            return self.c1 == 0 and self.c0 == other % P
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.c0, self.c1)) if self.c1 else hash(self.c0)  # as the equal int in [0, p)

    def __repr__(self) -> str:
        return f"Ext({self.c0}, {self.c1})"


# `__setattr__` refuses every write, so the constructor goes through the slots themselves.
_set_c0 = Ext.__dict__["c0"].__set__
_set_c1 = Ext.__dict__["c1"].__set__

ZERO = Ext(0)
ONE = Ext(1)


def root_of_unity(log_n: int) -> int:
    """Return the primitive 2^log_n-th root of unity that the transforms use.

    Raises:
        ValueError: `log_n` is not in 0..32.
    """
    if not 0 <= log_n <= TWO_ADICITY:
        raise ValueError(f"Goldilocks has roots of unity of order 2^0 to 2^32, not 2^{log_n}")
    return pow(GENERATOR, (P - 1) >> log_n, P)
