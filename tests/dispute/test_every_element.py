"""Elements and padding of a tiny graph with a node of each operator, before the deployed judge.

What is changed is found, and nothing else is: by the challenger's search and by openings of the
committed values, for what follows the change and for what contradicts it. The fast set draws from
the cases in a fixed way; the slow set goes through all of them, on anvil.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from dispute_kit import World
from judge_kit import Committed, Judge, changed, changes_of, claimed, searched
from operator_program import LEAF_LOG2, NAMES, PARTS, operator_inputs, operator_program

from verifiable.backends.optimistic.openings import encode_witness
from verifiable.chain.accounts import KeySigner
from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import (
    ElementProof,
    FaultKind,
    Opening,
    PaddingPlace,
    PaddingProof,
)
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.dispute.material import Material
from verifiable.errors import ChainError
from verifiable.program.operators import OPERATORS
from verifiable.statement.hashing import keccak
from verifiable.testing.lying_traces import GivenTrace

ELEMENT, PADDING = FaultKind.ELEMENT, FaultKind.PADDING
NODES = range(len(NAMES))
SEED = 28
LEAF = 1 << LEAF_LOG2


@pytest.fixture(scope="module")
def small() -> Material:
    return Material(operator_program(), leaf_log2=LEAF_LOG2)


@pytest.fixture(scope="module")
def right(small: Material) -> Committed:
    return Committed.honest(small, operator_inputs(SEED))


@pytest.fixture(scope="module")
def judge(world: World) -> Judge:
    return Judge(world.game)


@pytest.fixture(scope="module")
def quick() -> Iterator[Judge]:
    """The same contracts on anvil, for the thousands of slow cases."""
    try:
        path = find_anvil()
    except ChainError:
        if "ANVIL" in os.environ:
            raise
        pytest.skip("anvil is not installed")
    with run_anvil(path) as running, open_chain(running.url) as chain:
        yield Judge(DisputeGame.deploy(chain, KeySigner(DEV_ACCOUNTS[0].private_key)))


def test_each_operator_has_a_node() -> None:
    assert set(NAMES) == set(OPERATORS)
    assert len(NAMES) == len(operator_program().nodes)


# --- elements


def ask(judge: Judge, lie: Committed, node: int, element: int):
    proof = lie.proof(node, element).encode()
    return judge.check(lie.material, lie.input_root, lie.root, ELEMENT, proof)


def one_change(
    judge: Judge, right: Committed, node: int, element: int, value: int, *, propagate: bool
) -> int:
    """All that is asked about one changed element; returns the number of cases."""
    lie = right.with_element(node, element, value, propagate=propagate)
    here = (node, element)
    if propagate:
        assert lie.faults == {here}
        found = searched(right, claimed(lie))
        assert (found.kind, found.node, found.place) == (ELEMENT, node, element)
        assert judge.check(lie.material, lie.input_root, lie.root, ELEMENT, found.proof) == here
        return 1
    assert here in lie.faults
    assert ask(judge, lie, node, element) == here
    return 1 + beside(judge, right, lie, here)


def beside(judge: Judge, right: Committed, lie: Committed, here: tuple[int, int]) -> int:
    """A consumer that contradicts the change is a fault too, one that does not is none."""
    later = sorted(lie.faults - {here})
    if later:
        assert ask(judge, lie, *later[0]) == later[0]
    return bool(later)


def innocent(lie: Committed, rng: np.random.Generator, node: int) -> tuple[int, int]:
    """An element of a trace that is right on the committed operands."""
    while True:
        later = int(rng.integers(node, len(lie.values)))
        place = (later, int(rng.integers(lie.values[later].size)))
        if place not in lie.faults:
            return place


@pytest.mark.parametrize("node", NODES, ids=[f"{i}-{name}" for i, name in enumerate(NAMES)])
def test_a_changed_element_is_a_fault_and_no_other_is(
    judge: Judge, right: Committed, node: int
) -> None:
    """Each kind of change at an element of its own, in turns propagated and alone."""
    rng = np.random.default_rng([SEED, node])
    width = right.material.program.nodes[node].width
    places = [0, right.values[node].size - 1]
    cases = 0
    kinds = list(changes_of(0, width) | changes_of(-1, width))
    if width == 4:  # both kinds of bits of each byte are enough
        kinds = [*kinds[:4], *kinds[4 + node % 2 :: 3]]
    for turn, kind in enumerate(kinds):
        place = places.pop() if places else int(rng.integers(right.values[node].size))
        value = changes_of(int(right.values[node].flat[place]), width).get(kind)
        if value is None:
            continue  # the element is already at this end
        propagate = turn % 2 == 0
        cases += one_change(judge, right, node, place, value, propagate=propagate)
        if turn % 3 == 0:
            lie = right.with_element(node, place, value, propagate=propagate)
            assert ask(judge, lie, *innocent(lie, rng, node)) == "Step_NoFault"
            cases += 1
    assert cases >= 13


@pytest.mark.slow
@pytest.mark.parametrize("node", NODES)
def test_each_change_of_each_element_is_found(quick: Judge, right: Committed, node: int) -> None:
    rng = np.random.default_rng([SEED, node])
    width = right.material.program.nodes[node].width
    for place, value in enumerate(right.values[node].flat):
        for other in changes_of(int(value), width).values():
            for propagate in (True, False):
                one_change(quick, right, node, place, other, propagate=propagate)
            lie = right.with_element(node, place, other, propagate=False)
            assert ask(quick, lie, *innocent(lie, rng, node)) == "Step_NoFault"


@pytest.mark.parametrize("node", NODES)
def test_elements_of_the_right_trace_are_no_faults(
    judge: Judge, right: Committed, node: int
) -> None:
    size = right.values[node].size
    for place in {0, size - 1, size // 2}:
        assert ask(judge, right, node, place) == "Step_NoFault"


@pytest.mark.slow
def test_no_element_of_the_right_trace_is_a_fault(quick: Judge, right: Committed) -> None:
    for node in NODES:
        for place in range(right.values[node].size):
            assert ask(quick, right, node, place) == "Step_NoFault"


def foreign_witnesses(right: Committed, node: int, element: int) -> Iterator[tuple[str, bytes]]:
    """Honest openings of other elements, and of other tensors in the place of the operands."""
    proof = right.proof(node, element)
    size = right.values[node].size
    for other in {0, size // 2, size - 1, (element + 1) % size} - {element}:
        runs = encode_witness(right.opener.runs(node, other))
        yield f"of element {other}", replace(proof, witness=runs).encode()
    for other in range(node):
        root = right.proof(other, 0)
        swapped = Opening(root=root.out_root, branch=root.out_branch)
        for at in range(len(proof.operands)):
            if proof.operands[at] != swapped:
                operands = [*proof.operands[:at], swapped, *proof.operands[at + 1 :]]
                yield (
                    f"operand {at} is tensor {other}",
                    replace(proof, operands=tuple(operands)).encode(),
                )


@pytest.mark.parametrize("node", NODES)
def test_no_other_witness_makes_a_right_element_wrong(
    judge: Judge, right: Committed, node: int
) -> None:
    rng = np.random.default_rng([SEED, node, 3])
    found = list(foreign_witnesses(right, node, right.values[node].size // 3))
    for at in rng.permutation(len(found))[:4]:
        name, proof = found[at]
        verdict = judge.check(right.material, right.input_root, right.root, ELEMENT, proof)
        assert verdict in {"Step_NoFault", "Step_MalformedWitness", "Game_BadOperand"}, name


@pytest.mark.slow
@pytest.mark.parametrize("node", NODES)
def test_no_witness_at_all_makes_a_right_element_wrong(
    quick: Judge, right: Committed, node: int
) -> None:
    runs = [encode_witness(right.opener.runs(node, k)) for k in range(right.values[node].size)]
    for place in range(len(runs)):
        proofs = dict(foreign_witnesses(right, node, place))
        base = right.proof(node, place)
        proofs |= {f"of {k}": replace(base, witness=run).encode() for k, run in enumerate(runs)}
        for name, proof in proofs.items():
            verdict = quick.check(right.material, right.input_root, right.root, ELEMENT, proof)
            assert isinstance(verdict, str), (place, name)


@pytest.mark.parametrize("wrong", PARTS)
def test_a_sum_in_parts_is_wrong_where_it_is_wrong(
    judge: Judge, right: Committed, wrong: int
) -> None:
    """A wrong part that all follows is a fault of the part; a wrong sum is one of the sum."""
    value = int(right.values[wrong].flat[4]) - 1
    lie = right.with_element(wrong, 4, value, propagate=True)
    for part in PARTS:
        expected = (part, 4) if part == wrong else "Step_NoFault"
        assert ask(judge, lie, part, 4) == expected


# --- padding


def tail_of(material: Material, node: int) -> int:
    """Bytes behind the last element."""
    used = material.elements(node) * material.program.nodes[node].width
    return material.leaf_count(node) * LEAF - used


def padded(material: Material, node: int | None) -> Iterator[tuple[int, int]]:
    """Level and index of each subtree without leaves."""
    leaves = material.node_count if node is None else material.leaf_count(node)
    height = material.height(node)
    for level in range(height):
        for index in range(1 << (height - level)):
            if index << level >= leaves:
                yield level, index


def wrong_tail_is_found(judge: Judge, right: Committed, node: int, at: int, byte: int) -> None:
    """A byte `at` positions from the end of the last leaf."""
    tail = bytearray(tail_of(right.material, node))
    tail[-1 - at] = byte
    lie = claimed(right, tails={node: bytes(tail)})
    found = searched(right, lie)
    last = right.material.leaf_count(node) - 1
    assert (found.kind, found.node, found.place) == (PADDING, node, last)
    verdict = judge.check(right.material, right.input_root, lie.root, PADDING, found.proof)
    assert verdict == (node, last)


def wrong_subtree_is_found(
    judge: Judge, right: Committed, node: int | None, level: int, index: int
) -> None:
    """A leaf below a padded subtree is no filler: each subtree around it is provable."""
    material = right.material
    lie = claimed(right, padding={node: {index << level: keccak(b"no filler")}})
    proof = subtree_proof(material, lie, node, level, index)
    verdict = judge.check(material, right.input_root, lie.root, PADDING, proof.encode())
    assert verdict == (node or 0, index)
    found = searched(right, lie)
    verdict = judge.check(material, right.input_root, lie.root, PADDING, found.proof)
    assert verdict == (node or 0, found.place)


def subtree_proof(
    material: Material, lie: GivenTrace, node: int | None, level: int, index: int
) -> PaddingProof:
    tree = lie.tree(node)
    common = PaddingProof(
        place=PaddingPlace.TRACE if node is None else PaddingPlace.TENSOR,
        node=node or 0,
        level=level,
        index=index,
        hash=tree.at(level, index),
        siblings=tree.path(level, index, tree.height),
    )
    if node is None:
        return common
    return replace(
        common,
        desc=material.descriptors[node],
        desc_branch=material.graph.branch(node),
        out_root=lie.roots[node],
        out_branch=lie.tree(None).branch(node),
    )


def all_tails(material: Material) -> list[tuple[int, int]]:
    return [(node, at) for node in NODES for at in range(tail_of(material, node))]


def all_subtrees(material: Material) -> list[tuple[int | None, int, int]]:
    return [(node, *place) for node in (None, *NODES) for place in padded(material, node)]


def test_a_sample_of_wrong_tail_bytes_is_found(judge: Judge, right: Committed) -> None:
    rng = np.random.default_rng([SEED, 1])
    found = all_tails(right.material)
    assert {node for node, _ in found} == set(NODES)
    for node in NODES:
        size = tail_of(right.material, node)
        for at in {0, size - 1, int(rng.integers(size))}:
            wrong_tail_is_found(judge, right, node, at, 1 << int(rng.integers(8)))


def test_a_sample_of_wrong_padding_is_found(judge: Judge, right: Committed) -> None:
    found = all_subtrees(right.material)
    assert len([place for place in found if place[0] is None]) == 4
    for place in found[:: max(1, len(found) // 14)]:
        wrong_subtree_is_found(judge, right, *place)


@pytest.mark.slow
def test_each_wrong_byte_and_leaf_of_padding_is_found(quick: Judge, right: Committed) -> None:
    for (node, at), bit in product(all_tails(right.material), range(8)):
        wrong_tail_is_found(quick, right, node, at, 1 << bit)
    for place in all_subtrees(right.material):
        wrong_subtree_is_found(quick, right, *place)


def test_right_padding_is_no_fault(judge: Judge, right: Committed) -> None:
    material, held = right.material, claimed(right)
    for node, level, index in all_subtrees(material)[::2]:
        proof = subtree_proof(material, held, node, level, index)
        verdict = judge.check(material, right.input_root, held.root, PADDING, proof.encode())
        assert verdict == "Game_NotPaddingFault"
    for node in NODES:
        last = material.leaf_count(node) - 1
        proof = replace(
            subtree_proof(material, held, node, 0, last),
            place=PaddingPlace.TAIL,
            leaf=held.leaves(node)[-LEAF:],
        )
        verdict = judge.check(material, right.input_root, held.root, PADDING, proof.encode())
        assert verdict == "Game_NotPaddingFault"


def test_elements_are_no_padding(judge: Judge, right: Committed) -> None:
    """Subtrees that hold a leaf cannot pass for padding, wrong as the leaf may be."""
    material = right.material
    lie = claimed(right.with_element(7, 263, 99, propagate=True))
    for node, level, index in ((None, 2, 2), (None, 0, 12), (7, 0, 8), (7, 3, 1), (7, 4, 0)):
        proof = subtree_proof(material, lie, node, level, index)
        verdict = judge.check(material, right.input_root, lie.root, PADDING, proof.encode())
        assert verdict == "Game_NotPaddingFault"


# --- changed proofs


def flipped(data: bytes, bit: int) -> bytes:
    changed_data = bytearray(data)
    changed_data[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed_data)


def broken(branch: Sequence[bytes], bit: int) -> tuple[bytes, ...]:
    if not branch:
        return (bytes(32),)
    at = bit % len(branch)
    return (*branch[:at], flipped(branch[at], bit), *branch[at + 1 :])


def mutations(proof: ElementProof, bit: int) -> Iterator[tuple[str, bytes]]:
    """Each member of a proof, changed in each way that its type allows."""
    for name in ("node", "elem"):
        for by in (1, 1 << 20):
            yield name, changed(proof, **{name: getattr(proof, name) + by})
    yield "node", changed(proof, node=max(proof.node - 1, 0) if proof.node else 7)
    for name in ("desc", "leaf", "witness", "out_root"):
        yield name, changed(proof, **{name: flipped(getattr(proof, name), bit)})
    for name in ("desc", "leaf", "witness"):
        yield name, changed(proof, **{name: getattr(proof, name)[:-32]})
        yield name, changed(proof, **{name: getattr(proof, name) + bytes(32)})
    for name in ("desc_branch", "out_branch", "leaf_branch"):
        branch = getattr(proof, name)
        yield name, changed(proof, **{name: broken(branch, bit)})
        yield name, changed(proof, **{name: branch[:-1] or (bytes(32),)})
        yield name, changed(proof, **{name: (*branch, bytes(32))})
    yield "operands", changed(proof, operands=proof.operands[:-1])
    yield "operands", changed(proof, operands=(*proof.operands, proof.operands[-1]))
    for at, operand in enumerate(proof.operands):
        for other in (
            replace(operand, root=flipped(operand.root, bit)),
            replace(operand, branch=broken(operand.branch, bit)),
        ):
            operands = (*proof.operands[:at], other, *proof.operands[at + 1 :])
            yield f"operand {at}", changed(proof, operands=operands)


@pytest.mark.parametrize("node", [2, 3, 9, 10])
def test_no_changed_member_of_a_proof_passes(judge: Judge, right: Committed, node: int) -> None:
    element = right.values[node].size - 2
    value = int(right.values[node].flat[element])
    lie = right.with_element(node, element, changes_of(value, 1)["bit 0"], propagate=True)
    proof = lie.proof(node, element)
    assert ask(judge, lie, node, element) == (node, element)
    seen = set()
    for name, other in mutations(proof, 37 * (node + 1)):
        seen.add(name)
        verdict = judge.check(lie.material, lie.input_root, lie.root, ELEMENT, other)
        assert isinstance(verdict, str), name
    members = {"node", "desc", "desc_branch", "out_root", "out_branch", "elem", "leaf",
               "leaf_branch", "operands", "witness", "operand 0"}  # fmt: skip
    assert members <= seen


@pytest.mark.slow
@pytest.mark.parametrize("node", NODES)
def test_no_changed_bit_of_a_proof_passes(quick: Judge, right: Committed, node: int) -> None:
    """Bits of the encoding between members may be free; then the fault is the same one."""
    element = right.values[node].size - 2
    value = int(right.values[node].flat[element])
    lie = right.with_element(node, element, changes_of(value, 1)["bit 0"], propagate=True)
    proof = lie.proof(node, element)
    for bit in range(0, 8 * len(proof.witness), 101):
        for _, other in mutations(proof, bit):
            verdict = quick.check(lie.material, lie.input_root, lie.root, ELEMENT, other)
            assert isinstance(verdict, str)
    encoded = proof.encode()
    for bit in range(0, 8 * len(encoded), 7):
        verdict = quick.check(
            lie.material, lie.input_root, lie.root, ELEMENT, flipped(encoded, bit)
        )
        assert isinstance(verdict, str) or verdict == (node, element)
        verdict = quick.check(
            lie.material, right.input_root, right.root, ELEMENT, flipped(encoded, bit)
        )
        assert isinstance(verdict, str)
