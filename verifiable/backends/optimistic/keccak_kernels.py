"""keccak-256 compiled by numba: the leaves and inner nodes of many trees without a call for each.

The permutation is Keccak-f[1600] of FIPS 202 with the padding byte 0x01 of the original submission,
which Ethereum uses. Only preimages of the commitments are hashed here: a domain byte followed by
whole 8-byte words, so a lane is seven bytes of one word and one byte of the word before it. The
reference is `statement.hashing`; a test compares the two on every length.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["merkle_tree"]

Words = npt.NDArray[np.uint64]

_ROUNDS = np.array(
    (
        0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
        0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
        0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
        0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
        0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
        0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
    ),
    dtype=np.uint64,
)  # fmt: skip
_RATE_WORDS = 17  # 136 bytes
_EIGHT, _FIFTY_SIX = np.uint64(8), np.uint64(56)
_PADDING = np.uint64(0x01)
_LAST_BIT = np.uint64(1 << 63)
_DATA_LEAF, _INNER_NODE = np.uint64(0x00), np.uint64(0x01)

_i64 = ir.IntType(64)

_compiled = njit(nogil=True, cache=True)


def _rotation_offsets() -> dict[tuple[int, int], int]:
    """The offsets of step rho, by lane (x, y)."""
    offsets, x, y = {(0, 0): 0}, 1, 0
    for t in range(24):
        offsets[x, y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


@intrinsic
def _permute(typing: Any, state: Any, constants: Any) -> Any:
    """Keccak-f[1600] in place on 25 words, lane (x, y) at x + 5 * y; 24 round constants.

    Written for LLVM itself, with the lanes in registers over all rounds: numba would take seconds
    over the types of as many variables.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes, rounds = (
            context.make_array(kind)(context, builder, value).data
            for kind, value in zip(signature.args, args, strict=True)
        )
        at = [builder.gep(lanes, [ir.Constant(_i64, lane)]) for lane in range(25)]
        before = builder.block
        loop, after = (builder.append_basic_block(name) for name in ("rounds", "permuted"))
        words = [builder.load(place) for place in at]
        builder.branch(loop)
        builder.position_at_end(loop)
        number = builder.phi(_i64)
        state = [builder.phi(_i64) for _ in at]
        permuted = _round(builder, state, builder.load(builder.gep(rounds, [number])))
        following = builder.add(number, ir.Constant(_i64, 1))
        for phi, first, next_ in zip(
            (number, *state), (ir.Constant(_i64, 0), *words), (following, *permuted), strict=True
        ):
            phi.add_incoming(first, before)
            phi.add_incoming(next_, loop)
        done = builder.icmp_unsigned("==", following, ir.Constant(_i64, len(_ROUNDS)))
        builder.cbranch(done, after, loop)
        builder.position_at_end(after)
        for place, word in zip(at, permuted, strict=True):
            builder.store(word, place)
        return context.get_dummy_value()

    return types.void(state, constants), generate


def _round(builder: Any, state: list[Any], constant: Any) -> list[Any]:
    """The instructions of one round: theta, rho, pi, chi, iota."""
    shift_type = ir.FunctionType(_i64, (_i64, _i64, _i64))
    funnel_shift = builder.module.declare_intrinsic("llvm.fshl", [_i64], shift_type)

    def rotated(word: Any, bits: int) -> Any:
        return builder.call(funnel_shift, (word, word, ir.Constant(_i64, bits)))

    a = {(x, y): state[x + 5 * y] for x in range(5) for y in range(5)}
    column = [reduce(builder.xor, (a[x, y] for y in range(5))) for x in range(5)]
    theta = [builder.xor(column[(x + 4) % 5], rotated(column[(x + 1) % 5], 1)) for x in range(5)]
    b = {
        (y, (2 * x + 3 * y) % 5): rotated(builder.xor(a[x, y], theta[x]), bits)
        for (x, y), bits in _rotation_offsets().items()
    }
    result = [
        builder.xor(b[x, y], builder.and_(builder.not_(b[(x + 1) % 5, y]), b[(x + 2) % 5, y]))
        for y in range(5)
        for x in range(5)
    ]
    result[0] = builder.xor(result[0], constant)
    return result


@_compiled
def merkle_tree(leaves: Words, nodes: Words, filler: Words) -> None:
    """Hash data leaves and their tree; the root ends at `nodes[0]`.

    One loop over all hashes, so that the permutation is compiled in one place.

    Args:
        leaves: (leaf, word) uint64, the leaves' bytes as little-endian words. Without a leaf, the
            digests in `nodes` are those of the leaves already.
        nodes: (leaf, 4) uint64, overwritten.
        filler: (4,) uint64, the digest of a missing leaf; overwritten.
    """
    s = np.empty(25, np.uint64)
    pair = np.empty(8, np.uint64)
    count = len(nodes)
    hashing_leaves = len(leaves) > 0
    index = 0
    while hashing_leaves or count > 1:
        parents = (count + 1) // 2
        if hashing_leaves:
            message, domain = leaves[index], _DATA_LEAF
        else:
            child = 2 * index
            pair[:4] = nodes[child] if index < parents else filler
            pair[4:] = nodes[child + 1] if child + 1 < count else filler
            message, domain = pair, _INNER_NODE
        s[:] = np.uint64(0)
        before = domain << _FIFTY_SIX
        start, words = 0, len(message)
        while start <= words:  # a last block always follows: it holds the padding
            end = min(start + _RATE_WORDS, words)
            for position in range(start, end):
                word = message[position]
                s[position - start] ^= (word << _EIGHT) | (before >> _FIFTY_SIX)
                before = word
            if end - start < _RATE_WORDS:
                s[end - start] ^= (before >> _FIFTY_SIX) | (_PADDING << _EIGHT)
                s[_RATE_WORDS - 1] ^= _LAST_BIT
            _permute(s, _ROUNDS)
            start += _RATE_WORDS
        if hashing_leaves:
            nodes[index] = s[:4]
            index += 1
            if index == count:
                hashing_leaves, index = False, 0
        elif index < parents:
            nodes[index] = s[:4]
            index += 1
        else:  # the filler of the next level comes last, since this one's is needed till here
            filler[:] = s[:4]
            count, index = parents, 0
