"""Building an ONNX graph that ezkl computes exactly, step by step, with its cost.

Everything here runs at scale 0: ezkl then treats every value as the integer it is. A tensor is
known with the interval that its values can reach, because ezkl proves comparisons and divisions by
writing values in digits: a value of magnitude up to `base ** legs - 1` fits, a larger one makes
proving fail. The builder records the largest magnitude that will ever be written so.

Two rules make this exact (`docs/design/ezkl.md` has the experiments):

- A constant goes through float32, so one that float32 cannot hold is applied in exact parts.
- `Div` by a power of two only marks its result as scaled; the next addition divides by it and
  rounds to the *nearest* integer. An odd dividend and an even divisor never tie, so that
  `floor((v + h) / 2**s)` is the nearest integer to `(2 * v + 2 * h + 1 - 2**s) / 2**(s + 1)`.

A third makes it sound: ezkl's division only proves that the remainder is smaller than the divisor,
which both neighbours of the exact quotient satisfy. So the circuit adds up how far each remainder
exceeds half a divisor, and shows the total as its last output, which the verifier demands to be 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from verifiable.program.program import IntArray

__all__ = ["MAX_DIVIDEND", "MAX_STAGE_SHIFT", "CircuitBuilder", "Tensor", "float32_parts"]

MAX_DIVIDEND = 1 << 52
"""ezkl computes a quotient in float64: dividends beyond this could be rounded."""

MAX_STAGE_SHIFT = 23
"""Bits that one division drops at most; ezkl may split larger divisors and so round twice."""

_MAX_ADDED = 1 << 15
_OPSET = 17
_IR_VERSION = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A value of the graph: its ONNX name, its shape, and the interval it can reach."""

    name: str
    shape: tuple[int, ...]
    lo: int
    hi: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


def float32_parts(values: npt.NDArray[np.int64]) -> list[IntArray]:
    """Write integers as a sum of arrays that float32 holds exactly."""
    parts: list[IntArray] = []
    rest = np.asarray(values, dtype=np.int64)
    while rest.any() or not parts:
        part = _toward_zero(rest)
        parts.append(part)
        rest = rest - part
    return parts


def _toward_zero(values: IntArray) -> IntArray:
    """Keep the 24 leading bits of each magnitude."""
    magnitude = np.abs(values)
    drop = np.zeros_like(magnitude)
    while (wide := (magnitude >> drop) >= 1 << 24).any():
        drop = drop + wide
    kept: IntArray = np.sign(values) * ((magnitude >> drop) << drop)
    return kept


