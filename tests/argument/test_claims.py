"""The merge: true claims become the stack's value at a point, and any false one is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from field_cases import exts, words

from verifiable.argument import vectors
from verifiable.argument.claims import Claim, ClaimBook, merge
from verifiable.argument.functional import EqPoint, Functional, padded
from verifiable.argument.goldilocks import ONE, ZERO, Ext
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.argument.rejection import Rejected
from verifiable.argument.soundness import Rlc
from verifiable.argument.stack import address_bits, layout
from verifiable.argument.transcript import Transcript
from verifiable.argument.verifier_side import VerifierSide
from verifiable.errors import ProvingError

SHAPES = {"a": (3, 5), "b": (2,), "c": (), "d": (4, 1, 2), "e": (6,)}


class Stack:
    """Columns of random integers at their places, with true claims of every kind."""

    def __init__(self) -> None:
        generator = np.random.default_rng(9)
        self.tensors = {
            name: generator.integers(-(1 << 30), 1 << 30, shape) for name, shape in SHAPES.items()
        }
        self.lanes = {
            name: padded(np.asarray(t), 0).reshape(-1) for name, t in self.tensors.items()
        }
        self.place = layout([(n, (len(v) - 1).bit_length()) for n, v in self.lanes.items()], 2)
        self.words = np.zeros(self.place.end_row << self.place.row_bits, dtype=np.uint64)
        for name, block in self.place.blocks.items():
            values = vectors.from_ints(self.lanes[name].astype(np.int64))
            self.words[block.offset : block.offset + len(values)] = values
        self.variables = address_bits((self.place,))
        book = ClaimBook()
        for name, tensor in self.tensors.items():
            point = tuple(exts(generator, (len(self.lanes[name]) - 1).bit_length()))
            whole = Functional(factors=(vectors.eq_table(point),))
            book.add(name, EqPoint(point=point), whole.apply(self.lanes[name]))
            for _ in range(2):
                groups = [tensor.shape[:1], tensor.shape[1:]] if tensor.ndim else [()]
                factors = tuple(words(generator, *group, 2) for group in groups)
                weights = Functional(factors=factors)
                book.add(name, weights, weights.apply(np.asarray(tensor)))
        self.claims = book.claims

    def prove(self, claims: Sequence[Claim], *, lenient: bool = False) -> bytes:
        side = ProverSide(ReferenceKernels(), Transcript(), lenient=lenient)
        merge(side, claims, self.place.blocks, self.variables, lambda: self.words)
        return side.proof

    def verify(self, proof: bytes, claims: Sequence[Claim]) -> bool:
        """Whether the value that is left is the stack's own; the merge itself may reject."""
        side = VerifierSide(proof, Transcript())
        point, value = merge(side, claims, self.place.blocks, self.variables, refuse)
        side.finish()
        assert len(point) == self.variables
        assert [term.count for term in side.terms if isinstance(term, Rlc)] == [len(claims)]
        table = vectors.eq_table(point)[: len(self.words)]
        return value == vectors.dot_base(self.words, table)


def refuse() -> vectors.Words:
    raise AssertionError("the verifier has no stack")


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack()


def test_true_claims(stack: Stack) -> None:
    assert stack.verify(stack.prove(stack.claims), stack.claims)


@pytest.mark.parametrize("count", [0, 1])
def test_few_claims(stack: Stack, count: int) -> None:
    claims = stack.claims[:count]
    assert stack.verify(stack.prove(claims), claims)


@pytest.mark.parametrize("which", range(3 * len(SHAPES)))
def test_each_false_claim_is_noticed(stack: Stack, which: int) -> None:
    claims = list(stack.claims)
    claims[which] = replace(claims[which], value=claims[which].value + ONE)
    with pytest.raises(ProvingError):
        stack.prove(claims)
    with pytest.raises(Rejected) as caught:
        stack.verify(stack.prove(claims, lenient=True), claims)
    assert (caught.value.check, caught.value.code) == ("GK-10", "merge-false")


def test_two_lies_do_not_cancel(stack: Stack) -> None:
    claims = list(stack.claims)
    for which, lie in ((0, Ext(5, 1)), (7, -Ext(5, 1))):
        claims[which] = replace(claims[which], value=claims[which].value + lie)
    with pytest.raises(Rejected):
        stack.verify(stack.prove(claims, lenient=True), claims)


def test_claims_are_on_their_own_columns(stack: Stack) -> None:
    claims = list(stack.claims)
    other = next(c for c in claims if c.column == "e")
    claims = [replace(other, column="a", weights=other.weights), *claims]
    with pytest.raises(Rejected):
        stack.verify(stack.prove(claims, lenient=True), claims)


def test_a_value_that_fits_a_false_claim_is_not_the_stack_s(stack: Stack) -> None:
    claims = [replace(stack.claims[0], value=stack.claims[0].value + ONE), *stack.claims[1:]]

    class Fitting(ProverSide):
        def sumcheck(self, label, **parts):
            self.reduced = super().sumcheck(label, **parts)
            return self.reduced

        def values(self, label, count, compute):
            if label != "merge/stack":
                return super().values(label, count, compute)
            fitting = self.reduced.claim * self.reduced.finals[1].inverse()
            assert fitting != ZERO
            return super().values(label, count, lambda: (fitting,))

    side = Fitting(ReferenceKernels(), Transcript())
    merge(side, claims, stack.place.blocks, stack.variables, lambda: stack.words)
    assert not stack.verify(side.proof, claims)
