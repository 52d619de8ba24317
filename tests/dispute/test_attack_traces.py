"""Wrong traces: rows A of the attack matrix, on the deployed contracts, with honest controls.

A row ends in the named error of a check, or in who has which coins.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from attack_kit import SALT, Table
from attack_rows import (
    EDGES,
    ELEMENT,
    PADDING,
    PENDING,
    edge_program,
    lying,
    rejected_by,
    verdict_on,
)
from dispute_kit import tiny_inputs
from judge_kit import Committed, Judge, changed, claimed, facts_of
from operator_program import NAMES, operator_inputs, operator_program

from verifiable.chain.accounts import KeySigner
from verifiable.chain.artifact import load_artifact
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_structs import (
    CommitKind,
)
from verifiable.dispute.asserter import statement_of_trace
from verifiable.dispute.claimed_trace import output_openings
from verifiable.dispute.material import Material
from verifiable.dispute.trees import Tree
from verifiable.errors import Reverted
from verifiable.program.execute import execute
from verifiable.program.program import Constant, Program
from verifiable.statement.hashing import EMPTY_LEAF, Domain, domain_hash, keccak
from verifiable.testing.lying_traces import (
    GivenTrace,
    wrong_input,
    wrong_padding,
    wrong_tail,
)


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