@dataclass(slots=True)
class CircuitBuilder:
    """An ONNX graph under construction.

    Attributes:
        written_bound: largest magnitude that the circuit writes in digits.
        cells: how often each kind of step is used, in elements; `settings.py` prices them.
        table_rows: entries of all lookup tables.
        excesses: scalars, each 0 if and only if the quotients of one step are the nearest integers.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    written_bound: int = 1
    cells: Counter[str] = field(default_factory=Counter)
    table_rows: int = 0
    excesses: list[Tensor] = field(default_factory=list)
    _count: int = 0
    _constants: Counter[bytes] = field(default_factory=Counter)

    # -- plumbing -------------------------------------------------------------------------------

    def constant(self, values: npt.ArrayLike, dtype: type = np.float32) -> str:
        """Name of a new initializer with these values, which `dtype` must hold exactly.

        ezkl's reader merges equal constants, and a constant that two nodes read is written in
        digits.
        """
        array = np.ascontiguousarray(values, dtype=np.int64)
        stored: npt.NDArray[np.generic] = array.astype(dtype)
        if not np.array_equal(stored.astype(np.int64), array):
            raise ValueError("a constant is not exact in float32")
        if dtype is np.float32:
            content = array.tobytes()
            self._constants[content] += 1
            if self._constants[content] == 2:
                self.written(int(array.min()), int(array.max()))
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(stored, name))
        return name

    def apply(
        self,
        kind: str,
        inputs: list[str],
        shape: tuple[int, ...],
        lo: int,
        hi: int,
        **attributes: Any,
    ) -> Tensor:
        """Append one ONNX node and name its result."""
        self._count += 1
        name = f"t{self._count}"
        self.nodes.append(
            helper.make_node(kind, inputs, [name], name=f"{kind}_{self._count}", **attributes)
        )
        return Tensor(name=name, shape=shape, lo=lo, hi=hi)

    def written(self, lo: int, hi: int) -> None:
        """Record that values of this interval are written in digits."""
        self.written_bound = max(self.written_bound, abs(lo), abs(hi))

    # -- layout ---------------------------------------------------------------------------------

    def reshape(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The same elements under another shape."""
        if shape == x.shape:
            return x
        target = self.constant(np.array(shape, dtype=np.int64), np.int64)
        return self.apply("Reshape", [x.name, target], shape, x.lo, x.hi)

    def transpose(self, x: Tensor, perm: tuple[int, ...]) -> Tensor:
        """Reorder the axes."""
        if perm == tuple(range(len(perm))):
            return x
        shape = tuple(x.shape[axis] for axis in perm)
        return self.apply("Transpose", [x.name], shape, x.lo, x.hi, perm=list(perm))

    def channels_first(self, x: Tensor) -> Tensor:
        """NHWC to NCHW."""
        return self.transpose(x, (0, 3, 1, 2))

    def channels_last(self, x: Tensor) -> Tensor:
        """NCHW to NHWC."""
        return self.transpose(x, (0, 2, 3, 1))

    def concat(self, parts: list[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor:
        """Join tensors along an axis."""
        self.cells["linear"] += prod(shape)
        lo, hi = min(part.lo for part in parts), max(part.hi for part in parts)
        return self.apply("Concat", [part.name for part in parts], shape, lo, hi, axis=axis)

    def pad(self, x: Tensor, before: tuple[int, ...], after: tuple[int, ...], value: int) -> Tensor:
        """Surround with `value`; ezkl pads with 0 only, so shift there and back."""
        shifted = self.add(x, -value)
        shape = tuple(b + n + a for b, n, a in zip(before, x.shape, after, strict=True))
        pads = self.constant(np.array([*before, *after], dtype=np.int64), np.int64)
        self.cells["linear"] += prod(shape)
        padded = self.apply(
            "Pad", [shifted.name, pads], shape, min(shifted.lo, 0), max(shifted.hi, 0)
        )
        return self.add(padded, value)

    def every(self, x: Tensor, axis: int, step: int, count: int) -> Tensor:
        """The first `count` positions of an axis that are `step` apart."""
        if count == x.shape[axis]:
            return x
        indices = self.constant(np.arange(count, dtype=np.int64) * step, np.int64)
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        self.cells["linear"] += prod(shape)
        return self.apply("Gather", [x.name, indices], shape, x.lo, x.hi, axis=axis)

    # -- linear ---------------------------------------------------------------------------------

    def add(self, x: Tensor, values: int | IntArray) -> Tensor:
        """Add an integer, or a constant array that broadcasts to x."""
        array = np.asarray(values, dtype=np.int64)
        if not array.any():
            return x
        if array.ndim == 0:
            array = array.reshape(1)
        lo, hi = x.lo + int(array.min()), x.hi + int(array.max())
        for part in float32_parts(array):
            self.cells["linear"] += x.size
            x = self.apply("Add", [x.name, self.constant(part)], x.shape, lo, hi)
        return x

    def subtract_from(self, value: int, x: Tensor) -> Tensor:
        """`value - x`."""
        negated = self.apply(
            "Sub",
            [self.constant(float32_parts(np.array([value]))[0]), x.name],
            x.shape,
            value - x.hi,
            value - x.lo,
        )
        self.cells["linear"] += x.size
        rest = value - int(float32_parts(np.array([value]))[0][0])
        made = self.add(negated, rest)
        return Tensor(name=made.name, shape=x.shape, lo=value - x.hi, hi=value - x.lo)

    def scale(self, x: Tensor, values: IntArray, interval: tuple[int, int]) -> Tensor:
        """Multiply by a constant array that broadcasts to x; the caller knows the interval."""
        array = np.asarray(values, dtype=np.int64)
        if (array == 1).all():
            return x
        if array.ndim == 0:
            array = array.reshape(1)
        products = []
        for part in float32_parts(array):
            self.cells["linear"] += x.size
            products.append(self.apply("Mul", [x.name, self.constant(part)], x.shape, *interval))
        total = products[0]
        for product in products[1:]:
            self.cells["linear"] += x.size
            total = self.apply("Add", [total.name, product.name], x.shape, *interval)
        return total

    def binary(self, kind: str, a: Tensor, b: Tensor, interval: tuple[int, int]) -> Tensor:
        """`Add` or `Mul` of two tensors with broadcasting."""
        shape = np.broadcast_shapes(a.shape, b.shape)
        self.cells["linear"] += prod(shape)
        return self.apply(kind, [a.name, b.name], shape, *interval)

    def matmul(self, x: Tensor, weight: IntArray, interval: tuple[int, int]) -> Tensor:
        """`sum_k x[.., k] * weight[n, k]`; weight (N, K)."""
        lead = x if len(x.shape) > 1 else self.reshape(x, (1, *x.shape))
        shape = (*lead.shape[:-1], weight.shape[0])
        self.cells["dot"] += prod(shape) * weight.shape[1]
        made = self.apply("MatMul", [lead.name, self.constant(weight.T)], shape, *interval)
        return self.reshape(made, (*x.shape[:-1], weight.shape[0]))

    def convolve(
        self,
        x: Tensor,
        weight: IntArray,
        *,
        strides: tuple[int, int],
        pads: tuple[int, int, int, int],
        group: int,
        shape: tuple[int, ...],
        interval: tuple[int, int],
    ) -> Tensor:
        """Convolution of an NHWC tensor; weight is (O, kh, kw, C / group), `shape` NHWC."""
        x, strides, pads = self._step_ahead(x, weight.shape[1:3], strides, pads, shape)
        kernel = weight.transpose(0, 3, 1, 2)
        self.cells["dot"] += prod(shape) * prod(kernel.shape[1:])
        made = self.apply(
            "Conv",
            [self.channels_first(x).name, self.constant(kernel)],
            (shape[0], shape[3], shape[1], shape[2]),
            *interval,
            kernel_shape=list(kernel.shape[2:]),
            strides=list(strides),
            pads=list(pads),
            dilations=[1, 1],
            group=group,
        )
        return self.channels_last(self.opaque(made))

    def opaque(self, x: Tensor) -> Tensor:
        """The same values, out of reach of the graph reader's float arithmetic.

        ezkl's reader folds what follows a convolution into its kernel, in float32: a multiplier
        and a divisor become a fraction there, which is then rounded to an integer. It folds only
        along a chain, so the convolution's result is read by two nodes: `x + (x - x)`.
        """
        self.cells["linear"] += 2 * x.size
        nothing = self.apply("Sub", [x.name, x.name], x.shape, 0, 0)
        return self.apply("Add", [x.name, nothing.name], x.shape, x.lo, x.hi)

    def _step_ahead(
        self,
        x: Tensor,
        kernel: tuple[int, ...],
        strides: tuple[int, int],
        pads: tuple[int, int, int, int],
        shape: tuple[int, ...],
    ) -> tuple[Tensor, tuple[int, int], tuple[int, int, int, int]]:
        """Take the steps of an axis whose kernel has one tap before the convolution.

        ezkl's graph reader fails on a convolution that skips positions which no tap reads.
        """
        skip = [taps == 1 and step > 1 for taps, step in zip(kernel, strides, strict=True)]
        if not any(skip):
            return x, strides, pads
        before = (0, pads[0] * skip[0], pads[1] * skip[1], 0)
        after = (0, pads[2] * skip[0], pads[3] * skip[1], 0)
        if any(before) or any(after):
            x = self.pad(x, before, after, 0)
        for i in (0, 1):
            if skip[i]:
                x = self.every(x, i + 1, strides[i], shape[i + 1])
        left = [1 if skip[i] else strides[i] for i in (0, 1)]
        kept = [0 if skip[i % 2] else pads[i] for i in range(4)]
        return x, (left[0], left[1]), (kept[0], kept[1], kept[2], kept[3])

    # -- steps that write digits ----------------------------------------------------------------

    def relu(self, x: Tensor) -> Tensor:
        """`max(x, 0)`."""
        self.written(x.lo, x.hi)
        self.cells["relu"] += x.size
        return self.apply("Relu", [x.name], x.shape, max(x.lo, 0), max(x.hi, 0))

    def floor_shift(self, x: Tensor, half: int, shift: int, then: int = 0) -> Tensor:
        """`floor((x + half) / 2**shift) + then` for shift >= 1."""
        if shift > MAX_STAGE_SHIFT:
            first = shift // 2
            rough = self.bounded(self.floor_shift(x, half, first))
            return self.floor_shift(rough, 0, shift - first, then)
        lo, hi = (x.lo + half) >> shift, (x.hi + half) >> shift
        divisor = 1 << (shift + 1)
        # ezkl divides at the next addition, and an addition of 0 is dropped: where nothing is to
        # be added after, one whole divisor is added before and 1 taken away after. The addition
        # takes part in the division, so a large one comes later.
        now = then if 0 < abs(then) <= _MAX_ADDED else -1
        ahead = 0 if now == then else 1
        doubled = self.scale(x, np.array([2]), (2 * x.lo, 2 * x.hi))
        odd = self.add(doubled, 2 * half + 1 - (1 << shift) + ahead * divisor)
        marked = self.apply(
            "Div", [odd.name, self.constant([divisor])], x.shape, lo + ahead, hi + ahead
        )
        quotient = self.add(marked, now)
        self.written(quotient.lo, quotient.hi)
        self.written(0, divisor)
        self.cells["divide"] += x.size
        self._show_nearest(odd, self.add(quotient, -now), divisor)
        return self.add(quotient, then - now - ahead)

    def _show_nearest(self, dividend: Tensor, quotient: Tensor, divisor: int) -> None:
        """Record by how much remainders exceed half the (even) divisor; dividends are odd."""
        product = self.scale(quotient, np.array([divisor]), (dividend.lo, dividend.hi))
        most = divisor // 2 - 1
        rest = self.apply("Sub", [dividend.name, product.name], dividend.shape, -most, most)
        self.cells["linear"] += 2 * rest.size
        above = self.relu(self.add(rest, -most))
        below = self.relu(self.subtract_from(-most, rest))
        both = self.reshape(self.binary("Add", above, below, (0, 0)), (1, rest.size))
        axis = self.constant(np.array([1]), np.int64)
        self.excesses.append(self.apply("ReduceSum", [both.name, axis], (1, 1), 0, 0, keepdims=1))

    def bounded(self, x: Tensor) -> Tensor:
        """The same values, written in digits once: a huge field element cannot stand for one."""
        return self.add(self.relu(self.add(x, -x.lo)), x.lo)

    def total_excess(self, other: Tensor) -> Tensor:
        """The sum of all excesses, (1, 1); of `other - other` where nothing was divided."""
        if not self.excesses:
            nothing = self.apply("Sub", [other.name, other.name], other.shape, 0, 0)
            flat = self.reshape(nothing, (1, other.size))
            axis = self.constant(np.array([1]), np.int64)
            return self.apply("ReduceSum", [flat.name, axis], (1, 1), 0, 0, keepdims=1)
        total = self.excesses[0]
        for excess in self.excesses[1:]:
            total = self.binary("Add", total, excess, (0, 0))
        return total

    def max_pool(
        self,
        x: Tensor,
        *,
        kernel: tuple[int, int],
        strides: tuple[int, int],
        pads: tuple[int, int, int, int],
        shape: tuple[int, ...],
    ) -> Tensor:
        """Maximum over windows of an NHWC tensor; ezkl pads with 0, so values are shifted up."""
        shifted = self.add(x, -x.lo) if any(pads) else x
        self.written(0, 2 * (x.hi - x.lo) + 2)
        self.cells["max"] += prod(shape) * (prod(kernel) - 1)
        made = self.apply(
            "MaxPool",
            [self.channels_first(shifted).name],
            (shape[0], shape[3], shape[1], shape[2]),
            shifted.lo,
            shifted.hi,
            kernel_shape=list(kernel),
            strides=list(strides),
            pads=list(pads),
        )
        result = self.channels_last(made)
        return self.add(result, x.lo) if any(pads) else result

    def look_up(self, x: Tensor, table: IntArray) -> Tensor:
        """`table[c, x - x.lo]`, c being the index of the last axis if the table has several rows.

        Args:
            table: (1 or C, x.hi - x.lo + 1).
        """
        rows, size = table.shape
        offsets = np.arange(rows, dtype=np.int64) * size - x.lo  # (rows,)
        index = self.add(x, offsets)
        self.written(0, table.size)
        self.cells["lookup"] += x.size
        self.table_rows += table.size
        whole = self.apply("Cast", [index.name], x.shape, 0, table.size - 1, to=TensorProto.INT64)
        flat = self.constant(table.reshape(-1))
        return self.apply(
            "Gather", [flat, whole.name], x.shape, int(table.min()), int(table.max()), axis=0
        )

    # -- result ---------------------------------------------------------------------------------

    def model(self, inputs: list[Tensor], outputs: list[Tensor]) -> onnx.ModelProto:
        """The finished model; each output gets a node of its own."""
        ends = []
        for index, tensor in enumerate(outputs):
            name = f"output_{index}"
            self.nodes.append(helper.make_node("Identity", [tensor.name], [name], name=name))
            ends.append(_value_info(name, tensor.shape))
        graph = helper.make_graph(
            self.nodes,
            "circuit",
            [_value_info(tensor.name, tensor.shape) for tensor in inputs],
            ends,
            self.initializers,
        )
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        onnx.checker.check_model(made)
        return made


def _value_info(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
