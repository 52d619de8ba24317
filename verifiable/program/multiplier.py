"""From float scale ratios to integer multipliers and shifts.

A ratio of scales `r` becomes `M / 2**s`. More bits of `M` follow `r` more closely; a smaller `s`
costs the provers less, because each of them range-checks the `s` bits that a shift drops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp, isfinite, ldexp

__all__ = ["MAX_MULTIPLIER", "MAX_SHIFT", "Multiplier", "multipliers_for"]

MAX_MULTIPLIER = (1 << 31) - 1
MAX_SHIFT = 40

CHEAP_SHIFT = 16
"""Shifts up to this many bits cost one range-check limb; precision beyond it must be needed."""

SPARE_BITS = 7
"""Precision taken above the needed bits where the shift stays cheap."""

MAX_SPREAD_BITS = 16
"""How far below the largest ratio a channel's may lie and still keep its precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """`values[c] / 2**shift` approximates the ratio of channel c."""

    values: tuple[int, ...]
    shift: int

    def relative_error(self, ratios: Sequence[float]) -> float:
        """The largest relative distance to the ratios that this stands for."""
        pairs = zip(self.values, ratios, strict=True)
        return max(abs(ldexp(m, -self.shift) / r - 1.0) for m, r in pairs)


def multipliers_for(ratios: Sequence[float], *, needed_bits: int) -> Multiplier:
    """Choose one shift and a multiplier per ratio.

    Every ratio gets at least `needed_bits` significant bits (a channel's bias may fill its output
    however small its weights are), up to a spread of `2**MAX_SPREAD_BITS`; and up to `SPARE_BITS`
    more while the shift stays at most `CHEAP_SHIFT`. A multiplier that would round to 0 is 1.

    Args:
        ratios: positive scale ratios, one per channel; at least one.
        needed_bits: width of the output in bits: a finer ratio could not be seen in it.

    Raises:
        ValueError: a ratio is not finite or not positive, or does not fit the bounds
            `1 <= M < 2**31`, `0 <= s <= 40`.
    """
    if not all(isfinite(ratio) and ratio > 0 for ratio in ratios):
        raise ValueError("a scale ratio is not positive and finite")
    largest = max(ratios)
    smallest = max(min(ratios), ldexp(largest, -MAX_SPREAD_BITS))
    exponent = frexp(smallest)[1]  # smallest in [2**(exponent - 1), 2**exponent)
    shift = needed_bits - exponent
    if shift < CHEAP_SHIFT:
        shift = min(CHEAP_SHIFT, shift + SPARE_BITS)
    shift = min(max(shift, 0), MAX_SHIFT)
    while shift and all(_is_exact(ratio, shift - 1) for ratio in ratios):
        shift -= 1
    values = tuple(max(_nearest(ratio, shift), 1) for ratio in ratios)
    if max(values) > MAX_MULTIPLIER:
        raise ValueError(f"the ratio {largest:g} needs a multiplier of 2^31 or more")
    return Multiplier(values=values, shift=shift)


def _nearest(ratio: float, shift: int) -> int:
    return int(ldexp(ratio, shift) + 0.5)


def _is_exact(ratio: float, shift: int) -> bool:
    scaled = ldexp(ratio, shift)
    return scaled == int(scaled)
