"""Values of inputs and outputs between the host's arrays and an enclave's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from verifiable.backends.tee.simulator.answers import TensorShape
from verifiable.backends.tee.simulator.wire import refused
from verifiable.errors import InvalidInput
from verifiable.program.program import IntArray

__all__ = ["input_bytes", "read_outputs"]


def input_bytes(tensor: TensorShape, values: npt.NDArray[np.integer]) -> bytes:
    """Values of an input as they are sent: int64, little-endian, row-major.

    Raises:
        InvalidInput: they are no integers of 64 bits, or of another shape.
    """
    given = np.asarray(values)
    if not np.issubdtype(given.dtype, np.integer):
        raise InvalidInput(
            f"dtype {given.dtype} where integers are expected",
            where=tensor.name,
            hint="quantise raw values with quantise_input first",
            code="wrong-dtype",
        )
    if given.shape != tensor.shape:
        raise InvalidInput(
            f"shape {given.shape} where {tensor.shape} is expected",
            where=tensor.name,
            code="wrong-shape",
        )
    if given.dtype == np.uint64 and given.size and int(given.max()) >> 63:
        raise InvalidInput(
            "a value beyond 64 bits with a sign", where=tensor.name, code="out-of-range"
        )
    return given.astype("<i8", copy=False).tobytes()


def read_outputs(
    expected: Sequence[TensorShape], received: Sequence[bytes]
) -> Mapping[str, IntArray]:
    """Outputs by name, int64 and read-only.

    Args:
        expected: what the enclave said of its outputs.
        received: the values of each, in this order.

    Raises:
        ProvingError: (code `enclave-protocol`) they do not fit.
    """
    found = {}
    try:
        for tensor, data in zip(expected, received, strict=True):
            found[tensor.name] = np.frombuffer(data, "<i8").reshape(tensor.shape)
    except ValueError as cause:
        raise refused(f"outputs of another shape: {cause}") from cause
    return MappingProxyType(found)
