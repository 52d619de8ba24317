"""Openings of committed stacks: honest ones are accepted, and each lie is refused by its check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from verifiable.argument import opening, stack, stack_commit, vectors
from verifiable.argument.goldilocks import ONE, ZERO, Ext, P
from verifiable.argument.opening import Oracle
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.argument.rejection import Rejected
from verifiable.argument.schedule_side import ScheduleSide
from verifiable.argument.side import Side
from verifiable.argument.soundness import Opening, decoding_radius
from verifiable.argument.stack import StackLayout, address_bits
from verifiable.argument.stack_commit import Committed, commit, fill
from verifiable.argument.transcript import Transcript, TranscriptEvent
from verifiable.argument.vectors import Words
from verifiable.argument.verifier_side import VerifierSide
from verifiable.errors import MalformedProof, SetupError

KERNELS = ReferenceKernels()
QUERIES = 12


class Lying:
    """A committed stack that changes what it hands out."""

    def __init__(
        self,
        honest: Committed,
        *,
        combine: Callable[[Words], Words] = lambda row: row,
        columns: Callable[[Words], Words] = lambda columns: columns,
        siblings: Callable[[bytes], bytes] = lambda siblings: siblings,
    ) -> None:
        self.honest = honest
        self.changes = (combine, columns, siblings)

    def combine(self, weights: Words) -> Words:
        return self.changes[0](self.honest.combine(weights).copy())

    def columns(self, positions: Sequence[int]) -> Words:
        return self.changes[1](self.honest.columns(positions).copy())

    def siblings(self, positions: Sequence[int]) -> bytes:
        return self.changes[2](self.honest.siblings(positions))


class Watched(Lying):
    """An honest stack that remembers which columns were asked for."""

    positions: tuple[int, ...] = ()

    def columns(self, positions: Sequence[int]) -> Words:
        self.positions = tuple(positions)
        return super().columns(positions)


@dataclass(frozen=True)
class Case:
    """Some committed stacks and what a verifier knows of them."""

    stacks: tuple[Committed, ...]

    @property
    def oracles(self) -> tuple[Oracle, ...]:
        return tuple(Oracle(root=item.root, layout=item.layout) for item in self.stacks)

    @property
    def variables(self) -> int:
        return address_bits(item.layout for item in self.stacks)

    def value(self, point: Sequence[Ext]) -> Ext:
        """The virtual stack's extension, from its definition."""
        total = ZERO
        for item in self.stacks:
            start = item.layout.first_row << item.layout.row_bits
            for at, word in enumerate(item.rows.reshape(-1).tolist(), start):
                weight = ONE
                for j, coordinate in enumerate(point):
                    weight = weight * (coordinate if at >> j & 1 else ONE - coordinate)
                total = total + weight * word
        return total


def random_rows(layout: StackLayout, seed: int) -> Words:
    return random_words(seed, (layout.rows, layout.row_length))


def random_words(seed: int, shape: tuple[int, ...]) -> Words:
    return np.random.default_rng(seed).integers(0, P, size=shape, dtype=np.uint64)


def stack_of(rows: int, row_bits: int, *, first_row: int = 0, seed: int = 1) -> Committed:
    layout = stack.layout([(f"c{i}", row_bits) for i in range(rows)], row_bits, first_row)
    return commit(KERNELS, layout, random_rows(layout, seed))


def two_stacks() -> Case:
    """A witness of five rows and weights of three, with rows of nobody between and after them."""
    return Case((stack_of(5, 3), stack_of(3, 3, first_row=8, seed=2)))


def prove(
    case: Case,
    *,
    handed: Sequence[opening.CommittedStack] | None = None,
    value: Callable[[Sequence[Ext]], Ext] | None = None,
    point: Sequence[Ext] | None = None,
) -> bytes:
    side = ProverSide(KERNELS, Transcript(), lenient=True)
    converse(side, case, handed=handed or case.stacks, value=value or case.value, point=point)
    return side.proof


