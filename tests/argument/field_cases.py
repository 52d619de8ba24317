"""Field elements and arrays for tests, with many values at the edges of the reduction."""

from __future__ import annotations

import numpy as np

from verifiable.argument.goldilocks import Ext, P
from verifiable.argument.vectors import Words

# Where words wrap: around 0, around p, around 2^32 and around the halves of products.
EDGES = (0, 1, 2, 7, 2**31, 2**32 - 2, 2**32 - 1, 2**32, 2**32 + 1, 2**63, P - 2**32, P - 2, P - 1)


def words(generator: np.random.Generator, *shape: int) -> Words:
    """Draw canonical words, half of them edges."""
    drawn = generator.integers(0, P, size=shape, dtype=np.uint64)
    edges = generator.choice(np.array(EDGES, np.uint64), size=shape)
    return np.where(generator.integers(0, 2, size=shape) == 0, drawn, edges)


def ext(generator: np.random.Generator) -> Ext:
    """Draw one element."""
    c0, c1 = words(generator, 2).tolist()
    return Ext(c0, c1)


def exts(generator: np.random.Generator, count: int) -> list[Ext]:
    """Draw a list of elements."""
    return [ext(generator) for _ in range(count)]
