"""Commitment to one tensor: packing into bytes, and the Merkle root over its data leaves.

Elements are signed two's complement, big-endian, `width` bytes each, row-major and back to back.
The bytes are cut into leaves of `2**leaf_log2` bytes; the last one is filled up with zero bytes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from verifiable.errors import InvalidInput
from verifiable.program.program import IntArray
from verifiable.statement.hashing import (
    Domain,
    TensorRoot,
    domain_hash,
    merkle_branch,
    merkle_root,
    tree_height,
)

__all__ = [
    "DEFAULT_LEAF_LOG2",
    "LEAF_LOG2_CHOICES",
    "WIDTHS",
    "leaf_count",
    "pack",
    "salted_root",
    "tensor_branch",
    "tensor_height",
    "tensor_root",
    "unpack",
]

WIDTHS = (1, 2, 4, 8)
LEAF_LOG2_CHOICES = (5, 8, 10)
DEFAULT_LEAF_LOG2 = 10


def pack(values: IntArray, width: int) -> bytes:
    """Pack integers row-major, `width` bytes each, signed big-endian.

    Raises:
        InvalidInput: (code `value-out-of-width`) a value does not fit.
    """
    bound = 1 << (8 * width - 1)
    if values.size:
        low, high = int(values.min()), int(values.max())
        if low < -bound or high >= bound:
            raise InvalidInput(
                f"a value does not fit {width} signed bytes",
                why=f"the values span [{low}, {high}]",
                code="value-out-of-width",
            )
    return values.astype(np.dtype(f">i{width}"), order="C").tobytes(order="C")


def unpack(data: bytes, width: int, shape: tuple[int, ...]) -> IntArray:
    """Inverse of `pack`: a read-only int64 array of `shape`.

    Raises:
        ValueError: `data` has another length than `shape` and `width` imply.
    """
    array = np.frombuffer(data, dtype=np.dtype(f">i{width}")).astype(np.int64).reshape(shape)
    array.setflags(write=False)
    return array


def leaf_count(elements: int, width: int, leaf_log2: int = DEFAULT_LEAF_LOG2) -> int:
    """Number of data leaves: `max(1, ceil(elements * width / 2**leaf_log2))`."""
    return max(1, -(-elements * width >> leaf_log2))


def tensor_height(elements: int, width: int, leaf_log2: int = DEFAULT_LEAF_LOG2) -> int:
    """Height of a tensor's tree, implied by its shape and width."""
    return tree_height(leaf_count(elements, width, leaf_log2))


def _leaves(values: IntArray, width: int, leaf_log2: int) -> tuple[list[bytes], bytes]:
    """Digests of the data leaves, and the digest of a zero leaf."""
    size = 1 << leaf_log2
    data = pack(values, width)
    data += bytes(leaf_count(values.size, width, leaf_log2) * size - len(data))
    leaves = [
        domain_hash(Domain.DATA_LEAF, data[start : start + size])
        for start in range(0, len(data), size)
    ]
    return leaves, domain_hash(Domain.DATA_LEAF, bytes(size))


def tensor_root(
    values: npt.NDArray[np.int64], width: int, leaf_log2: int = DEFAULT_LEAF_LOG2
) -> TensorRoot:
    """Commit to a tensor.

    The shape is not part of the root (a reshape is an alias of the same row-major elements); it is
    bound by the program's descriptors and schema.

    Args:
        values: any shape, int64.
        width: bytes per element: 1, 2, 4 or 8.
        leaf_log2: log2 of the leaf size in bytes; part of the program root.

    Raises:
        InvalidInput: (code `value-out-of-width`) a value does not fit `width`.
    """
    leaves, filler = _leaves(values, width, leaf_log2)
    return TensorRoot(merkle_root(leaves, filler))


def tensor_branch(
    values: IntArray, width: int, index: int, leaf_log2: int = DEFAULT_LEAF_LOG2
) -> tuple[bytes, tuple[bytes, ...]]:
    """Data and siblings that open leaf `index` of a tensor's tree.

    Returns:
        the leaf's `2**leaf_log2` bytes, and its branch for `hashing.root_from_branch`.

    Raises:
        IndexError: the tensor has no such leaf.
    """
    leaves, filler = _leaves(values, width, leaf_log2)
    branch = merkle_branch(leaves, index, filler)
    size = 1 << leaf_log2
    data = pack(values, width)[index * size : (index + 1) * size]
    return data + bytes(size - len(data)), branch


def salted_root(salt: bytes, root: TensorRoot) -> TensorRoot:
    """Hide a root of guessable values behind 32 random bytes; opened by (salt, values).

    Raises:
        InvalidInput: the salt has not 32 bytes.
    """
    if len(salt) != 32:
        raise InvalidInput("a salt has 32 bytes", why=f"{len(salt)} given", code="bad-salt")
    return TensorRoot(domain_hash(Domain.SALTED, salt, root))
