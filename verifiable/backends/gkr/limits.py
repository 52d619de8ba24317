"""What a key may ask of whoever makes a plan of it: bounds on loops and arrays.

A key comes from whoever registered it, and a few bytes of it can describe a pool over 2^60
positions or a pad to 2^31. No model is near these bounds; they keep time and memory of a verifier
within what the committed values, bounded in `plan.py`, need anyway.
"""

from __future__ import annotations

from math import prod

from verifiable.backends.gkr.vk import VerificationKey
from verifiable.errors import Problem, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.program import Node

__all__ = ["check_shapes", "check_windows"]

_LARGEST_TENSOR = 1 << 28
_WINDOW_NUMBERS = 1 << 20
_LARGEST_TAPS = 1 << 24
_LARGEST_MAXIMA = 1 << 14

_WINDOWS = ("kernel", "strides", "pads", "dilations")


def check_shapes(key: VerificationKey) -> None:
    """Bound tensors, and the numbers of windows; before anything is made of them.

    Raises:
        UnsupportedModel: the key asks for too much.
    """
    shapes = [*(shape for shape, _, _ in key.inputs), *(node.shape for node in key.nodes)]
    largest = max((prod(shape) for shape in shapes), default=0)
    if largest > _LARGEST_TENSOR:
        raise _too_large(f"a tensor of {largest} values", f"at most {_LARGEST_TENSOR}")
    numbers = 0
    for node in key.nodes:
        attributes = node.op.attributes()
        for name in _WINDOWS:
            value = attributes.get(name, ())
            numbers += sum(map(abs, value)) if isinstance(value, tuple) else 0
    if numbers > _WINDOW_NUMBERS:
        raise _too_large(
            f"kernels, strides, pads and dilations that add up to {numbers}",
            f"at most {_WINDOW_NUMBERS}",
        )


def check_windows(key: VerificationKey) -> None:
    """Bound the windows' taps, of a key whose structure is right.

    Raises:
        UnsupportedModel: the key asks for too much.
    """
    taps = maxima = 0
    for node in key.nodes:
        kernel = _kernel(node)
        taps += sum(size * outputs for size, outputs in zip(kernel, node.shape[1:3], strict=False))
        maxima += sum(kernel) if isinstance(node.op, ops.MaxPool) else 0
    if taps > _LARGEST_TAPS:
        raise _too_large(f"windows of {taps} positions along axes", f"at most {_LARGEST_TAPS}")
    if maxima > _LARGEST_MAXIMA:
        raise _too_large(f"MaxPool kernels that add up to {maxima}", f"at most {_LARGEST_MAXIMA}")


def _kernel(node: Node) -> tuple[int, ...]:
    if isinstance(node.op, ops.Conv):
        return node.operands[1].shape[1:3]
    return node.op.kernel if isinstance(node.op, ops.MaxPool | ops.SumPool) else ()


def _too_large(what: str, hint: str) -> UnsupportedModel:
    return UnsupportedModel(
        [Problem(code="too-large", node="the program", what=what, hint=f"{hint} can be proven")]
    )