def verify(case: Case, proof: bytes, *, point: Sequence[Ext] | None = None) -> VerifierSide:
    side = VerifierSide(proof, Transcript())
    converse(side, case, handed=None, value=None, point=point)
    side.finish()
    return side


def converse(
    side: Side,
    case: Case,
    *,
    handed: Sequence[opening.CommittedStack] | None,
    value: Callable[[Sequence[Ext]], Ext] | None,
    point: Sequence[Ext] | None,
) -> None:
    """Absorb the roots, draw a point, claim a value, open."""
    for oracle in case.oracles:
        side.absorb("root", oracle.root)
    drawn = side.challenges("point", case.variables)
    at = drawn if point is None else point

    def claim() -> Ext:
        assert value is not None
        return value(at)

    def stacks() -> Sequence[opening.CommittedStack]:
        assert handed is not None, "a verifier has no stacks"
        return handed

    claimed = side.value("value", claim)
    opening.open(side, case.oracles, stacks, at, claimed, QUERIES)


def refusal(case: Case, proof: bytes) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        verify(case, proof)
    return caught.value.check, caught.value.code


@pytest.mark.parametrize("row_bits", [0, 1, 3, 4])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8])
def test_an_honest_opening_of_one_stack_is_accepted(rows: int, row_bits: int) -> None:
    case = Case((stack_of(rows, row_bits),))
    verify(case, prove(case))


@pytest.mark.parametrize("first_row", [5, 6, 8, 13])
def test_an_honest_opening_of_two_stacks_is_accepted(first_row: int) -> None:
    case = Case((stack_of(5, 3), stack_of(3, 3, first_row=first_row, seed=2)))
    verify(case, prove(case))
    exchanged = Case(case.stacks[::-1])
    verify(exchanged, prove(exchanged))


def test_the_combined_row_at_any_point_gives_the_extension_of_the_filled_columns() -> None:
    layout = stack.layout([("a", 4), ("b", 2), ("c", 0)], 2, first_row=4)
    columns = {
        "a": np.arange(-8, 8),
        "b": np.array([-(2**63), 2**63 - 1, 0, -1]),
        "c": np.array([7]),
    }
    rows = fill(layout, columns)
    assert rows.shape == (6, 4)
    addresses = {block.name: block.offset for block in layout.blocks.values()}
    assert addresses == {"a": 16, "b": 32, "c": 36}
    assert rows.reshape(-1)[:21].tolist() == [
        int(value) % P for name in ("a", "b", "c") for value in columns[name]
    ]
    assert not rows.reshape(-1)[21:].any()
    case = Case((commit(KERNELS, layout, rows),))
    verify(case, prove(case))


def test_the_opening_notes_its_error() -> None:
    case = two_stacks()
    side = verify(case, prove(case))
    assert [term for term in side.terms if isinstance(term, Opening)] == [
        Opening(label="opening", codeword_log=5, rows_log=4, queries=QUERIES)
    ]


def test_a_schedule_knows_the_error_and_the_fixed_part_of_the_size_without_a_proof() -> None:
    case = two_stacks()
    side = ScheduleSide()
    converse(side, case, handed=None, value=None, point=None)
    assert side.terms == verify(case, prove(case)).terms
    assert side.proof_bytes == 16 + 8 * 16  # the value and the combined row


def test_a_dropped_codeword_is_made_again_for_the_same_proof() -> None:
    case = two_stacks()
    dropped = Case(
        tuple(commit(KERNELS, item.layout, item.rows, kept_bytes=0) for item in case.stacks)
    )
    assert prove(dropped) == prove(case)


def test_a_stack_is_taken_up_again_from_its_leaf_digests() -> None:
    case = two_stacks()
    loaded = Case(
        tuple(
            Committed.load(KERNELS, item.layout, item.rows, item.leaf_digests, root=item.root)
            for item in case.stacks
        )
    )
    assert prove(loaded) == prove(case)


