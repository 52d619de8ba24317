"""The precompile MODEXP: b^e mod m over integers of any length up to its limit.

The layout is EIP-198's: three lengths of 32 bytes each, then base, exponent and modulus. What is
missing at the end of the input counts as zero bytes. Price and limit are those of EIP-7883 and
EIP-7823.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_OPERAND_BYTES", "ModExp", "read_modexp"]

MAX_OPERAND_BYTES = 1024
"""EIP-7823: a longer base, exponent or modulus makes the call fail."""

_MINIMUM_GAS = 500
_WORD_BYTES = 8
_SHORT_BYTES, _SHORT_COMPLEXITY = 32, 16
_HEAD_BYTES = 32
_ITERATIONS_PER_TAIL_BYTE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ModExp:
    """One exponentiation: its operands as bytes, big-endian."""

    base: bytes
    exponent: bytes
    modulus: bytes

    @property
    def gas(self) -> int:
        """Units of gas (EIP-7883)."""
        longest = max(len(self.base), len(self.modulus))
        words = (longest + _WORD_BYTES - 1) // _WORD_BYTES
        complexity = _SHORT_COMPLEXITY if longest <= _SHORT_BYTES else 2 * words * words
        head = int.from_bytes(self.exponent[:_HEAD_BYTES], "big")
        iterations = max(head.bit_length() - 1, 0)
        iterations += _ITERATIONS_PER_TAIL_BYTE * max(len(self.exponent) - _HEAD_BYTES, 0)
        return max(_MINIMUM_GAS, complexity * max(iterations, 1))

    def result(self) -> bytes:
        """The power, as long as the modulus; zero for the modulus zero."""
        size = len(self.modulus)
        modulus = int.from_bytes(self.modulus, "big")
        if modulus == 0:
            return bytes(size)
        base, exponent = (int.from_bytes(part, "big") for part in (self.base, self.exponent))
        return pow(base, exponent, modulus).to_bytes(size, "big")


def read_modexp(data: bytes) -> ModExp | None:
    """Read the precompile's input; None if an operand is longer than the limit."""
    lengths = [
        int.from_bytes(data[start : start + 32].ljust(32, b"\0"), "big") for start in (0, 32, 64)
    ]
    if max(lengths) > MAX_OPERAND_BYTES:
        return None
    parts, start = [], 96
    for length in lengths:
        parts.append(data[start : start + length].ljust(length, b"\0"))
        start += length
    base, exponent, modulus = parts
    return ModExp(base=base, exponent=exponent, modulus=modulus)
