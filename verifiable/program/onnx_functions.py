"""The operators as ONNX functions: what makes `program.onnx` an ordinary ONNX file.

One function for each operator, in the domain `verifiable`, with a body in standard operators, so
that viewers show the file and any ONNX runtime computes it. Activations are float32 tensors that
carry integers; everything from the accumulator to the clamp is int64, so that a runtime is exact
as long as the values and the raw sums of MatMul, Conv and SumPool stay below 2^24 (float32).

Constants come in the integer type of their width. Bodies hold no numbers of a program: those are
attributes and operands of the call, so every file carries the same bodies, and a loader accepts
no other.
"""

from __future__ import annotations

from functools import cache

import onnx
import onnx.parser

from verifiable.program.operators import OPERATORS

__all__ = [
    "DOMAIN",
    "DOMAIN_VERSION",
    "FUNCTION_TEXT",
    "ONNX_OPSET",
    "REQUANTIZE",
    "STANDARD",
    "function",
    "functions_for",
]

DOMAIN = "verifiable"
DOMAIN_VERSION = 1
ONNX_OPSET = 18

REQUANTIZE = "Requantize"
"""The function that the arithmetic operators call last; no operator by itself."""

STANDARD = frozenset({"Transpose", "Concat"})
"""Operators that are exactly the standard ONNX operator of that name, and need no function."""