def test_leaf_digests_of_another_root_are_refused() -> None:
    item = stack_of(3, 2)
    digests = bytearray(item.leaf_digests)
    digests[40] ^= 1
    for wrong in (bytes(digests), item.leaf_digests[:-32], b""):
        with pytest.raises(SetupError) as caught:
            Committed.load(KERNELS, item.layout, item.rows, wrong, root=item.root)
        assert caught.value.code == "digests-not-of-root"


def test_columns_that_do_not_fit_the_layout_are_refused() -> None:
    layout = stack.layout([("a", 2)], 2)
    with pytest.raises(ValueError, match="differ"):
        fill(layout, {"b": np.zeros(4, np.int64)})
    with pytest.raises(ValueError, match="shape"):
        fill(layout, {"a": np.zeros(3, np.int64)})
    with pytest.raises(ValueError, match="do not fit"):
        commit(KERNELS, layout, np.zeros((2, 4), np.uint64))


def test_a_point_that_misses_rows_is_refused() -> None:
    case = two_stacks()
    side = ProverSide(KERNELS, Transcript(), lenient=True)
    with pytest.raises(ValueError, match="does not reach"):
        opening.open(side, case.oracles, lambda: case.stacks, [ONE] * 6, ONE, QUERIES)


def test_gk_11_refuses_a_wrong_value() -> None:
    case = two_stacks()
    proof = prove(case, value=lambda point: case.value(point) + ONE)
    assert refusal(case, proof) == ("GK-11", "opening-value")


def test_gk_11_refuses_a_wrong_combined_row() -> None:
    case = two_stacks()
    handed: list[opening.CommittedStack] = [
        Lying(case.stacks[0], combine=plus_one_at_the_end),
        case.stacks[1],
    ]
    assert refusal(case, prove(case, handed=handed)) == ("GK-11", "opening-value")


def plus_one_at_the_end(row: Words) -> Words:
    row[-1] = vectors.ext_add(row[-1], vectors.from_exts([ONE])[0])
    return row


@pytest.mark.parametrize("liar", [0, 1])
def test_gk_13_refuses_a_combined_row_that_was_bent_to_a_wrong_value(liar: int) -> None:
    case = two_stacks()
    handed: list[opening.CommittedStack] = list(case.stacks)
    handed[liar] = Lying(case.stacks[liar], combine=plus_one_at_the_end)

    def bent(point: Sequence[Ext]) -> Ext:
        # the last element of a row has the weight of the product of the low coordinates
        return case.value(point) + point[0] * point[1] * point[2]

    assert refusal(case, prove(case, handed=handed, value=bent)) == ("GK-13", "opening-column")


@pytest.mark.parametrize("liar", [0, 1])
def test_gk_12_refuses_a_changed_word_of_a_column(liar: int) -> None:
    def change(columns: Words) -> Words:
        columns[2, 1] ^= np.uint64(1)
        return columns

    case = two_stacks()
    handed: list[opening.CommittedStack] = list(case.stacks)
    handed[liar] = Lying(case.stacks[liar], columns=change)
    assert refusal(case, prove(case, handed=handed)) == ("GK-12", "opening-path")


def test_gk_12_refuses_a_changed_sibling() -> None:
    case = two_stacks()
    handed: list[opening.CommittedStack] = [
        case.stacks[0],
        Lying(case.stacks[1], siblings=lambda path: path[:-1] + bytes([path[-1] ^ 128])),
    ]
    assert refusal(case, prove(case, handed=handed)) == ("GK-12", "opening-path")


def test_gk_12_refuses_exchanged_rows() -> None:
    case = two_stacks()
    handed: list[opening.CommittedStack] = [
        Lying(case.stacks[0], columns=lambda columns: columns[:, ::-1]),
        case.stacks[1],
    ]
    assert refusal(case, prove(case, handed=handed)) == ("GK-12", "opening-path")


