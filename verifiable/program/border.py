"""The border between raw numbers and a program's integers.

Whoever holds the schema can redo both directions, a verifier included; nothing here needs the
program.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from verifiable.errors import InvalidInput
from verifiable.program.program import Input, IntArray

__all__ = ["dequantise", "quantise_input"]


def quantise_input(
    spec: Input, raw: npt.ArrayLike, *, saturate: bool = False
) -> tuple[IntArray, bool]:
    """Turn raw numbers into the integers that a program takes.

    `x_q = floor(x / scale + 0.5) + zero_point`, computed in float64.

    Args:
        spec: the input's schema.
        raw: real numbers of the input's shape, in the units of the float model.
        saturate: clamp values that fall outside [lo, hi] instead of refusing them.

    Returns:
        The int64 integers (read-only), and whether any value was clamped.

    Raises:
        InvalidInput: wrong shape, not real numbers, NaN, infinity, or out of range.
    """
    given = np.asarray(raw)
    if given.dtype.kind not in "biuf":
        raise InvalidInput(
            f"dtype {given.dtype} where real numbers are expected",
            where=spec.name,
            code="wrong-dtype",
        )
    if given.shape != spec.shape:
        raise InvalidInput(
            f"shape {given.shape} where {spec.shape} is expected",
            where=spec.name,
            code="wrong-shape",
        )
    values = given.astype(np.float64)
    unreal = ~np.isfinite(values)
    if unreal.any():
        index = _first(unreal)
        raise InvalidInput(
            f"value {values[index]} is not a finite number",
            where=f"{spec.name}{list(index)}",
            hint="find out where the input's NaN or infinity comes from",
            code="not-finite",
        )
    with np.errstate(over="ignore"):  # a quotient that overflows to infinity is out of range
        steps = np.floor(values / spec.scale + 0.5)
    lo, hi = spec.lo - spec.zero_point, spec.hi - spec.zero_point
    outside = (steps < lo) | (steps > hi)
    saturated = bool(outside.any())
    if saturated and not saturate:
        index = _first(outside)
        raise InvalidInput(
            f"value {values[index]} is out of range",
            where=f"{spec.name}{list(index)}",
            why=(
                f"the program accepts raw values in "
                f"[{(lo - 0.5) * spec.scale:.9g}, {(hi + 0.5) * spec.scale:.9g})"
            ),
            hint="scale the input as the calibration data was, or clip it with --saturate",
            code="out-of-range",
        )
    quantised = np.asarray(np.clip(steps, lo, hi).astype(np.int64) + spec.zero_point)
    quantised.setflags(write=False)
    return quantised, saturated


def dequantise(values: IntArray, *, scale: float, zero_point: int) -> npt.NDArray[np.float64]:
    """Turn a program's integers back into the units of the float model (float64)."""
    centred = np.asarray(values, dtype=np.int64) - zero_point
    return np.asarray(centred, dtype=np.float64) * scale


def _first(mask: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])
