"""The operators that a program is made of, as data.

`docs/formats/operators.md` defines each of them once: domain, equation, rounding, totality. The
executors, the ONNX bodies, the range analysis and the backends all follow that page. An operator
here holds its attributes; its operands are references in the node, in the order of `roles`.

Rank-4 activations are laid out (batch, height, width, channel) and the reduction axis of every
weight comes last, so that each dot product reads neighbouring bytes of the committed tensors.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

__all__ = [
    "OPERATORS",
    "Add",
    "Affine",
    "Concat",
    "Conv",
    "LookupTable",
    "MatMul",
    "MaxPool",
    "Mul",
    "Operator",
    "Pad",
    "Requantisation",
    "SumPool",
    "Transpose",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantisation:
    """The last step of every arithmetic operator: from the accumulator to the output's integers.

    `y = clamp(floor((acc * M + half) / 2**shift) + zero_point, lo, hi)`, where `half` is
    `2**(shift - 1)`, or 0 if `shift` is 0, and `M` is the node's multiplier operand (1 for
    operators without one). ReLU, Clip and saturation are `lo` and `hi`.
    """

    shift: int = 0
    zero_point: int = 0
    lo: int
    hi: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Base of all operators; subclasses define their attributes and class constants.

    Class attributes:
        opcode: number in the committed node descriptor; never reused.
        roles: names of the operands in order; `x`, `a`, `b` are activations, the others constants.
    """

    opcode: ClassVar[int]
    roles: ClassVar[tuple[str, ...]]

    @property
    def name(self) -> str:
        """The operator's name in `program.onnx` and in the catalogue."""
        return type(self).__name__

    @property
    def requantisation(self) -> Requantisation | None:
        """The requantisation step, or None for operators that only move or select values."""
        return getattr(self, "requant", None)

    def attributes(self) -> dict[str, int | tuple[int, ...]]:
        """All attributes by name in their defined order, the requantisation's flattened last."""
        found: dict[str, int | tuple[int, ...]] = {}
        for item in fields(self):
            if item.name != "requant":
                found[item.name] = getattr(self, item.name)
        step = self.requantisation
        if step is not None:
            found.update(shift=step.shift, zero_point=step.zero_point, lo=step.lo, hi=step.hi)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul(Operator):
    """`acc[.., n] = sum_k x[.., k] * weight[n, k] + bias[n]`, requantised."""

    opcode: ClassVar[int] = 1
    roles: ClassVar[tuple[str, ...]] = ("x", "weight", "bias", "multiplier")
    requant: Requantisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(Operator):
    """Two-dimensional convolution over NHWC, requantised; padded positions contribute 0.

    `acc = sum (x[b, sy*y + dy*i - top, sx*z + dx*j - left, c] - x_zero_point) * weight[o, i, j, c]
    + bias[o]`. `pads` is (top, left, bottom, right); weight is (O, kh, kw, C / group).
    """

    opcode: ClassVar[int] = 2
    roles: ClassVar[tuple[str, ...]] = ("x", "weight", "bias", "multiplier")
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    group: int
    x_zero_point: int
    requant: Requantisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine(Operator):
    """`acc = x * weight + bias` elementwise with broadcast constants, requantised."""

    opcode: ClassVar[int] = 3
    roles: ClassVar[tuple[str, ...]] = ("x", "weight", "bias", "multiplier")
    requant: Requantisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Operator):
    """`acc = a * a_multiplier + b * b_multiplier + offset` with broadcasting, requantised."""

    opcode: ClassVar[int] = 4
    roles: ClassVar[tuple[str, ...]] = ("a", "b")
    a_multiplier: int
    b_multiplier: int
    offset: int
    requant: Requantisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Mul(Operator):
    """`acc = (a - a_zero_point) * (b - b_zero_point)` with broadcasting, requantised."""

    opcode: ClassVar[int] = 5
    roles: ClassVar[tuple[str, ...]] = ("a", "b", "multiplier")
    a_zero_point: int
    b_zero_point: int
    requant: Requantisation


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTable(Operator):
    """`y = table[c, clamp(x - x_min, 0, size - 1)]`: a nonlinear function as its whole graph.

    The table is (1, size), or (C, size) with one row for each index of the last axis of x.
    """

    opcode: ClassVar[int] = 6
    roles: ClassVar[tuple[str, ...]] = ("x", "table")
    x_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool(Operator):
    """Maximum over each window of an NHWC tensor; padded positions are ignored."""

    opcode: ClassVar[int] = 7
    roles: ClassVar[tuple[str, ...]] = ("x",)
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SumPool(Operator):
    """Sum of `x - x_zero_point` over each window, requantised; padded positions contribute 0.

    An average pool is this with `M / 2**shift` holding one over the window's count.
    """

    opcode: ClassVar[int] = 8
    roles: ClassVar[tuple[str, ...]] = ("x", "multiplier")
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    x_zero_point: int
    requant: Requantisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose(Operator):
    """Axis `i` of the result is axis `perm[i]` of x."""

    opcode: ClassVar[int] = 9
    roles: ClassVar[tuple[str, ...]] = ("x",)
    perm: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Operator):
    """Joins two or more tensors along `axis`."""

    opcode: ClassVar[int] = 10
    roles: ClassVar[tuple[str, ...]] = ("x",)
    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Operator):
    """Surrounds x with `value`: `before[i]` positions ahead of axis i, `after[i]` behind it."""

    opcode: ClassVar[int] = 11
    roles: ClassVar[tuple[str, ...]] = ("x",)
    before: tuple[int, ...]
    after: tuple[int, ...]
    value: int


OPERATORS: dict[str, type[Operator]] = {
    operator.__name__: operator
    for operator in (
        MatMul, Conv, Affine, Add, Mul, LookupTable, MaxPool, SumPool, Transpose, Concat, Pad,
    )
}  # fmt: skip
"""The catalogue: every operator that a program may contain, by name."""