def test_gk_12_refuses_another_stack_than_the_committed_one() -> None:
    case = two_stacks()
    other = stack_of(5, 3, seed=3)
    swapped = Case((other, case.stacks[1]))
    proof = prove(case, handed=swapped.stacks, value=swapped.value)
    assert refusal(case, proof) == ("GK-12", "opening-path")


def test_gk_12_refuses_two_stacks_in_each_others_place() -> None:
    case = Case((stack_of(4, 3), stack_of(4, 3, first_row=4, seed=2)))
    exchanged = Case(
        (stack_of(4, 3, seed=2), stack_of(4, 3, first_row=4))  # the same rows, the other way round
    )
    proof = prove(case, handed=exchanged.stacks, value=exchanged.value)
    assert refusal(case, proof) == ("GK-12", "opening-path")


def committed_words(layout: StackLayout, rows: Words, encoded: Words) -> Committed:
    """A tree over any matrix, whether its rows are codewords or not."""
    return Committed(KERNELS, layout, rows, KERNELS.hash_columns(encoded), encoded)


def test_gk_13_refuses_a_matrix_whose_rows_are_no_codewords() -> None:
    layout = stack.layout([(f"c{i}", 3) for i in range(5)], 3)
    rows = random_rows(layout, 4)
    garbage = random_words(5, (5, 32))
    case = Case((committed_words(layout, rows, garbage),))
    assert refusal(case, prove(case)) == ("GK-13", "opening-column")


def test_gk_13_refuses_one_row_that_is_no_codeword_beside_honest_ones() -> None:
    layout = stack.layout([(f"c{i}", 3) for i in range(5)], 3)
    rows = random_rows(layout, 4)
    encoded = KERNELS.encode_rows(rows)
    encoded[3] = random_words(5, (32,))
    case = Case((stack_of(3, 3, first_row=8), committed_words(layout, rows, encoded)))
    assert refusal(case, prove(case)) == ("GK-13", "opening-column")


def test_wrong_columns_are_refused_exactly_when_one_is_drawn() -> None:
    layout = stack.layout([(f"c{i}", 3) for i in range(3)], 3)
    outcomes = set()
    for seed in range(12):
        rows = random_rows(layout, seed)
        encoded = KERNELS.encode_rows(rows)
        encoded[1, 4] ^= np.uint64(1)
        encoded[2, 9] ^= np.uint64(1)
        item = committed_words(layout, rows, encoded)
        case = Case((item,))
        watched = Watched(item)
        proof = prove(case, handed=[watched])
        hit = bool({4, 9} & set(watched.positions))
        outcomes.add(hit)
        if hit:
            assert refusal(case, proof) == ("GK-13", "opening-column")
        else:
            verify(case, proof)  # the unique codewords within the radius are what is opened
    assert outcomes == {True, False}
    assert decoding_radius(5) >= 2


def test_row_coordinates_known_before_the_commitment_would_let_garbage_pass() -> None:
    """The control for the rule that the row coordinates are drawn after all roots."""
    layout = stack.layout([(f"c{i}", 3) for i in range(4)], 3)
    known = [Ext(2 + i, 70 - i) for i in range(5)]
    w = vectors.eq_table(known[3:]).tolist()  # four weights, each a pair of words
    # Multiples of one error that the known weights cancel: the cross product of both components.
    (a0, a1), (b0, b1), (c0, c1), _ = w
    scales = [b0 * c1 - b1 * c0, c0 * a1 - c1 * a0, a0 * b1 - a1 * b0]
    error = random_words(6, (32,))
    rows = random_rows(layout, 7)
    encoded = KERNELS.encode_rows(rows)
    for row, scale in enumerate(scales):
        shift = vectors.mul(error, np.uint64(scale % P))
        encoded[row] = vectors.add(encoded[row], shift)
    case = Case((committed_words(layout, rows, encoded),))
    verify(case, prove(case, point=known), point=known)
    assert refusal(case, prove(case)) == ("GK-13", "opening-column")


