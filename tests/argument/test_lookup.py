"""Lookups: honest ones are accepted, and each lie is refused by the check that is there for it.

Beside each cheating prover stands its control: without that one check, or with challenges that the
prover knows beforehand, the same forgery is accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from frozen_transcript import FrozenTranscript, frozen_challenge
from hypothesis import given, settings
from hypothesis import strategies as st
from lookup_case import Block, Case, Liar, converse, prove, verify

from verifiable.argument import lookup
from verifiable.argument.goldilocks import ONE, ZERO, Ext, P
from verifiable.argument.kernels import load_kernels
from verifiable.argument.lookup import LookupClaim, Slot
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.argument.rejection import Rejected
from verifiable.argument.schedule_side import ScheduleSide
from verifiable.argument.side import Root
from verifiable.argument.soundness import Lookup, LookupTree, Sumcheck
from verifiable.argument.tables import ClampTable, GraphTable, Table
from verifiable.argument.transcript import Transcript, TranscriptEvent
from verifiable.argument.verifier_side import VerifierSide
from verifiable.errors import MalformedProof, ProvingError

CLAMP = ClampTable(start=-4, log_size=3, lo=0, hi=2)
GRAPH = GraphTable(start=10, values=(7, 5, 7, 0))
TABLES: tuple[Table, ...] = (CLAMP, GRAPH)

Values = tuple[Ext, ...]
Alter = Callable[[Values], Values]
Place = tuple[str, int]  # the label of a message, and how many of that label came before


def block(table: int, rows: list[int], tables: tuple[Table, ...] = TABLES) -> Block:
    """Lookups of rows by their numbers."""
    a, b = (column.tolist() for column in tables[table].rows())
    return Block(table=table, a=tuple(a[j] for j in rows), b=tuple(b[j] for j in rows))


def honest() -> Case:
    """Four lookups in a clamp and two in a graph, before 8 + 4 rows: 18 leaves of 32."""
    return Case.of(TABLES, [block(0, [0, 7, 7, 3]), block(1, [2, 1])])


def refusal(case: Case, proof: bytes) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        verify(case, proof)
    return caught.value.check, caught.value.code


def off_table() -> Case:
    """One lookup says 1 where the clamp of -4 is 0; everything else is honest."""
    case = honest()
    first = case.blocks[0]
    return case.with_block(0, replace(first, b=(1, *first.b[1:])))


# --- Layout ---------------------------------------------------------------------------------------


def test_the_largest_blocks_come_first_and_the_rest_keeps_its_order() -> None:
    leaves = lookup.layout([2, 5, 2], [5, 3])
    assert leaves.lookups == (
        Slot(log_size=2, offset=72),
        Slot(log_size=5, offset=0),
        Slot(log_size=2, offset=76),
    )
    assert leaves.tables == (Slot(log_size=5, offset=32), Slot(log_size=3, offset=64))
    assert (leaves.live, leaves.log_size) == (80, 7)


@given(st.lists(st.integers(0, 9), max_size=6), st.lists(st.integers(0, 9), max_size=6))
def test_blocks_are_aligned_and_fill_the_leaves_without_gaps(
    lookups: list[int], tables: list[int]
) -> None:
    if not lookups and not tables:
        return
    leaves = lookup.layout(lookups, tables)
    slots = (*leaves.lookups, *leaves.tables)
    assert [slot.log_size for slot in slots] == lookups + tables
    covered = sorted((slot.offset, slot.offset + (1 << slot.log_size)) for slot in slots)
    assert [start for start, _ in covered] == [0, *[end for _, end in covered[:-1]]]
    assert covered[-1][1] == leaves.live
    assert all(slot.offset % (1 << slot.log_size) == 0 for slot in slots)
    assert leaves.log_size >= 1
    assert leaves.live <= 1 << leaves.log_size
    assert leaves.log_size == 1 or leaves.live > 1 << (leaves.log_size - 1)


def test_a_single_leaf_still_has_a_level_above_it() -> None:
    leaves = lookup.layout([0], [])
    assert (leaves.live, leaves.log_size) == (1, 1)


def test_layouts_without_blocks_are_refused() -> None:
    for lookups in ([], [-1]):
        with pytest.raises(ValueError, match="blocks of leaves"):
            lookup.layout(lookups, [])


def test_multiplicities_cannot_wrap_around_the_characteristic() -> None:
    lookup.layout([63], [64])  # 2^63 lookups are below p, and rows do not count
    for logs in ([64], [63, 63], [63, 62, 62]):
        with pytest.raises(ValueError, match="characteristic"):
            lookup.layout(logs, [3])


def test_a_blocks_weight_is_that_of_its_address_bits() -> None:
    point = [Ext(3, 1), Ext(5, 2), Ext(7, 3)]
    assert Slot(log_size=3, offset=0).weight(point) == ONE
    assert Slot(log_size=1, offset=4).weight(point) == (ONE - point[1]) * point[2]
    assert Slot(log_size=0, offset=5).weight(point) == point[0] * (ONE - point[1]) * point[2]


# --- Honest runs ----------------------------------------------------------------------------------


def test_an_honest_run_is_accepted() -> None:
    case = honest()
    prover = ProverSide(ReferenceKernels(), Transcript())
    converse(prover, case)
    verifier = verify(case, prover.proof)
    assert verifier.terms == prover.terms
    assert [term for term in verifier.terms if not isinstance(term, Sumcheck)] == [
        Lookup(label="lookup", rows=18),
        LookupTree(label="lookup", levels=5),
    ]
    assert [term.rounds for term in verifier.terms if isinstance(term, Sumcheck)] == [0, 1, 2, 3, 4]


blocks_of = st.integers(0, 3).flatmap(
    lambda log: st.lists(st.integers(0, 63), min_size=1 << log, max_size=1 << log)
)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_lookups_of_rows_are_accepted_and_one_of_no_row_is_not(data: st.DataObject) -> None:
    tables = tuple(
        data.draw(
            st.lists(
                st.one_of(
                    st.builds(
                        ClampTable,
                        start=st.integers(-9, 9),
                        log_size=st.integers(0, 3),
                        lo=st.integers(-9, 0),
                        hi=st.integers(0, 9),
                    ),
                    st.builds(
                        GraphTable,
                        start=st.integers(-9, 9),
                        values=st.lists(st.integers(-9, 9), min_size=1, max_size=8).map(tuple),
                    ),
                ),
                min_size=1,
                max_size=3,
            )
        )
    )
    blocks = []
    for rows in data.draw(st.lists(blocks_of, min_size=1, max_size=3)):
        number = data.draw(st.integers(0, len(tables) - 1))
        size = 1 << tables[number].log_size
        blocks.append(block(number, [row % size for row in rows], tables))
    case = Case.of(tables, blocks)
    proof = prove(case)
    verify(case, proof)
    assert prove(case, kernels=load_kernels()) == proof

    index = data.draw(st.integers(0, len(blocks) - 1))
    place = data.draw(st.integers(0, len(blocks[index].a) - 1))
    wrong = list(blocks[index].b)
    wrong[place] += data.draw(st.sampled_from([1, -1, 7, P - 7, 2**63]))
    bad = Case.of(tables, blocks).with_block(index, replace(blocks[index], b=tuple(wrong)))
    assert refusal(bad, prove(bad)) == ("GK-5", "lookup-sum")


def test_tables_without_lookups_are_accepted() -> None:
    case = Case.of(TABLES, [])
    verify(case, prove(case))


def test_lookups_that_fill_the_leaves_are_accepted() -> None:
    case = Case.of([CLAMP], [block(0, [0, 1, 2, 3, 4, 5, 6, 7])])
    assert case.leaves.live == 1 << case.leaves.log_size
    verify(case, prove(case))


def test_both_sides_keep_the_same_transcript() -> None:
    logs: list[list[TranscriptEvent]] = [[], []]
    case = honest()
    proof = prove(case, transcript=Transcript(record=logs[0].append))
    verify(case, proof, transcript=Transcript(record=logs[1].append))
    assert logs[0] == logs[1]


def test_the_order_of_messages_is_pinned() -> None:
    case = Case.of([GRAPH], [block(0, [0, 3], (GRAPH,))])
    schedule = ScheduleSide()
    converse(schedule, case)
    assert [(step.kind, step.label, step.count) for step in schedule.schedule] == [
        ("digests", "columns", 1),
        ("absorb", "lookup/commitment", 32),
        ("challenge", "lookup/alpha", 1),
        ("challenge", "lookup/beta", 1),
        ("exts", "lookup/root", 2),
        ("challenge", "lookup/combine", 1),
        ("exts", "lookup/children", 4),
        ("challenge", "lookup/child", 1),
        ("challenge", "lookup/combine", 1),
        ("exts", "lookup/level", 3),
        ("challenge", "lookup/level", 1),
        ("exts", "lookup/children", 4),
        ("challenge", "lookup/child", 1),
        ("challenge", "lookup/combine", 1),
        ("exts", "lookup/level", 3),
        ("challenge", "lookup/level", 1),
        ("exts", "lookup/level", 3),
        ("challenge", "lookup/level", 1),
        ("exts", "lookup/children", 4),
        ("challenge", "lookup/child", 1),
        ("exts", "block", 2),
        ("exts", "multiplicity", 1),
    ]
    assert schedule.proof_bytes == len(prove(case))
    assert schedule.terms == verify(case, prove(case)).terms


def test_the_point_of_a_block_is_a_prefix_and_its_lowest_variable_the_last_challenge() -> None:
    events: list[TranscriptEvent] = []
    case = honest()
    claims: list[LookupClaim] = []
    side = VerifierSide(prove(case), Transcript(record=events.append))
    side.digest("columns", lambda: case.root)
    claims.append(lookup.run(side, case.root, case.leaves, lambda *_: pytest.fail("computed")))
    drawn = [Ext.from_bytes(e.data) for e in events if e.kind == "challenge"]
    assert claims[0].point == (drawn[-1], *drawn[-5:-1])
    assert (claims[0].alpha, claims[0].beta) == (drawn[0], drawn[1])


def test_the_claim_on_the_leaves_is_their_extension() -> None:
    case = honest()
    kernels = ReferenceKernels()
    side = ProverSide(kernels, Transcript())
    claim = lookup.run(side, case.root, case.leaves, lambda *drawn: case.fractions(kernels, *drawn))
    numerators, denominators = case.fractions(kernels, claim.alpha, claim.beta)
    leaves = [
        (Ext(int(n)), Ext(*d)) for n, d in zip(numerators, denominators.tolist(), strict=True)
    ]
    leaves += [(ZERO, ONE)] * (32 - len(leaves))
    numerator = denominator = ZERO
    for index, (n, d) in enumerate(leaves):
        weight = Slot(log_size=0, offset=index).weight(claim.point)
        numerator, denominator = numerator + weight * n, denominator + weight * d
    assert (claim.numerator, claim.denominator) == (numerator, denominator)


# --- GK-5: the sum --------------------------------------------------------------------------------


def test_gk_5_refuses_a_pair_that_is_in_no_table() -> None:
    case = off_table()
    proof = prove(case)
    assert refusal(case, proof) == ("GK-5", "lookup-sum")
    verify(case, proof, without=frozenset({"GK-5"}))


def test_gk_5_refuses_a_row_of_another_table() -> None:
    case = honest()
    moved = replace(case.blocks[0], table=1)
    bad = Case.of(TABLES, [moved, case.blocks[1]])
    for counts in (case, bad):
        lie = bad.with_multiplicities(0, counts.multiplicities[0])
        assert refusal(lie, prove(lie)) == ("GK-5", "lookup-sum")


@pytest.mark.parametrize("excess", [1, -1, P - 1, 2**32])
@pytest.mark.parametrize(("table", "row"), [(0, 0), (0, 7), (0, 5), (1, 3)])
def test_gk_5_refuses_a_wrong_multiplicity(table: int, row: int, excess: int) -> None:
    case = honest()
    counts = list(case.multiplicities[table])
    counts[row] += excess
    bad = case.with_multiplicities(table, counts)
    assert refusal(bad, prove(bad)) == ("GK-5", "lookup-sum")


def test_gk_5_refuses_multiplicities_of_other_rows() -> None:
    case = honest()
    bad = case.with_multiplicities(0, case.multiplicities[0][::-1])
    assert sum(bad.multiplicities[0]) == sum(case.multiplicities[0])
    assert refusal(bad, prove(bad)) == ("GK-5", "lookup-sum")


def test_multiplicities_are_residues() -> None:
    case = honest()
    counts = [count + P for count in case.multiplicities[0]]
    verify(case, prove(case.with_multiplicities(0, counts)))


def solve(u: Ext, v: Ext, target: Ext) -> tuple[int, int]:
    """Base field elements x, y with x u + y v = target."""
    norm = pow(u.c0 * v.c1 - u.c1 * v.c0, -1, P)
    x = (target.c0 * v.c1 - target.c1 * v.c0) * norm % P
    y = (u.c0 * target.c1 - u.c1 * target.c0) * norm % P
    assert u * x + v * y == target
    return x, y


def accepted_if_challenges_are_known(case: Case, alter: dict[Place, Alter] | None = None) -> None:
    """The control of a forgery: frozen challenges let it pass, beside an honest proof."""
    for item, lies in ((honest(), None), (case, alter)):
        proof = prove(item, transcript=FrozenTranscript(), alter=lies)
        verify(item, proof, transcript=FrozenTranscript())
    with pytest.raises(Rejected):
        verify(case, proof)


def test_a_known_alpha_would_let_a_pair_pass_for_a_row_of_another_table() -> None:
    alpha = frozen_challenge("lookup/alpha")
    # a + alpha b = 10 + 7 alpha + alpha^2: the fingerprint of the graph's first row
    a, b = solve(ONE, alpha, Ext(10) + alpha * 7 + alpha * alpha)
    case = honest()
    bad = case.with_block(0, Block(table=0, a=(a, *case.blocks[0].a[1:]), b=(b, 2, 2, 0)))
    counts = list(case.multiplicities[0])
    counts[0] -= 1  # the row that is not looked up any more
    bad = bad.with_multiplicities(0, counts)
    counts = list(case.multiplicities[1])
    counts[0] += 1
    bad = bad.with_multiplicities(1, counts)
    accepted_if_challenges_are_known(bad)
    assert refusal(bad, prove(bad)) == ("GK-5", "lookup-sum")


def test_a_known_beta_would_let_multiplicities_be_fitted_to_any_lookup() -> None:
    alpha, beta = frozen_challenge("lookup/alpha"), frozen_challenge("lookup/beta")
    bad = off_table()

    def term(a: int, b: int) -> Ext:
        return (beta - a - alpha * b).inverse()

    # the row (-4, 0) was looked up once; let two other rows make up for (-4, 1)
    x, y = solve(term(-3, 0), term(-2, 0), term(-4, 1) - term(-4, 0))
    counts = list(bad.multiplicities[0])
    counts[1], counts[2] = counts[1] + x, counts[2] + y
    bad = bad.with_multiplicities(0, counts)
    accepted_if_challenges_are_known(bad)
    assert refusal(bad, prove(bad)) == ("GK-5", "lookup-sum")


# --- GK-6: the denominator ------------------------------------------------------------------------


def zero_denominators() -> Case:
    """Two lookups of no row whose denominators are zero under the frozen challenges."""
    alpha, beta = frozen_challenge("lookup/alpha"), frozen_challenge("lookup/beta")
    a, b = solve(ONE, alpha, beta)
    case = honest()
    first = case.blocks[0]
    return case.with_block(0, replace(first, a=(a, a, *first.a[2:]), b=(b, b, *first.b[2:])))


def test_gk_6_refuses_zero_denominators() -> None:
    case = zero_denominators()
    proof = prove(case, transcript=FrozenTranscript())
    with pytest.raises(Rejected) as caught:
        verify(case, proof, transcript=FrozenTranscript())
    assert (caught.value.check, caught.value.code) == ("GK-6", "lookup-denominator")
    # Two fractions x / 0 add up to 0 / 0, and everything else to that.
    verify(case, proof, transcript=FrozenTranscript(), without=frozenset({"GK-6"}))
    assert refusal(case, prove(case)) == ("GK-5", "lookup-sum")


def test_gk_6_refuses_a_root_that_is_said_to_be_zero() -> None:
    case = honest()
    proof = prove(case, alter={("lookup/root", 0): lambda values: (ZERO, ZERO)})
    assert refusal(case, proof) == ("GK-6", "lookup-denominator")


# --- GK-7: the levels -----------------------------------------------------------------------------


def test_gk_7_refuses_a_root_that_is_not_the_trees() -> None:
    case = off_table()
    proof = prove(case, alter={("lookup/root", 0): lambda values: (ZERO, values[1])})
    assert refusal(case, proof) == ("GK-7", "lookup-level")
    verify(case, proof, without=frozenset({"GK-7"}))


@pytest.mark.parametrize("index", [0, 1, 2, 3])
@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_gk_7_refuses_a_changed_child(level: int, index: int) -> None:
    def alter(values: Values) -> Values:
        return (*values[:index], values[index] + 1, *values[index + 1 :])

    case = honest()
    proof = prove(case, alter={("lookup/children", level): alter})
    assert refusal(case, proof) == ("GK-7", "lookup-level")


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("message", [0, 1, 4, 9])
def test_gk_7_refuses_a_changed_round(message: int, index: int) -> None:
    def alter(values: Values) -> Values:
        return (*values[:index], values[index] + Ext(0, 1), *values[index + 1 :])

    case = honest()
    proof = prove(case, alter={("lookup/level", message): alter})
    assert refusal(case, proof) == ("GK-7", "lookup-level")


def split_differently(values: Values) -> Values:
    """Other children with the same sum: p0 q1 + p1 q0 stays, and so does q0 q1."""
    p0, p1, q0, q1 = values
    return p0 + q0, p1 - q1, q0, q1


@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_children_that_only_add_up_are_refused_a_level_below(level: int) -> None:
    case = honest()
    proof = prove(case, alter={("lookup/children", level): split_differently})
    expected = ("GK-7", "lookup-level") if level < 4 else ("GK-8", "lookup-leaves")
    assert refusal(case, proof) == expected


def test_a_known_combination_would_let_a_false_root_pass() -> None:
    lam = frozen_challenge("lookup/combine")

    def alter(values: Values) -> Values:
        p, q = values
        return ZERO, q + p * lam.inverse()  # the same p + lam q

    case = off_table()
    forge: dict[Place, Alter] = {("lookup/root", 0): alter}
    accepted_if_challenges_are_known(case, forge)
    assert refusal(case, prove(case, alter=forge)) == ("GK-7", "lookup-level")


def test_a_known_choice_of_child_would_let_a_false_level_pass() -> None:
    tau = frozen_challenge("lookup/child")
    root: list[Ext] = []

    def lie(values: Values) -> Values:
        root.append(values[0])
        return ZERO, values[1]

    def bend(values: Values) -> Values:
        # p0 + tau (p1 - p0) stays, and p0 q1 + p1 q0 falls by what the root was said to be less
        p0, p1, q0, q1 = values
        u = -root[-1] * (tau * q1 - (ONE - tau) * q0).inverse()
        return p0 + tau * u, p1 - (ONE - tau) * u, q0, q1

    case = off_table()
    forge: dict[Place, Alter] = {("lookup/root", 0): lie, ("lookup/children", 0): bend}
    accepted_if_challenges_are_known(case, forge)
    assert refusal(case, prove(case, alter=forge)) == ("GK-7", "lookup-level")


# --- GK-8: the leaves -----------------------------------------------------------------------------


def test_gk_8_refuses_a_tree_over_other_lookups_than_the_committed_ones() -> None:
    case = off_table()
    proof = prove(case, built_on=honest())
    assert refusal(case, proof) == ("GK-8", "lookup-leaves")
    verify(case, proof, without=frozenset({"GK-8"}))


def test_gk_8_refuses_a_tree_over_other_multiplicities_than_the_committed_ones() -> None:
    case = honest()
    bad = case.with_multiplicities(1, [1, 0, 1, 0])
    assert refusal(bad, prove(bad, built_on=case)) == ("GK-8", "lookup-leaves")


def test_gk_8_refuses_live_filler() -> None:
    """Leaves that no block owns are 0 / 1, even where the sum would stay zero."""

    class WithFiller(Case):
        def fractions(self, *args: object) -> tuple[object, object]:
            numerators, denominators = Case.fractions(self, *args)
            more = np.array([[5, 0]], np.uint64)
            return np.append(numerators, np.uint64(0)), np.concatenate([denominators, more])

    case = honest()
    filled = WithFiller(tables=case.tables, blocks=case.blocks, multiplicities=case.multiplicities)
    assert refusal(case, prove(case, built_on=filled)) == ("GK-8", "lookup-leaves")


@pytest.mark.parametrize("place", [("block", 0), ("block", 1), ("multiplicity", 0)])
def test_gk_8_refuses_a_changed_value_of_a_block(place: Place) -> None:
    case = honest()
    proof = prove(case, alter={place: lambda values: (*values[:-1], values[-1] + 1)})
    assert refusal(case, proof) == ("GK-8", "lookup-leaves")


def test_values_that_only_recombine_are_left_to_the_claims() -> None:
    """GK-8 is one equation: a = a + alpha, b = b - 1 satisfies it, and is a false claim."""
    alpha: list[Ext] = []

    class Knowing(Liar):
        def challenge(self, label: str) -> Ext:
            drawn = super().challenge(label)
            if label == "lookup/alpha":
                alpha.append(drawn)
            return drawn

    case = honest()
    side = Knowing(
        Transcript(), {("block", 0): lambda values: (values[0] + alpha[0], values[1] - 1)}
    )
    converse(side, case)
    assert refusal(case, side.proof) == ("CLAIMS", "claim-false")


def test_values_for_other_blocks_than_there_are_raise() -> None:
    leaves = lookup.layout([1, 1], [2])
    claim = LookupClaim(point=(ONE,) * 3, numerator=ZERO, denominator=ONE, alpha=ONE, beta=ONE)
    side = VerifierSide(b"", Transcript())
    looked_up, rows = (ONE, ONE, 0), (ONE, ONE, ONE, 0)
    for lookups, tables in (([looked_up], [rows, rows]), ([looked_up] * 3, []), ([], [rows])):
        with pytest.raises(ValueError, match="zip"):
            lookup.close(side, leaves, claim, lookups, tables)


# --- Binding and encoding -------------------------------------------------------------------------


def test_alpha_and_beta_depend_on_the_commitment_that_run_is_given() -> None:
    case = honest()
    claims = []
    for root in (Root(bytes(32)), Root(bytes(31) + b"\x01")):
        side = ProverSide(ReferenceKernels(), Transcript())
        claims.append(
            lookup.run(
                side,
                root,
                case.leaves,
                lambda *drawn, side=side: case.fractions(side.kernels, *drawn),
            )
        )
    assert claims[0].alpha != claims[1].alpha
    assert claims[0].beta != claims[1].beta


def test_an_honest_prover_stops_at_a_pair_that_is_in_no_table() -> None:
    with pytest.raises(ProvingError) as caught:
        converse(ProverSide(ReferenceKernels(), Transcript()), off_table())
    assert caught.value.code == "lookup-sum"


def test_every_flipped_bit_is_refused() -> None:
    case = Case.of([GRAPH], [block(0, [0, 3], (GRAPH,))])
    proof = prove(case)
    for place in range(len(proof)):
        for bit in range(8):
            changed = bytearray(proof)
            changed[place] ^= 1 << bit
            with pytest.raises((Rejected, MalformedProof)):
                verify(case, bytes(changed))


def test_shortened_and_lengthened_proofs_are_refused() -> None:
    case = honest()
    proof = prove(case)
    for size in range(len(proof)):
        with pytest.raises(MalformedProof) as caught:
            verify(case, proof[:size])
        assert caught.value.code == "payload-truncated"
    with pytest.raises(MalformedProof) as caught:
        verify(case, proof + b"\x00")
    assert caught.value.code == "payload-trailing-bytes"


def test_a_proof_of_other_lookups_is_refused() -> None:
    case = honest()
    other = Case.of(TABLES, [block(0, [0, 7, 7, 4]), block(1, [2, 1])])
    with pytest.raises(Rejected):
        verify(other, prove(case))
    # even where the sides agree to take the root for the same
    assert refusal(other, other.root + prove(case)[32:]) == ("GK-7", "lookup-level")
