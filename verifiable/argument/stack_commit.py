"""The prover's half of a commitment: fill a stack, encode its rows, hash its columns.

Hashing needs whole columns, so the encoded matrix, four times the stack, exists once while a
commitment is made. Afterwards it is kept only if it is small; else the rows are encoded again, a
chunk at a time, when columns are opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from verifiable.argument import merkle, vectors
from verifiable.argument.kernels import Kernels
from verifiable.argument.merkle import Root
from verifiable.argument.soundness import LOG_INVERSE_RATE
from verifiable.argument.stack import StackLayout
from verifiable.argument.vectors import Words
from verifiable.errors import SetupError

__all__ = ["KEPT_BYTES", "Committed", "commit", "fill"]

KEPT_BYTES = 32 << 20
"""Encoded stacks up to this size stay in memory between commitment and opening."""

_CHUNK_BYTES = 4 << 20
"""Part of the encoded matrix that kernels work on at a time, so that their copies stay small."""


def fill(layout: StackLayout, columns: Mapping[str, npt.NDArray[np.int64]]) -> Words:
    """Lay columns out as the rows of a stack.

    Args:
        layout: the places.
        columns: exactly the layout's columns, each a flat int64 array of the block's length.

    Returns:
        (rows, C) uint64, canonical; addresses that belong to no block are zero.

    Raises:
        ValueError: if names or lengths differ from the layout.
    """
    if columns.keys() != layout.blocks.keys():
        odd = sorted(columns.keys() ^ layout.blocks.keys())
        raise ValueError(f"columns and layout of a stack differ in {odd}")
    flat = np.zeros(layout.rows << layout.row_bits, dtype=np.uint64)
    start = layout.first_row << layout.row_bits
    for name, block in layout.blocks.items():
        values = columns[name]
        if values.shape != (1 << block.log_size,):
            raise ValueError(f"column {name!r} has shape {values.shape}, not (2^{block.log_size},)")
        at = block.offset - start
        flat[at : at + len(values)] = vectors.from_ints(values)
    return flat.reshape(layout.rows, layout.row_length)


class Committed:
    """A stack with the tree over its encoded columns.

    Attributes:
        layout: the places of its columns.
        rows: (rows, C) uint64, canonical.
        root: the commitment.
    """

    __slots__ = ("_encoded", "_kernels", "_levels", "layout", "root", "rows")

    def __init__(
        self,
        kernels: Kernels,
        layout: StackLayout,
        rows: Words,
        leaf_digests: bytes,
        encoded: Words | None = None,
    ) -> None:
        _check_shape(layout, rows)
        if len(leaf_digests) != merkle.DIGEST_BYTES << layout.codeword_log:
            raise ValueError(f"{len(leaf_digests)} bytes of leaf digests do not fit the layout")
        self._kernels = kernels
        self.layout = layout
        self.rows = rows
        self._levels = merkle.build(leaf_digests)
        self._encoded = encoded
        self.root = Root(self._levels[-1])

    @classmethod
    def load(
        cls,
        kernels: Kernels,
        layout: StackLayout,
        rows: Words,
        leaf_digests: bytes,
        *,
        root: Root,
    ) -> Committed:
        """Take up a stack that was committed before, from its rows and stored leaf digests.

        Costs as many hashes as the tree has nodes, no encoding. That the rows are the ones which
        the leaves were made of is *not* checked: a proof made from others is refused.

        Raises:
            SetupError: the digests do not lead to the root.
        """
        if len(leaf_digests) != merkle.DIGEST_BYTES << layout.codeword_log:
            why = f"{len(leaf_digests)} bytes instead of 32 for each of 2^{layout.codeword_log}"
        else:
            loaded = cls(kernels, layout, rows, leaf_digests)
            if loaded.root == root:
                return loaded
            why = "they lead to another root"
        raise SetupError(
            "stored leaf digests do not belong to the committed stack",
            why=why,
            hint="run the setup again",
            code="digests-not-of-root",
        )

    @property
    def leaf_digests(self) -> bytes:
        """What `load` needs: 32 bytes for each of the 4C columns."""
        return self._levels[0]

    def combine(self, weights: Words) -> Words:
        """Sum of weights (rows, 2) times rows: (C, 2)."""
        return self._kernels.combine_rows(weights, self.rows)

    def columns(self, positions: Sequence[int]) -> Words:
        """Columns of the encoded stack, one a row: (positions, rows)."""
        picked = list(positions)
        if self._encoded is not None:
            return np.ascontiguousarray(self._encoded[:, picked].T)
        found = np.empty((len(picked), len(self.rows)), dtype=np.uint64)
        for start, encoded in _encoded_chunks(self._kernels, self.rows):
            found[:, start : start + len(encoded)] = encoded[:, picked].T
        return found

    def siblings(self, positions: Sequence[int]) -> bytes:
        """Siblings of the pruned Merkle paths of these columns."""
        return merkle.prove(self._levels, positions)


def commit(
    kernels: Kernels, layout: StackLayout, rows: Words, *, kept_bytes: int = KEPT_BYTES
) -> Committed:
    """Encode and hash a stack.

    Args:
        kernels: the implementation to use; all give the same root.
        layout: the places of the columns.
        rows: (rows, C) uint64, canonical, as `fill` makes them.
        kept_bytes: encoded stacks up to this size are kept for the opening.
    """
    _check_shape(layout, rows)
    length = layout.row_length << LOG_INVERSE_RATE
    encoded = np.empty((layout.rows, length), dtype=np.uint64)
    for start, chunk in _encoded_chunks(kernels, rows):
        encoded[start : start + len(chunk)] = chunk
    leaf_digests = _hashed(kernels, encoded)
    kept = encoded if encoded.nbytes <= kept_bytes else None
    return Committed(kernels, layout, rows, leaf_digests, kept)


def _encoded_chunks(kernels: Kernels, rows: Words) -> Iterator[tuple[int, Words]]:
    """Encoded rows, a few at a time, each with the index of its first."""
    row_bytes = rows.shape[1] * rows.itemsize << LOG_INVERSE_RATE
    step = max(1, _CHUNK_BYTES // row_bytes)
    for start in range(0, len(rows), step):
        yield start, kernels.encode_rows(rows[start : start + step])


def _hashed(kernels: Kernels, encoded: Words) -> bytes:
    """Digests of all columns."""
    step = max(1, _CHUNK_BYTES // (len(encoded) * encoded.itemsize))
    return b"".join(
        kernels.hash_columns(np.ascontiguousarray(encoded[:, start : start + step]))
        for start in range(0, encoded.shape[1], step)
    )


def _check_shape(layout: StackLayout, rows: Words) -> None:
    if rows.shape != (layout.rows, layout.row_length) or rows.dtype != np.uint64:
        raise ValueError(
            f"rows of shape {rows.shape}, {rows.dtype}, do not fit a layout of "
            f"({layout.rows}, {layout.row_length}) uint64"
        )