def test_positions_are_drawn_after_the_combined_row_and_before_any_column() -> None:
    case = two_stacks()
    proof = prove(case)
    events: list[TranscriptEvent] = []
    side = VerifierSide(proof, Transcript(record=events.append))
    converse(side, case, handed=None, value=None, point=None)
    labels = list(dict.fromkeys((event.kind, event.label) for event in events))
    assert labels == [
        ("absorb", "root"),
        ("challenge", "point"),
        ("absorb", "value"),
        ("absorb", "opening-row"),
        ("positions", "opening-positions"),
        ("absorb", "opening-columns"),
        ("absorb", "opening-siblings"),
    ]


def test_every_flipped_byte_of_a_proof_is_refused() -> None:
    case = Case((stack_of(3, 1), stack_of(1, 1, first_row=3, seed=2)))
    proof = prove(case)
    verify(case, proof)
    for place in range(len(proof)):
        for bit in (0, 7):
            changed = bytearray(proof)
            changed[place] ^= 1 << bit
            with pytest.raises((Rejected, MalformedProof)):
                verify(case, bytes(changed))


def test_shortened_and_lengthened_proofs_are_refused() -> None:
    case = Case((stack_of(3, 1),))
    proof = prove(case)
    for size in range(len(proof)):
        with pytest.raises((Rejected, MalformedProof)):
            verify(case, proof[:size])
    with pytest.raises(MalformedProof):
        verify(case, proof + b"\x00")


def small_words(proof: bytes) -> Iterator[int]:
    for place in range(0, len(proof) - 7, 8):
        if int.from_bytes(proof[place : place + 8], "little") + P < 2**64:
            yield place


def test_words_at_or_above_the_modulus_are_refused() -> None:
    layout = stack.layout([("a", 1)], 1)
    case = Case((commit(KERNELS, layout, np.zeros((1, 2), np.uint64)),))
    proof = prove(case)  # all words are zero
    places = [place for place in small_words(proof) if proof[place : place + 8] == bytes(8)]
    assert len(places) >= 2 + 4 + 3  # value, combined row, some columns
    for place in places:
        with pytest.raises(MalformedProof):
            verify(case, proof[:place] + P.to_bytes(8, "little") + proof[place + 8 :])


def test_a_proof_for_other_roots_is_refused() -> None:
    case = two_stacks()
    proof = prove(case)
    other = Case((case.stacks[0], stack_of(3, 3, first_row=8, seed=9)))
    with pytest.raises(Rejected):
        verify(other, proof)


def test_commitments_differ_in_every_word_and_row_order() -> None:
    item = stack_of(3, 2)
    roots = {item.root, commit(KERNELS, item.layout, item.rows[::-1].copy()).root}
    for place in range(12):
        rows = item.rows.copy()
        rows.reshape(-1)[place] ^= np.uint64(1)
        roots.add(commit(KERNELS, item.layout, rows).root)
    assert len(roots) == 14


def test_a_large_stack_is_committed_in_little_more_than_its_encoded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    class Counting(ReferenceKernels):
        def encode_rows(self, rows: Words) -> Words:
            asked.append(rows.nbytes * 4)
            return super().encode_rows(rows)

    monkeypatch.setattr(stack_commit, "_CHUNK_BYTES", 4096)
    layout = stack.layout([(f"c{i}", 6) for i in range(7)], 6)
    rows = random_rows(layout, 8)
    item = commit(Counting(), layout, rows, kept_bytes=0)
    assert asked == [4096, 4096, 4096, 2048]
    assert item.root == commit(KERNELS, layout, rows).root
    asked.clear()
    assert np.array_equal(item.columns([3, 200]), KERNELS.encode_rows(rows)[:, [3, 200]].T)
    assert asked == [4096, 4096, 4096, 2048]