FUNCTION_TEXT: dict[str, str] = {
    "Requantize": """
Requantize <shift, zero_point, lo, hi> (acc, multiplier) => (y) {
  # acc is int64; y = clamp(floor((acc * M + half) / 2^shift) + zero_point, lo, hi)
  shift = Constant <value_int: int = @shift> ()
  shift_bits = Cast <to: int = 13> (shift)
  one = Constant <value_int: int = 1> ()
  one_bits = Cast <to: int = 13> (one)
  divisor_bits = BitShift <direction: string = "LEFT"> (one_bits, shift_bits)
  divisor = Cast <to: int = 7> (divisor_bits)
  two = Constant <value_int: int = 2> ()
  half = Div (divisor, two)
  factor = Cast <to: int = 7> (multiplier)
  product = Mul (acc, factor)
  rounded = Add (product, half)
  remainder = Mod (rounded, divisor)
  whole = Sub (rounded, remainder)
  scaled = Div (whole, divisor)
  zero_point = Constant <value_int: int = @zero_point> ()
  moved = Add (scaled, zero_point)
  lo = Constant <value_int: int = @lo> ()
  hi = Constant <value_int: int = @hi> ()
  clamped = Clip (moved, lo, hi)
  y = Cast <to: int = 1> (clamped)
}
""",
    "MatMul": """
MatMul <shift, zero_point, lo, hi> (x, weight, bias, multiplier) => (y) {
  weight_float = Cast <to: int = 1> (weight)
  columns = Transpose <perm: ints = [1, 0]> (weight_float)
  dot = MatMul (x, columns)
  dot_int = Cast <to: int = 7> (dot)
  bias_int = Cast <to: int = 7> (bias)
  acc = Add (dot_int, bias_int)
  y = verifiable.Requantize <shift: int = @shift, zero_point: int = @zero_point,
    lo: int = @lo, hi: int = @hi> (acc, multiplier)
}
""",
    "Conv": """
Conv <strides, pads, dilations, group, x_zero_point, shift, zero_point, lo, hi>
  (x, weight, bias, multiplier) => (y) {
  x_zero_point = Constant <value_int: int = @x_zero_point> ()
  x_zero_point_float = Cast <to: int = 1> (x_zero_point)
  centred = Sub (x, x_zero_point_float)
  planes = Transpose <perm: ints = [0, 3, 1, 2]> (centred)
  weight_float = Cast <to: int = 1> (weight)
  kernels = Transpose <perm: ints = [0, 3, 1, 2]> (weight_float)
  dot_planes = Conv <strides: ints = @strides, pads: ints = @pads, dilations: ints = @dilations,
    group: int = @group> (planes, kernels)
  dot = Transpose <perm: ints = [0, 2, 3, 1]> (dot_planes)
  dot_int = Cast <to: int = 7> (dot)
  bias_int = Cast <to: int = 7> (bias)
  acc = Add (dot_int, bias_int)
  y = verifiable.Requantize <shift: int = @shift, zero_point: int = @zero_point,
    lo: int = @lo, hi: int = @hi> (acc, multiplier)
}
""",
    "Affine": """
Affine <shift, zero_point, lo, hi> (x, weight, bias, multiplier) => (y) {
  x_int = Cast <to: int = 7> (x)
  weight_int = Cast <to: int = 7> (weight)
  bias_int = Cast <to: int = 7> (bias)
  product = Mul (x_int, weight_int)
  acc = Add (product, bias_int)
  y = verifiable.Requantize <shift: int = @shift, zero_point: int = @zero_point,
    lo: int = @lo, hi: int = @hi> (acc, multiplier)
}
""",
    "Add": """
Add <a_multiplier, b_multiplier, offset, shift, zero_point, lo, hi> (a, b) => (y) {
  a_int = Cast <to: int = 7> (a)
  b_int = Cast <to: int = 7> (b)
  a_multiplier = Constant <value_int: int = @a_multiplier> ()
  b_multiplier = Constant <value_int: int = @b_multiplier> ()
  a_scaled = Mul (a_int, a_multiplier)
  b_scaled = Mul (b_int, b_multiplier)
  sum = Add (a_scaled, b_scaled)
  offset = Constant <value_int: int = @offset> ()
  acc = Add (sum, offset)
  one = Constant <value_int: int = 1> ()
  y = verifiable.Requantize <shift: int = @shift, zero_point: int = @zero_point,
    lo: int = @lo, hi: int = @hi> (acc, one)
}
""",
    "Mul": """
Mul <a_zero_point, b_zero_point, shift, zero_point, lo, hi> (a, b, multiplier) => (y) {
  a_int = Cast <to: int = 7> (a)
  b_int = Cast <to: int = 7> (b)
  a_zero_point = Constant <value_int: int = @a_zero_point> ()
  b_zero_point = Constant <value_int: int = @b_zero_point> ()
  a_centred = Sub (a_int, a_zero_point)
  b_centred = Sub (b_int, b_zero_point)
  acc = Mul (a_centred, b_centred)
  y = verifiable.Requantize <shift: int = @shift, zero_point: int = @zero_point,
    lo: int = @lo, hi: int = @hi> (acc, multiplier)
}
""",
    "LookupTable": """
LookupTable <x_min> (x, table) => (y) {
  # The rows of the table are laid end to end; channel c starts at c * size.
  x_int = Cast <to: int = 7> (x)
  x_min = Constant <value_int: int = @x_min> ()
  distance = Sub (x_int, x_min)
  zero = Constant <value_int: int = 0> ()
  one = Constant <value_int: int = 1> ()
  table_shape = Shape (table)
  rows = Gather <axis: int = 0> (table_shape, zero)
  size = Gather <axis: int = 0> (table_shape, one)
  last = Sub (size, one)
  column = Clip (distance, zero, last)
  channels = Range (zero, rows, one)
  starts = Mul (channels, size)
  index = Add (column, starts)
  flat_shape = Constant <value_ints: ints = [-1]> ()
  flat = Reshape (table, flat_shape)
  found = Gather <axis: int = 0> (flat, index)
  found_float = Cast <to: int = 1> (found)
  x_shape = Shape (x)
  y = Reshape (found_float, x_shape)
}
""",
    "MaxPool": """
MaxPool <kernel, strides, pads, dilations> (x) => (y) {
  # Padded with the lowest float, so that padding never is the maximum. The pads of all four axes
  # are gathered, 0 for batch and channel: onnxruntime 1.32 mishandles the axes input of Pad.
  pads = Constant <value_ints: ints = @pads> ()
  none = Constant <value_ints: ints = [0]> ()
  choices = Concat <axis: int = 0> (pads, none)
  chosen = Constant <value_ints: ints = [4, 0, 1, 4, 4, 2, 3, 4]> ()
  all_pads = Gather <axis: int = 0> (choices, chosen)
  lowest = Constant <value_float: float = -3.4028234663852886e38> ()
  padded = Pad <mode: string = "constant"> (x, all_pads, lowest)
  planes = Transpose <perm: ints = [0, 3, 1, 2]> (padded)
  pooled = MaxPool <kernel_shape: ints = @kernel, strides: ints = @strides,
    dilations: ints = @dilations> (planes)
  y = Transpose <perm: ints = [0, 2, 3, 1]> (pooled)
}
""",
    "SumPool": """
SumPool <kernel, strides, pads, dilations, x_zero_point, shift, zero_point, lo, hi>
  (x, multiplier) => (y) {
  # Every channel is a picture of its own, convolved with ones.
  x_zero_point = Constant <value_int: int = @x_zero_point> ()
  x_zero_point_float = Cast <to: int = 1> (x_zero_point)
  centred = Sub (x, x_zero_point_float)
  planes = Transpose <perm: ints = [0, 3, 1, 2]> (centred)
  outer = Shape <start: int = 0, end: int = 2> (planes)
  inner = Shape <start: int = 2, end: int = 4> (planes)
  any = Constant <value_ints: ints = [-1]> ()
  unit = Constant <value_ints: ints = [1]> ()
  pictures_shape = Concat <axis: int = 0> (any, unit, inner)
  pictures = Reshape (planes, pictures_shape)
  kernel = Constant <value_ints: ints = @kernel> ()
  ones_shape = Concat <axis: int = 0> (unit, unit, kernel)
  ones = ConstantOfShape <value: tensor = float[1] {1}> (ones_shape)
  sums = Conv <strides: ints = @strides, pads: ints = @pads, dilations: ints = @dilations>
    (pictures, ones)
  sums_inner = Shape <start: int = 2, end: int = 4> (sums)
  planes_shape = Concat <axis: int = 0> (outer, sums_inner)
  sum_planes = Reshape (sums, planes_shape)
  sum = Transpose <perm: ints = [0, 2, 3, 1]> (sum_planes)
  acc = Cast <to: int = 7> (sum)
  y = verifiable.Requantize <shift: int = @shift, zero_point: int = @zero_point,
    lo: int = @lo, hi: int = @hi> (acc, multiplier)
}
""",
    "Pad": """
Pad <before, after, value> (x) => (y) {
  before = Constant <value_ints: ints = @before> ()
  after = Constant <value_ints: ints = @after> ()
  pads = Concat <axis: int = 0> (before, after)
  value = Constant <value_int: int = @value> ()
  value_float = Cast <to: int = 1> (value)
  y = Pad <mode: string = "constant"> (x, pads, value_float)
}
""",
}
"""The body of each function in ONNX's own text syntax (7 is int64, 1 is float, 13 is uint64)."""


@cache
def _parsed(name: str) -> bytes:
    header = (
        f'<domain: "{DOMAIN}", opset_import: ["" : {ONNX_OPSET}, "{DOMAIN}" : {DOMAIN_VERSION}]>'
    )
    parsed = onnx.parser.parse_function(header + FUNCTION_TEXT[name])
    for node in parsed.node:
        if not node.domain:
            node.ClearField("domain")  # absent or empty is the parser's choice; we fix it
    return bytes(parsed.SerializeToString(deterministic=True))


def function(name: str) -> onnx.FunctionProto:
    """A fresh copy of the function of an operator, or of `Requantize`.

    Raises:
        KeyError: there is no function of this name.
    """
    copy = onnx.FunctionProto()
    copy.ParseFromString(_parsed(name))
    return copy


def functions_for(names: frozenset[str]) -> list[onnx.FunctionProto]:
    """The functions that nodes of these operators need, in the one order that files use."""
    wanted = [name for name in OPERATORS if name in names - STANDARD]
    nested = any(f"{DOMAIN}.{REQUANTIZE}" in FUNCTION_TEXT[name] for name in wanted)
    return [function(name) for name in ([REQUANTIZE] if nested else []) + wanted]
