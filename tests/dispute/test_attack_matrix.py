"""Each known attack on the game, row by row, on the deployed contracts, with an honest control.

A row ends in the named error of a check, or in who has which coins. Rows about requests and about
adapters come with those.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from attack_kit import SALT, Puppeteer, Table
from dispute_kit import ETHER, World, gas_cost, honest, journal_in, tiny_inputs
from judge_kit import Committed, Judge, changed, claimed, facts_of, searched
from operator_program import NAMES, PARTS, operator_inputs, operator_program

from verifiable.chain.accounts import KeySigner
from verifiable.chain.artifact import load_artifact
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS
from verifiable.chain.contracts.dispute_structs import (
    AssertionStatus,
    CommitKind,
    FaultKind,
    GameStatus,
    Header,
    Phase,
    values_of,
)
from verifiable.chain.transaction import TxOptions
from verifiable.dispute.asserter import Asserter, statement_of_trace
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.claimed_trace import output_openings
from verifiable.dispute.faults import Fault
from verifiable.dispute.material import Material
from verifiable.dispute.trees import Tree
from verifiable.errors import Reverted
from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.program import Constant, Input, Node, Operand, Output, Program, Source
from verifiable.statement.hashing import EMPTY_LEAF, Domain, domain_hash, keccak
from verifiable.testing.lying_traces import (
    FalseChallenger,
    GivenTrace,
    wrong_element,
    wrong_input,
    wrong_padding,
    wrong_tail,
)

ROWS = {
    "A1": "another output than the trace's",
    "A2": "one wrong intermediate, consistent afterwards",
    "A3": "an operator off by one, at ends, ties and signs",
    "A4": "other weights, bias, multiplier, shift or table",
    "A5": "the trace of another input",
    "A6": "another graph: missing, reordered or additional nodes, references forward",
    "A7": "padding that is not canonical, other heights and widths",
    "A8": "a leaf for an inner node, branches of other lengths, positions outside",
    "B1": "silence of either side in any phase",
    "B2": "moves and timeouts around a deadline",
    "B3": "moves out of turn and after the end",
    "B4": "reveals and selections of what is not there",
    "B5": "foreign tensors and descriptors between phases",
    "B6": "a challenge of a right element",
    "B7": "an absent asserter, and junk from third parties",
    "B8": "a reduction in parts with a wrong part, or a wrong sum",
    "C1": "what was used once, or elsewhere, again",
    "C2": "a second game to reset a clock",
    "C3": "settling and paying twice",
    "D1": "a friend that loses on purpose",
    "D2": "many false challengers",
    "D3": "many wrong assertions beside a right one",
    "D4": "right and wrong challengers side by side",
    "D5": "rejecting a lie of one's own",
    "D6": "opening a game and leaving it",
    "E1": "a copied proof",
    "E2": "a copied result",
    "E3": "squatting on an answer",
    "E4": "censorship up to the last second of each turn",
    "F1": "receivers that call back, refuse or burn gas",
    "F2": "wrong, forced and stray payments, and an owner",
    "F3": "thousands of games, large arguments, deep programs",
    "F4": "limits of gas and failing verifiers",
    "F5": "signs, rounding and the largest bonds",
}
"""Every row about the game itself."""

ELEMENT, PADDING = FaultKind.ELEMENT, FaultKind.PADDING
REJECTED, FINAL = AssertionStatus.REJECTED, AssertionStatus.FINALIZED
PENDING = AssertionStatus.PENDING


def test_each_row_has_a_test() -> None:
    names = [name for name in vars(sys.modules[__name__]) if name.startswith("test_")]
    found = {name.split("_")[1].upper() for name in names if re.match(r"test_[a-f]\d_", name)}
    assert found == set(ROWS)


@pytest.fixture(scope="module")
def table(world: World) -> Table:
    return Table(world)


@pytest.fixture(scope="module")
def judge(world: World) -> Judge:
    return Judge(world.game)


@pytest.fixture
def right(material: Material, inputs) -> Committed:
    return Committed.honest(material, inputs)


@pytest.fixture
def alice(world: World) -> KeySigner:
    return world.person()


@pytest.fixture
def carol(world: World) -> KeySigner:
    return world.person()


@pytest.fixture
def mallory(world: World) -> KeySigner:
    return world.person()


def lying(right: Committed, node: int = 2, element: int = 40, delta: int = 1) -> GivenTrace:
    """A trace with one wrong element, and what follows from it."""
    value = int(right.values[node].flat[element])
    value += delta if value + delta <= 127 else -delta
    return claimed(right.with_element(node, element, value, propagate=True))


def rejected_by(
    table: Table, right: Committed, lie: GivenTrace, liar: KeySigner, prover: KeySigner
) -> Fault:
    """Assert a lie, and bring it down by the proof that a challenger finds."""
    assertion = table.claim(liar, lie)
    found = searched(right, lie)
    table.prove(prover, assertion, found.proof, kind=found.kind)
    assert table.game.status(assertion) is REJECTED
    return found


def stands(table: Table, assertion: bytes, by: KeySigner) -> None:
    """The honest control: once its window has passed, it becomes final."""
    table.pass_window(assertion)
    table.send(by, "finalize", assertion)
    assert table.game.status(assertion) is FINAL


# --- A: wrong traces


def test_a1_an_output_that_is_not_the_traces_cannot_be_asserted(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    good, lie = claimed(right), lying(right, 4, 3)
    said, false = statement_of_trace(good), statement_of_trace(lie)
    wrong = [replace(output_openings(good)[0], root=output_openings(lie)[0].root)]
    for statement, outputs, error in (
        (false, wrong, "Game_OutputNotBound"),
        (false, output_openings(lie), "Game_OutputNotBound"),
        (false, output_openings(good), "Game_DataMismatch"),
        (replace(said, output_root=keccak(b"other")), output_openings(good), "Game_DataMismatch"),
        (said, [], "Game_DataMismatch"),
        (said, [*output_openings(good), *output_openings(good)], "Game_DataMismatch"),
    ):
        digest = table.game.commit_digest(
            CommitKind.RESULT, mallory.address, statement.digest, good.root, SALT
        )
        fresh = not table.game.committed_at(mallory.address, digest)
        attempt = table.refused(
            lambda s=statement, o=outputs, f=fresh: table.claim(
                mallory, good, statement=s, outputs=o, commit=f
            )
        )
        assert attempt == error
    assert table.game.status(table.claim(alice, good)) is PENDING


def test_a2_a_wrong_intermediate_is_rejected_at_its_node(
    table: Table, judge: Judge, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    found = rejected_by(table, right, lying(right, 1, 33), alice, carol)
    assert (found.kind, found.node, found.place) == (ELEMENT, 1, 33)
    proof = right.proof(1, 33).encode()
    assert judge.check(right.material, right.input_root, right.root, ELEMENT, proof) == (
        "Step_NoFault"
    )


def test_a3_each_operator_off_by_one_is_rejected_at_its_ends(judge: Judge) -> None:
    material = Material(operator_program(), leaf_log2=5)
    right = Committed.honest(material, operator_inputs(77))
    for node in range(len(NAMES)):
        for element in (0, right.values[node].size - 1):
            value = int(right.values[node].flat[element])
            wrong = value + 1 if value < 127 else value - 1
            assert verdict_on(judge, right, node, element, wrong) == (node, element)
            assert verdict_on(judge, right, node, element, value) == "Step_NoFault"


def edge_program() -> Program:
    """Scalings of 16 numbers that meet ties, both ends of 32 bits, and no shift at all."""
    shape = (1, 16)
    x = Operand(source=Source.INPUT, index=0, shape=shape)
    lo, hi = -(1 << 31), (1 << 31) - 1
    narrow = {"zero_point": 0, "lo": -128, "hi": 127}

    def node(weight: int, requant: ops.Requantisation, width: int) -> Node:
        constants = tuple(
            Operand(source=Source.WEIGHT, index=index, shape=()) for index in (weight, 2, 3)
        )
        return Node(
            op=ops.Affine(requant=requant), operands=(x, *constants), shape=shape, width=width
        )

    return Program(
        inputs=(Input(name="x", shape=shape, lo=-128, hi=127, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=2, shape=shape, scale=1.0, zero_point=0),),
        nodes=(
            node(0, ops.Requantisation(shift=1, **narrow), 1),
            node(0, ops.Requantisation(shift=0, **narrow), 1),
            node(1, ops.Requantisation(shift=0, zero_point=0, lo=lo, hi=hi), 4),
        ),
        weights=(
            Constant.of("three", 3),
            Constant.of("large", 1 << 24),
            Constant.of("none", 0),
            Constant.of("one", 1),
        ),
    )


EDGES = (-128, -127, -43, -42, -3, -2, -1, 0, 1, 2, 3, 41, 42, 43, 126, 127)


def verdict_on(judge: Judge, right: Committed, node: int, element: int, value: int):
    """What the judge says if a trace holds a value at a place."""
    lie = right.with_element(node, element, value, propagate=True)
    proof = lie.proof(node, element).encode()
    return judge.check(lie.material, lie.input_root, lie.root, ELEMENT, proof)


def test_a3_ties_ends_and_shift_zero_are_exact(judge: Judge) -> None:
    right = Committed.honest(Material(edge_program(), leaf_log2=5), {"x": np.array([EDGES])})
    assert right.values[0].flat[6] == -1  # -3/2: the tie goes up
    assert right.values[2].flat[0] == -(1 << 31)
    for node in range(3):
        for element in (0, 2, 4, 6, 8, 13, 15):
            value = int(right.values[node].flat[element])
            assert verdict_on(judge, right, node, element, value) == "Step_NoFault"
            wrong = value - 1 if value > 0 else value + 1
            assert verdict_on(judge, right, node, element, wrong) == (node, element)


def computed_by(material: Material, other: Program, inputs) -> GivenTrace:
    """The trace of another program, asserted of this one."""
    trace = execute(other, inputs)
    return claimed(Committed(material, trace.inputs, trace.values))


@pytest.mark.parametrize("what", ["weight", "bias", "multiplier", "table", "shift"])
def test_a4_other_constants_than_the_programs_are_rejected(
    table: Table, right: Committed, inputs, alice: KeySigner, carol: KeySigner, what: str
) -> None:
    program = right.material.program
    nodes, weights, tables = list(program.nodes), list(program.weights), list(program.tables)
    where = {"weight": 0, "bias": 4, "multiplier": 2}
    if what == "table":
        tables[0] = Constant.of("table", tables[0].values + 1)
    elif what == "shift":
        requant = replace(nodes[0].op.requant, shift=2)
        nodes[0] = replace(nodes[0], op=replace(nodes[0].op, requant=requant))
    else:
        old = weights[where[what]]
        weights[where[what]] = Constant(name=old.name, values=old.values + 1, width=old.width)
    other = replace(program, nodes=tuple(nodes), weights=tuple(weights), tables=tuple(tables))
    found = rejected_by(table, right, computed_by(right.material, other, inputs), alice, carol)
    expected = {"weight": 0, "bias": 4, "multiplier": 0, "table": 1, "shift": 0}
    assert found.node == expected[what]


def test_a5_the_trace_of_another_input_is_rejected(
    table: Table, right: Committed, inputs, alice: KeySigner, carol: KeySigner
) -> None:
    lie = wrong_input(right.material, inputs, tiny_inputs(123_456))
    found = rejected_by(table, right, lie, alice, carol)
    assert found.node == 0
    others = Committed.honest(right.material, tiny_inputs(123_456))
    control = table.claim(alice, claimed(others))
    proof = others.proof(0, found.place).encode()
    assert table.refused(lambda: table.prove(carol, control, proof)) == "Step_NoFault"


def test_a6_another_graph_is_not_the_programs(
    table: Table, judge: Judge, right: Committed, inputs, mallory: KeySigner
) -> None:
    material = right.material
    lie = right.with_element(2, 5, 99 - int(right.values[2].flat[5]), propagate=True)
    proof = lie.proof(2, 5)

    def says(encoded: bytes, facts=None):
        return judge.check(material, lie.input_root, lie.root, ELEMENT, encoded, facts)

    assert says(proof.encode()) == (2, 5)
    nodes = material.node_count
    assert says(changed(proof, node=nodes)) == "Commitments_IndexOutOfTree"
    for other in (1, 3):
        desc = material.descriptors[other]
        assert says(changed(proof, desc=desc)) == "Game_BadDescriptor"
        assert says(changed(proof, node=other)) == "Game_BadDescriptor"
    for count in (nodes - 1, nodes + 4):  # trees of other heights
        facts = replace(facts_of(material), node_count=count)
        assert says(proof.encode(), facts) == "Commitments_BranchLength"
    # a graph of its own, whose node reads itself, another that comes later, or one that is not
    words = b"".join(value.to_bytes(32, "big") for value in (0, 1, 1))  # trace 1, of one byte
    operand = material.descriptors[2].index(words)
    for reference in (2, 3):
        desc = bytearray(material.descriptors[2])
        desc[operand + 63] = reference
        leaves = [domain_hash(Domain.NODE_DESC, each) for each in material.descriptors]
        leaves[2] = domain_hash(Domain.NODE_DESC, bytes(desc))
        graph = Tree(leaves, EMPTY_LEAF)
        facts = replace(facts_of(material), graph_root=graph.root)
        encoded = changed(proof, desc=bytes(desc), desc_branch=graph.branch(2))
        assert says(encoded, facts) == "Game_BadDescriptor"
        router = Contract(table.game.chain, load_artifact("StepRouter"), judge.router)
        with pytest.raises(Reverted) as caught:
            router.call("checkNode", bytes(desc), 5)
        assert caught.value.name == "Step_Unsupported"
    # whoever leaves nodes out states another program
    assert table.game.status(table.claim(mallory, claimed(right))) is PENDING
    short = replace(
        material.program,
        nodes=material.program.nodes[:4],
        outputs=(replace(material.program.outputs[0], node=3, shape=(1, 70)),),
    )
    other = Material(short, leaf_log2=5)
    assert other.program_root != material.program_root
    trace = claimed(Committed.honest(other, inputs))
    statement = replace(statement_of_trace(trace), program_root=material.program_root)
    assert table.refused(lambda: table.claim(mallory, trace, statement=statement)) in {
        "Game_OutputNotBound",
        "Commitments_BranchLength",
    }


def test_a7_padding_that_is_not_canonical_is_rejected(
    table: Table, judge: Judge, right: Committed, inputs, alice: KeySigner, carol: KeySigner
) -> None:
    material = right.material
    for lie, fault in (
        (wrong_tail(material, inputs, node=1), (1, 2)),
        (wrong_padding(material, inputs, node=3), (3, 3)),
        (wrong_padding(material, inputs), (0, 3)),
    ):
        found = rejected_by(table, right, lie, alice, carol)
        assert (found.kind, found.node, found.place) == (PADDING, *fault)
        verdict = judge.check(material, right.input_root, right.root, PADDING, found.proof)
        assert verdict in {"Game_NotPaddingFault", "Game_BadTensor"}
    lie = right.with_element(2, 5, 99 - int(right.values[2].flat[5]), propagate=True)
    proof = lie.proof(2, 5)
    desc = bytearray(proof.desc)
    for at in range(31, len(desc), 32):  # widths, shapes and counts, one after the other
        changed_desc = bytes(desc[:at]) + bytes((desc[at] ^ 3,)) + bytes(desc[at + 1 :])
        encoded = changed(proof, desc=changed_desc)
        verdict = judge.check(material, lie.input_root, lie.root, ELEMENT, encoded)
        assert verdict == "Game_BadDescriptor"
        if at > 600:
            break


def test_a8_leaves_branches_and_positions_cannot_be_confused(
    judge: Judge, right: Committed
) -> None:
    lie = right.with_element(2, 5, 99 - int(right.values[2].flat[5]), propagate=True)
    proof, tree = lie.proof(2, 5), claimed(lie).tree(2)

    def says(encoded: bytes):
        return judge.check(right.material, lie.input_root, lie.root, ELEMENT, encoded)

    assert says(proof.encode()) == (2, 5)
    inner = tree.at(0, 0) + tree.at(0, 1)
    for leaf in (inner, proof.leaf[:-1], proof.leaf + b"\0", b"", inner[:32]):
        assert says(changed(proof, leaf=leaf)) == "Game_BadLeaf"
    assert says(changed(proof, leaf=inner, leaf_branch=proof.leaf_branch[1:])) in {
        "Game_BadLeaf",
        "Commitments_BranchLength",
    }
    for name in ("desc_branch", "out_branch", "leaf_branch"):
        branch = getattr(proof, name)
        for other in (branch[:-1], (*branch, bytes(32)), ()):
            assert says(changed(proof, **{name: other})) == "Commitments_BranchLength", name
    for element in (70, 71, 95, 127, (1 << 64) - 1):
        assert says(changed(proof, elem=element)) == "Step_ElementOutOfShape"


# --- B: games


def positions(table: Table, trace: GivenTrace, sides: tuple, until: Phase = Phase.STEP):
    """Play a game, and stop before each move; the last stop is where only a proof is left."""
    _, game_id, asserter, challenger = sides
    while True:
        game = table.game.game_of(game_id)
        yield game
        if game.phase is until:
            return
        if game.asserter_turn:
            table.show(asserter, game_id, trace)
        else:
            table.descend(challenger, game_id, trace, 2, 1)


def test_b1_whoever_stalls_in_any_phase_loses_and_nobody_else(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    game_id = table.open(carol, assertion)
    stalled = set()
    for game in positions(table, trace, (assertion, game_id, alice, carol)):
        kept = table.world.result("evm_snapshot")
        stalled.add((game.phase, game.asserter_turn))
        before = table.game.credit_of(carol.address), table.game.credit_of(alice.address)
        table.pass_clock(game_id)
        table.send(alice, "claimTimeout", game_id)
        after = table.game.credit_of(carol.address), table.game.credit_of(alice.address)
        if game.asserter_turn:
            assert table.game.game_of(game_id).status is GameStatus.WON
            assert table.game.status(assertion) is REJECTED
            reward = table.rules.bond_a * table.rules.reward_bps // 10_000
            assert after == (before[0] + table.rules.bond_c + reward, before[1])
        else:
            assert table.game.game_of(game_id).status is GameStatus.LOST
            assert table.game.status(assertion) is PENDING
            assert after[0] == before[0]
            stands(table, assertion, alice)
            assert table.game.credit_of(alice.address) == after[1] + table.rules.bond_a
        assert table.balanced()
        table.world.result("evm_revert", kept)
    assert stalled == {
        (Phase.TRACE, True), (Phase.TRACE, False), (Phase.NODE, True), (Phase.TENSOR, True),
        (Phase.TENSOR, False), (Phase.LEAF, True), (Phase.STEP, False),
    }  # fmt: skip


def test_b2_moves_and_timeouts_exclude_each_other_at_each_second(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    game_id = table.open(carol, table.claim(alice, trace))

    def claim() -> None:
        table.send(alice, "claimTimeout", game_id)

    for turn in (True, False):
        assert table.game.game_of(game_id).asserter_turn is turn

        def move(turn: bool = turn) -> None:
            if turn:
                table.show(alice, game_id, trace)
            else:
                table.descend(carol, game_id, trace, 2, 1)

        before = table.game.game_of(game_id)
        end = table.deadline(game_id)
        assert table.refused(claim) == "Game_ClockRunning"
        for offset, attempt, passes in (
            (-1, move, True), (0, move, False), (1, move, False),
            (-1, claim, False), (0, claim, True), (1, claim, True),
        ):  # fmt: skip
            kept = table.world.result("evm_snapshot")
            table.next_at(end + offset)
            if passes:
                attempt()
                assert table.game.game_of(game_id) != before
            else:
                with pytest.raises(Reverted):
                    attempt()
                assert table.game.game_of(game_id) == before
            assert table.now() == end + offset
            table.world.result("evm_revert", kept)
        kept = table.world.result("evm_snapshot")
        table.reach(end)
        assert table.refused(move) == "Game_ClockExpired"
        claim()
        ended = table.game.game_of(game_id).status
        assert ended is (GameStatus.WON if turn else GameStatus.LOST)
        table.world.result("evm_revert", kept)
        # in the last second the other side's time begins anew, and one's own is filled up later
        table.next_at(table.deadline(game_id) - 1)
        move()
        game = table.game.game_of(game_id)
        assert (game.clock_a if turn else game.clock_c) == 1
        assert table.refused(claim) == "Game_ClockRunning"
    game = table.game.game_of(game_id)
    assert (game.asserter_turn, game.clock_a) == (True, table.rules.grace)


def test_b3_moves_out_of_turn_or_after_the_end_are_refused(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    lie = lying(right)
    assertion = table.claim(alice, lie)
    first, second = table.open(carol, assertion), table.open(carol, assertion)
    assert table.refused(lambda: table.descend(carol, first, lie, 2, 1)) == "Game_NotYourTurn"
    table.show(alice, first, lie)
    assert table.refused(lambda: table.show(alice, first, lie)) == "Game_NotYourTurn"
    assert table.refused(lambda: table.descend(mallory, first, lie, 2, 1)) == "Game_NotChallenger"
    proof = searched(right, lie).proof
    table.prove(carol, assertion, proof, game_id=first)
    assert table.game.status(assertion) is REJECTED
    assert table.refused(lambda: table.descend(carol, first, lie, 2, 1)) == "Game_AlreadySettled"
    assert table.refused(lambda: table.show(alice, second, lie)) == "Game_NotPending"
    assert table.refused(lambda: table.prove(carol, assertion, proof, salt=bytes(32))) == (
        "Game_NotPending"
    )
    assert table.refused(lambda: table.open(carol, assertion)) == "Game_NotPending"
    assert table.refused(lambda: table.send(carol, "claimTimeout", second)) == "Game_NotPending"
    assert table.refused(lambda: table.send(carol, "finalize", assertion)) == "Game_NotPending"
    good = table.claim(alice, claimed(right))
    table.pass_window(good)
    assert table.refused(lambda: table.open(carol, good)) == "Game_WindowClosed"
    assert table.refused(lambda: table.prove(carol, good, proof)) == "Game_WindowClosed"
    table.send(carol, "finalize", good)
    assert table.refused(lambda: table.open(carol, good)) == "Game_NotPending"
    assert table.refused(lambda: table.send(carol, "openGame", bytes(32))) == "Game_WrongBond"


def test_b4_what_does_not_hash_or_lie_there_is_refused_while_the_clock_runs(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    game_id = table.open(carol, table.claim(alice, trace))
    opened = table.game.game_of(game_id)
    row = list(trace.tree(None).descendants(3, 0, 3))
    for nodes in (
        [keccak(b"junk"), *row[1:]], row[:4], row * 2, [], row[::-1],
        list(trace.tree(None).descendants(3, 0, 1)), list(trace.tree(2).descendants(2, 0, 2)),
    ):  # fmt: skip
        assert table.refused(lambda n=nodes: table.send(alice, "revealNodes", game_id, n)) == (
            "Game_BadReveal"
        )
    assert table.game.game_of(game_id) == opened  # time runs, nothing else has happened
    table.show(alice, game_id, trace)
    shown = table.game.game_of(game_id)
    tree = trace.tree(None)

    def selects(levels: int, index: int, level: int) -> str:
        path = list(tree.path(level, min(index, (1 << (3 - level)) - 1), 3))
        arguments = (game_id, levels, index, tree.at(level, min(index, (1 << (3 - level)) - 1)))
        return table.refused(lambda: table.send(carol, "select", *arguments, path))

    assert selects(2, 1, 1) == "Game_BadSelection"  # too few levels
    assert selects(0, 0, 3) == "Game_BadSelection"
    assert selects(4, 3, 0) in {"Game_BadSelection", "Commitments_BranchLength"}
    for padded in (5, 6, 7):
        assert selects(3, padded, 0) == "Game_BadSelection"
    assert selects(3, 8, 0) in {"Game_BadSelection", "Commitments_IndexOutOfTree"}
    junk = (game_id, 3, 2, keccak(b"junk"), list(tree.path(0, 2, 3)))
    assert table.refused(lambda: table.send(carol, "select", *junk)) == "Game_BadSelection"
    assert table.game.game_of(game_id) == shown
    table.walk(game_id, alice, carol, trace, until=(Phase.LEAF, True))
    leaf = trace.leaves(2)[32:64]
    for other in (leaf[:-1], leaf + b"\0", leaf * 2, b"", trace.leaves(2)[:32]):
        assert table.refused(lambda o=other: table.send(alice, "revealLeaf", game_id, o)) == (
            "Game_BadReveal"
        )
    table.send(alice, "revealLeaf", game_id, leaf)
    assert table.game.game_of(game_id).phase is Phase.STEP


def test_b5_nothing_foreign_passes_from_phase_to_phase(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace, material = claimed(right), right.material
    game_id = table.open(carol, table.claim(alice, trace))

    def tensor(root: bytes, desc: int, branch: int) -> str:
        arguments = (game_id, root, material.descriptors[desc], material.graph.branch(branch))
        return table.refused(lambda: table.send(alice, "revealTensor", *arguments))

    leaf = trace.leaves(2)[32:64]
    assert tensor(trace.roots[2], 2, 2) == "Game_WrongPhase"
    assert (
        table.refused(lambda: table.send(alice, "revealLeaf", game_id, leaf)) == "Game_WrongPhase"
    )
    table.walk(game_id, alice, carol, trace, until=(Phase.NODE, True))
    row = list(trace.tree(2).descendants(2, 0, 2))
    assert (
        table.refused(lambda: table.send(alice, "revealNodes", game_id, row)) == "Game_WrongPhase"
    )
    assert tensor(trace.roots[1], 2, 2) == "Game_BadReveal"
    assert tensor(lying(right).roots[2], 2, 2) == "Game_BadReveal"
    assert tensor(trace.roots[2], 1, 2) == "Game_BadDescriptor"
    assert tensor(trace.roots[2], 1, 1) == "Game_BadDescriptor"
    table.show(alice, game_id, trace)
    foreign = list(trace.tree(1).descendants(2, 0, 2))
    assert (
        table.refused(lambda: table.send(alice, "revealNodes", game_id, foreign))
        == "Game_BadReveal"
    )
    table.show(alice, game_id, trace)
    assert table.refused(lambda: table.descend(carol, game_id, lying(right), 2, 1)) == (
        "Game_BadSelection"
    )


def test_b6_who_selects_a_right_element_loses_its_bond(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    lie = lying(right)
    assertion = table.claim(alice, lie)
    game_id = table.open(mallory, assertion)
    table.walk(game_id, alice, mallory, lie, node=1, leaf=0)
    wrong = Committed(right.material, right.inputs, right.values)
    same_trace = lie_values(right, lie)
    proof = same_trace.proof(1, 3).encode()
    assert wrong.root != lie.root
    attempt = table.refused(lambda: table.prove(mallory, assertion, proof, game_id=game_id))
    assert attempt == "Step_NoFault"
    table.pass_clock(game_id)
    table.send(alice, "claimTimeout", game_id)
    assert table.game.game_of(game_id).status is GameStatus.LOST
    assert table.game.credit_of(mallory.address) == 0
    table.prove(carol, assertion, searched(right, lie).proof)
    assert table.game.status(assertion) is REJECTED


def lie_values(right: Committed, lie: GivenTrace) -> Committed:
    """The values of a lying trace, to open right elements of it."""
    program = right.material.program
    values = [
        np.frombuffer(lie.leaves(node), f">i{spec.width}")[: right.values[node].size]
        .astype(np.int64)
        .reshape(spec.shape)
        for node, spec in enumerate(program.nodes)
    ]
    found = Committed(right.material, right.inputs, values)
    assert found.root == lie.root
    return found


def test_b7_a_third_party_defends_and_is_paid_and_its_junk_is_refused(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    game_id = table.open(mallory, assertion)
    junk = [keccak(bytes((i,))) for i in range(8)]
    assert (
        table.refused(lambda: table.send(carol, "revealNodes", game_id, junk)) == "Game_BadReveal"
    )
    receipts = [
        receipt
        for receipt in table.walk(game_id, carol, mallory, trace)
        if any(log.entry.address == table.game.address for log in receipt.logs)
    ]
    table.pass_clock(game_id)
    table.send(carol, "claimTimeout", game_id)
    refund = table.game.credit_of(carol.address)
    assert len(receipts) == 6
    assert refund > 0
    stands(table, assertion, carol)
    assert table.game.credit_of(alice.address) == table.rules.bond_a
    assert table.game.credit_of(carol.address) == refund


def test_b8_a_dot_product_in_parts_is_rejected_at_the_wrong_part(
    table: Table, alice: KeySigner, carol: KeySigner
) -> None:
    material = Material(operator_program(), leaf_log2=5)
    right = Committed.honest(material, operator_inputs(88))
    for part in PARTS:
        lie = lying(right, part, 6, -1)
        found = rejected_by(table, right, lie, alice, carol)
        assert (found.node, found.place) == (part, 6)
    control = table.claim(alice, claimed(right))
    for number, part in enumerate(PARTS):
        proof = right.proof(part, 6).encode()
        attempt = table.refused(
            lambda p=proof, n=number: table.prove(carol, control, p, salt=keccak(bytes((n,))))
        )
        assert attempt == "Step_NoFault"


# --- C: once is enough


def test_c1_nothing_can_be_used_again_elsewhere(
    world: World, table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    lie = lying(right)
    first, second = table.claim(alice, lie), twice(table, alice, lie)
    proof = searched(right, lie).proof
    # a commit is for one assertion, and for one use
    table.commit(carol, CommitKind.ELEMENT, first, keccak(proof))
    assert table.refused(lambda: table.prove(carol, second, proof, commit=False)) == "Game_NoCommit"
    game_id = table.open(carol, first)
    other_kind = ("proveStep", game_id, int(PADDING), proof, SALT)
    assert table.refused(lambda: table.send(carol, *other_kind)) == "Game_NoCommit"
    table.prove(carol, first, proof, commit=False, game_id=game_id)
    digest = table.game.commit_digest(CommitKind.ELEMENT, carol.address, first, keccak(proof), SALT)
    assert table.game.committed_at(carol.address, digest) == 0
    # a proof is about one trace, and what is shown about one game
    third = table.claim(alice, claimed(right))
    assert table.refused(lambda: table.prove(carol, third, proof)) == "Game_BadTensor"
    foreign = table.open(carol, third)
    assert table.refused(lambda: table.show(alice, foreign, lie)) == "Game_BadReveal"
    # another contract, another chain, another version
    rules = replace(DEVELOPMENT_PARAMS, window=700)
    other = Table(world, DisputeGame.deploy(world.chain, world.person(), rules))
    there = other.claim(alice, lie)
    table.commit(carol, CommitKind.ELEMENT, there, keccak(proof))
    assert other.refused(lambda: other.prove(carol, there, proof, commit=False)) == "Game_NoCommit"
    preimage = (
        b"\x07" + (1).to_bytes(32, "big") + table.game.address + bytes((1,)) + carol.address
        + second + keccak(proof) + SALT
    )  # fmt: skip
    table.send(carol, "commit", keccak(preimage))
    assert table.refused(lambda: table.prove(carol, second, proof, commit=False)) == "Game_NoCommit"
    header = replace(Header.of(right.material.commitment), spec_version=2)
    assert table.refused(lambda: table.send(carol, "admitProgram", values_of(header))) == (
        "Game_BadProgram"
    )
    table.prove(carol, second, proof)
    assert table.game.status(second) is REJECTED


def twice(table: Table, signer: KeySigner, trace: GivenTrace) -> bytes:
    """Assert the same once more: a name of its own."""
    return table.claim(signer, trace)


def test_c2_a_second_game_does_not_move_the_clock_of_the_first(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    first = table.open(carol, assertion)
    table.walk(first, alice, carol, trace, until=(Phase.TRACE, False))
    table.reach(table.now() + 200)
    before, locked = table.game.game_of(first), table.game.totals().locked
    second = table.open(carol, assertion)
    assert second != first
    assert table.game.game_of(first) == before
    assert table.game.totals().locked == locked + table.rules.bond_c
    table.pass_clock(first)
    table.send(alice, "claimTimeout", first)
    assert table.game.game_of(first).status is GameStatus.LOST
    assert table.game.game_of(second).status is GameStatus.OPEN


def test_c3_nothing_is_settled_or_paid_twice(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    lie = lying(right)
    assertion = table.claim(alice, lie)
    winning, beside = table.open(carol, assertion), table.open(carol, assertion)
    assert table.refused(lambda: table.send(carol, "closeGame", beside)) == "Game_NotRejected"
    table.pass_clock(winning)
    table.send(carol, "claimTimeout", winning)
    table.send(carol, "closeGame", beside)
    good = table.claim(alice, claimed(right))
    lost = table.open(carol, good)
    table.show(alice, lost, claimed(right))
    table.pass_clock(lost)
    table.send(alice, "claimTimeout", lost)
    stands(table, good, alice)
    for person in (alice, carol):
        table.send(person, "withdraw")
    sums = table.game.totals()
    again = [
        (carol, "claimTimeout", winning, "Game_AlreadySettled"),
        (carol, "closeGame", winning, "Game_AlreadySettled"),
        (carol, "closeGame", beside, "Game_AlreadySettled"),
        (carol, "claimTimeout", beside, "Game_AlreadySettled"),
        (alice, "claimTimeout", lost, "Game_AlreadySettled"),
        (carol, "closeGame", lost, "Game_AlreadySettled"),
        (alice, "finalize", good, "Game_NotPending"),
        (alice, "finalize", assertion, "Game_NotPending"),
    ]
    for person, name, subject, error in again:
        assert table.refused(lambda p=person, n=name, s=subject: table.send(p, n, s)) == error
    for person in (alice, carol):
        assert table.refused(lambda p=person: table.send(p, "withdraw")) == "Game_NothingToWithdraw"
    assert table.game.totals() == sums
    assert table.balanced()


# --- D: people who work together


def test_d1_a_friend_that_loses_on_purpose_shields_no_lie(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    lie = lying(right)
    assertion = table.claim(alice, lie)
    friend = table.open(mallory, assertion)
    table.walk(friend, alice, mallory, lie, node=0, leaf=0)
    table.pass_clock(friend)
    table.send(alice, "claimTimeout", friend)
    assert table.refused(lambda: table.send(alice, "finalize", assertion)) == "Game_NotFinal"
    game_id = table.open(carol, assertion)
    table.pass_window(assertion)
    # the window is over, and an open game still keeps the lie from becoming final
    if not table.game.game_of(game_id).asserter_turn:
        table.descend(carol, game_id, lie, 2, 1)
    assert table.refused(lambda: table.send(alice, "finalize", assertion)) == "Game_NotFinal"
    table.prove(carol, assertion, searched(right, lie).proof, game_id=game_id)
    assert table.game.status(assertion) is REJECTED


def test_d2_many_false_challengers_pay_the_asserter_and_share_what_is_shown(
    table: Table, right: Committed, alice: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    sybils = [table.world.person() for _ in range(3)]
    games = [table.open(sybil, assertion) for sybil in sybils]
    spent, shown = 0, []
    paths = ((2, 1), (2, 1), (3, 2))
    for sybil, game_id, (node, leaf) in zip(sybils, games, paths, strict=True):
        before = table.world.chain.balance(alice.address)
        receipts = table.walk(game_id, alice, sybil, trace, node=node, leaf=leaf)
        spent += before - table.world.chain.balance(alice.address)
        shown.append(len(receipts))
    late = table.world.person()
    known = table.open(late, assertion)
    assert not table.game.game_of(known).asserter_turn  # nothing is asked that was shown
    receipts = table.walk(known, alice, late, trace, node=2, leaf=1)
    assert len(receipts) == 2
    for game_id in (*games, known):
        if table.game.game_of(game_id).status is not GameStatus.OPEN:
            continue
        table.pass_clock(game_id)
        before = table.world.chain.balance(alice.address)
        table.send(alice, "claimTimeout", game_id)
        spent += before - table.world.chain.balance(alice.address)
    stands(table, assertion, alice)
    assert table.game.credit_of(alice.address) > table.rules.bond_a + spent
    assert table.now() - table.game.assertion_of(assertion).asserted_at < (
        table.game.release.params.longest_s
    )
    assert table.balanced()


def test_d3_wrong_assertions_do_not_delay_a_right_one(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    wrong = [table.claim(mallory, lying(right, 2, element)) for element in (1, 2, 3)]
    good = table.claim(alice, claimed(right))
    assert {table.game.status(each) for each in (*wrong, good)} == {PENDING}
    for each in wrong:
        table.open(alice, each)
    end = table.game.assertion_of(good).asserted_at + table.rules.window
    table.next_at(end - 1)
    assert table.refused(lambda: table.send(alice, "finalize", good)) == "Game_NotFinal"
    table.next_at(end)
    table.send(alice, "finalize", good)
    digest = statement_of_trace(claimed(right)).digest
    assert table.game.finalised_statement(digest) == good


@pytest.mark.parametrize("order", ["wrong first", "right first", "in turns"])
def test_d4_a_wrong_challenger_neither_helps_nor_hinders_a_right_one(
    world: World, material: Material, inputs, tmp_path, order: str
) -> None:
    liar, carol, eve = (world.person() for _ in range(3))
    lie = wrong_element(material, inputs, node=2, element=40)
    asserter = Asserter(world.game, liar, journal_in(tmp_path), lie)
    asserter.step()
    good = Challenger(world.game, carol, journal_in(tmp_path), material, [inputs])
    bad = FalseChallenger(world.game, eve, journal_in(tmp_path), material, [inputs])
    bad.believed = wrong_element(material, inputs, node=1, element=7)
    before = world.worth(carol)[0]
    moves = []
    first, second = (bad, good) if order == "wrong first" else (good, bad)
    if order == "in turns":
        for _ in range(40):
            made = [m for agent in (bad, asserter, good, asserter) for m in agent.step(1)]
            moves += made
            if not made:
                break
    moves += world.play(first, asserter, second)
    assert asserter.assertion.status is REJECTED
    rules = world.game.release.params
    reward = rules.bond_a * rules.reward_bps // 10_000
    gain = world.worth(carol)[0] - before + gas_cost(moves, carol)
    assert gain == (reward if asserter.assertion.winner == carol.address else 0)


def test_d4_two_wrong_challengers_both_lose(
    world: World, material: Material, inputs, tmp_path
) -> None:
    alice, eve, mallory = (world.person() for _ in range(3))
    asserter = Asserter(world.game, alice, journal_in(tmp_path), honest(material, inputs))
    others = []
    for person, element in ((eve, 3), (mallory, 60)):
        agent = FalseChallenger(world.game, person, journal_in(tmp_path), material, [inputs])
        agent.believed = wrong_element(material, inputs, node=1, element=element)
        others.append(agent)
    before = world.worth(alice, eve, mallory)
    moves = world.play(asserter, *others)
    assert asserter.won
    after = world.worth(alice, eve, mallory)
    assert after[0] > before[0] - gas_cost(moves, alice)
    for at, person in ((1, eve), (2, mallory)):
        assert after[at] == before[at] - world.game.release.params.bond_c - gas_cost(moves, person)


def test_d5_whoever_rejects_its_own_lie_loses_half_of_the_bond(
    table: Table, right: Committed, mallory: KeySigner
) -> None:
    accomplice = table.world.person()
    for in_game in (False, True):
        lie = lying(right, 2, 40 + in_game)
        assertion = table.claim(mallory, lie)
        credits = table.game.credit_of(mallory.address) + table.game.credit_of(accomplice.address)
        burned = table.game.totals().burned
        proof = searched(right, lie).proof
        table.commit(accomplice, CommitKind.ELEMENT, assertion, keccak(proof))
        bonds = table.rules.bond_a
        game_id = 0
        if in_game:
            game_id = table.open(accomplice, assertion)
            bonds += table.rules.bond_c
        table.prove(accomplice, assertion, proof, commit=False, game_id=game_id)
        back = table.game.credit_of(mallory.address) + table.game.credit_of(accomplice.address)
        lost = bonds - (back - credits)
        assert lost >= table.rules.bond_a // 2
        assert table.game.totals().burned - burned == lost
        assert table.balanced()


def test_d6_an_abandoned_game_pays_for_what_was_shown_in_it(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    game_id = table.open(mallory, assertion)
    spent = 0
    abandoned = 0
    while True:
        game = table.game.game_of(game_id)
        if game.asserter_turn:
            receipt = table.show(alice, game_id, trace)
            assert receipt.effective_gas_price <= table.rules.gas_price_cap
            spent += receipt.gas_used * receipt.effective_gas_price
            continue
        kept = table.world.result("evm_snapshot")
        table.pass_clock(game_id)
        table.send(mallory, "claimTimeout", game_id)
        assert spent <= table.game.credit_of(alice.address) < table.rules.bond_c
        assert table.game.credit_of(mallory.address) == 0
        abandoned += 1
        table.world.result("evm_revert", kept)
        if game.phase is Phase.STEP:
            break
        table.descend(mallory, game_id, trace, 2, 1)
    assert abandoned == 3


# --- E: what stands in the mempool


@pytest.fixture(scope="module")
def patient(world: World) -> Table:
    """A game whose commits take four blocks to be usable."""
    rules = replace(DEVELOPMENT_PARAMS, min_commit_age=4)
    return Table(world, DisputeGame.deploy(world.chain, world.person(), rules))


def test_e1_a_copied_proof_is_worth_nothing(
    patient: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    lie = lying(right)
    assertion = patient.claim(alice, lie)
    proof = searched(right, lie).proof
    digest = patient.commit(carol, CommitKind.ELEMENT, assertion, keccak(proof))
    # the copier has seen the commit first, then the proof; it repeats both
    patient.send(mallory, "commit", digest)
    for game_id in (0, patient.open(mallory, assertion)):
        assert (
            patient.refused(
                lambda g=game_id: patient.prove(mallory, assertion, proof, commit=False, game_id=g)
            )
            == "Game_NoCommit"
        )
    own = patient.game.commit_digest(
        CommitKind.ELEMENT, mallory.address, assertion, keccak(proof), SALT
    )
    patient.send(mallory, "commit", own)
    attempt = patient.refused(lambda: patient.prove(mallory, assertion, proof, commit=False))
    assert attempt == "Game_CommitTooYoung"
    assert patient.refused(lambda: patient.send(mallory, "commit", own)) == "Game_AlreadyCommitted"
    patient.prove(carol, assertion, proof, commit=False)
    reward = patient.rules.bond_a * patient.rules.reward_bps // 10_000
    assert patient.game.credit_of(carol.address) == reward
    assert patient.game.credit_of(mallory.address) == 0


def test_e2_a_copied_result_is_worth_nothing(
    patient: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    trace = claimed(right)
    said = statement_of_trace(trace)
    digest = patient.commit(alice, CommitKind.RESULT, said.digest, trace.root)
    patient.send(mallory, "commit", digest)
    assert patient.refused(lambda: patient.claim(mallory, trace, commit=False)) == "Game_NoCommit"
    own = patient.game.commit_digest(
        CommitKind.RESULT, mallory.address, said.digest, trace.root, SALT
    )
    patient.send(mallory, "commit", own)
    assert (
        patient.refused(lambda: patient.claim(mallory, trace, commit=False))
        == "Game_CommitTooYoung"
    )
    assert patient.game.status(patient.claim(alice, trace, commit=False)) is PENDING


def test_e3_nobody_can_take_the_place_of_an_answer(
    patient: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    trace, lie = claimed(right), lying(right, 4, 2)
    said = statement_of_trace(trace)
    digest = patient.commit(alice, CommitKind.RESULT, said.digest, trace.root)
    patient.send(mallory, "commit", digest)  # a squatter, before the answer is shown
    squatted = patient.claim(mallory, lie)
    answer = patient.claim(alice, trace, commit=False)
    assert squatted != answer
    patient.prove(carol, squatted, searched(right, lie).proof)
    assert patient.game.status(squatted) is REJECTED
    stands(patient, answer, alice)
    assert patient.game.finalised_statement(said.digest) == answer


def test_e4_who_is_held_up_until_the_last_second_of_each_turn_still_wins(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    """Beyond a clock that is used up, censors must hold each move for less than the grace."""
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    game_id = table.open(carol, assertion)
    began = table.game.game_of(game_id).last
    given = []
    while True:
        game = table.game.game_of(game_id)
        if game.phase is Phase.STEP:
            break
        table.next_at(table.deadline(game_id) - 1)
        if game.asserter_turn:
            given.append(game.clock_a)
            table.show(alice, game_id, trace)
        else:
            table.descend(carol, game_id, trace, 2, 1)
    assert given[0] == table.rules.clock_a
    assert all(left in (1, table.rules.grace) for left in given[1:])
    assert table.rules.grace in given[1:]
    table.pass_clock(game_id)
    table.send(alice, "claimTimeout", game_id)
    rules = table.rules
    assert table.now() - began < rules.clock_a + rules.clock_c + rules.max_moves * rules.grace
    stands(table, assertion, alice)


# --- F: coins and gas


REACTIONS = {
    "takes again": "633ccfd60b5f525f5f6004601c5f73{game}5af15000",
    "refuses": "5f5ffd",
    "burns gas": "5b604d56",
}


@pytest.mark.parametrize("reaction", REACTIONS)
def test_f1_a_hostile_receiver_gets_what_is_its_own_once_and_stops_nobody(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner, reaction: str
) -> None:
    code = bytes.fromhex(REACTIONS[reaction].format(game=table.game.address.hex()))
    puppet = Puppeteer(table, mallory, code)
    trace = claimed(right)
    said = statement_of_trace(trace)
    digest = table.game.commit_digest(
        CommitKind.RESULT, puppet.address, said.digest, trace.root, SALT
    )
    if not table.game.program_of(said.program_root).node_count:
        table.claim(alice, trace)
    puppet.send("commit", digest)
    receipt = puppet.send(
        "assertResult",
        (said.program_root, said.input_root, said.output_root, said.context),
        trace.root,
        [(opening.root, list(opening.branch)) for opening in output_openings(trace)],
        "",
        SALT,
        value=table.rules.bond_a,
    )
    (event,) = table.game.events_in(receipt)
    assert event.asserter == puppet.address
    own = table.claim(alice, trace)
    stands(table, event.assertion_id, mallory)
    stands(table, own, alice)
    held = table.game.chain.balance(table.game.address)
    if reaction == "takes again":
        puppet.send("withdraw")
        assert table.game.chain.balance(puppet.address) == table.rules.bond_a
        assert table.game.chain.balance(table.game.address) == held - table.rules.bond_a
        assert table.game.credit_of(puppet.address) == 0
    else:
        error = table.refused(lambda: puppet.send("withdraw", gas=400_000))
        assert error == "Game_TransferFailed"
        assert table.game.credit_of(puppet.address) == table.rules.bond_a
        assert table.game.chain.balance(table.game.address) == held
    before = table.game.credit_of(alice.address)
    table.send(alice, "withdraw")
    assert before == table.rules.bond_a
    assert table.game.credit_of(alice.address) == 0
    assert table.balanced()


def test_f2_only_the_exact_bond_comes_in_and_nobody_can_drain_it(
    world: World, table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    said = statement_of_trace(trace)
    table.commit(alice, CommitKind.RESULT, said.digest, trace.root)
    sums = table.game.totals()
    for value in (0, 1, table.rules.bond_a - 1, table.rules.bond_a + 1, 2 * table.rules.bond_a):
        attempt = table.refused(lambda v=value: table.claim(alice, trace, value=v, commit=False))
        assert attempt == "Game_WrongBond"
    assertion = table.claim(alice, trace, commit=False)
    for value in (0, table.rules.bond_c - 1, table.rules.bond_c + 1):
        attempt = table.refused(lambda v=value: table.send(carol, "openGame", assertion, value=v))
        assert attempt == "Game_WrongBond"
    assert table.game.totals().deposited == sums.deposited + table.rules.bond_a
    for data in (b"", b"\x01\x02\x03\x04"):
        with pytest.raises(Reverted):
            world.chain.send(
                carol, to=table.game.address, data=data, value=1,
                options=TxOptions(gas_limit=100_000),
            )  # fmt: skip
    assert table.refused(lambda: table.send(carol, "commit", keccak(b"x"), value=1)) == ""
    address = "0x" + table.game.address.hex()
    held = world.chain.balance(table.game.address)
    world.result("anvil_setBalance", address, hex(held + ETHER))  # forced in
    sums = table.game.totals()
    assert table.balanced()
    stands(table, assertion, alice)
    table.send(alice, "withdraw")
    assert table.game.totals().withdrawn == sums.withdrawn + table.rules.bond_a
    assert world.chain.balance(table.game.address) == held + ETHER - table.rules.bond_a
    world.result("anvil_setBalance", address, hex(held - table.rules.bond_a))
    abi = load_artifact("DisputeGame").abi
    functions = [each for each in abi if each["type"] == "function"]
    payable = {each["name"] for each in functions if each["stateMutability"] == "payable"}
    assert payable == {"assertResult", "openGame"}
    assert not [each for each in abi if each["type"] in ("receive", "fallback")]
    word = re.compile("owner|admin|pause|upgrade|govern|sweep|rescue|set[A-Z]", re.IGNORECASE)
    assert not [each["name"] for each in functions if word.search(each["name"])]


def test_f3_gas_of_a_call_does_not_grow_with_what_others_do(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    gas = []
    for _ in range(12):
        receipt = table.send(mallory, "openGame", assertion, value=table.rules.bond_c)
        gas.append(receipt.gas_used)
    assert max(gas[1:]) == min(gas[1:])
    asserted = []
    for number in range(6):
        salt = keccak(bytes((number,)))
        table.commit(mallory, CommitKind.ELEMENT, assertion, salt)
        asserted.append(table.claim(mallory, trace))
    first_game = table.game.events_in(receipt)[0].game_id - 11
    row = list(trace.tree(None).descendants(3, 0, 3))
    cost = table.send(alice, "revealNodes", first_game, row).gas_used
    many = table.send(alice, "revealNodes", first_game + 1, row).gas_used
    assert many <= cost
    huge = [bytes(32)] * 1024
    assert table.refused(lambda: table.send(alice, "revealNodes", first_game + 2, huge)) == (
        "Game_BadReveal"
    )
    assert table.refused(lambda: table.claim(alice, trace, uri="x" * 1025)) == "Game_URITooLong"
    header = Header.of(right.material.commitment)
    deep = bytearray(header.schema)
    at = deep.index((5).to_bytes(32, "big") + (2).to_bytes(32, "big")) + 63
    deep[at] = 60  # the largest height
    deeper = replace(header, schema=bytes(deep))
    assert table.refused(lambda: table.send(alice, "admitProgram", values_of(deeper))) == (
        "Game_BadProgram"
    )


def test_f4_no_limit_of_gas_and_no_failing_verifier_decides_anything(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    lie = lying(right, 4, 8)
    good, bad = table.claim(alice, claimed(right)), table.claim(alice, lie)
    proof = searched(right, lie).proof
    honest_proof = right.proof(4, 8).encode()
    needed = 0
    for assertion, content in ((good, honest_proof), (bad, proof)):
        table.commit(carol, CommitKind.ELEMENT, assertion, keccak(content))
        kept = table.world.result("evm_snapshot")
        if assertion == bad:
            needed = table.prove(carol, assertion, content, commit=False).gas_used
            table.world.result("evm_revert", kept)
        for gas in range(120_000, 400_000, 23_000):
            if needed and gas >= needed:
                break
            sums = table.game.totals()
            with pytest.raises(Reverted):
                table.prove(carol, assertion, content, commit=False, gas=gas)
            assert table.game.status(assertion) is PENDING
            assert table.game.totals() == sums
    malformed = changed(lie_values(right, lie).proof(4, 8), witness=b"")
    attempt = table.refused(lambda: table.prove(carol, bad, malformed))
    assert attempt == "Step_MalformedWitness"
    assert table.game.status(bad) is PENDING
    table.prove(carol, bad, proof, commit=False)
    assert table.game.status(bad) is REJECTED
    assert table.game.status(good) is PENDING


def test_f5_signs_and_the_largest_bonds_are_exact(
    world: World, judge: Judge, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    edges = Committed.honest(Material(edge_program(), leaf_log2=5), {"x": np.array([EDGES])})
    # -3 / 2 truncated is -1, shifted is -2, and rounded half up is -1; -5 / 2 tells all apart
    assert [int(v) for v in edges.values[0].flat[4:8]] == [-4, -3, -1, 0]
    for element, truncated in ((4, -5), (5, -2), (6, -2)):
        assert verdict_on(judge, edges, 0, element, truncated) == (0, element)
    top = (1 << 96) - 1
    rules = replace(DEVELOPMENT_PARAMS, bond_a=top, bond_c=top)
    rich = Table(world, DisputeGame.deploy(world.chain, world.person(), rules))
    for person in (alice, carol):
        world.result("anvil_setBalance", f"0x{person.address.hex()}", hex(1 << 100))
    lie = lying(right)
    assertion = rich.claim(alice, lie)
    game_id = rich.open(carol, assertion)
    rich.prove(carol, assertion, searched(right, lie).proof, game_id=game_id)
    reward = top * rules.reward_bps // 10_000
    assert rich.game.credit_of(carol.address) == top + reward
    sums = rich.game.totals()
    assert (sums.deposited, sums.burned) == (2 * top, top - reward)
    rich.send(carol, "withdraw")
    assert rich.balanced()
    assert rich.game.totals().locked == 0
