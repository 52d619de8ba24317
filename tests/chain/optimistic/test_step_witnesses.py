"""No witness, however made, lets a contract call an honest element wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from step_cases import GENERATORS, case_of
from step_contracts import StepContracts, Unsupported, WitnessRefused

from verifiable.backends.optimistic.openings import (
    NodeOpening,
    Run,
    StepOpener,
    encode_witness,
    open_run,
)
from verifiable.program.execute import Trace

LEAF_LOG2 = 5
HUGE = (1 << 255, (1 << 256) - 1, 1 << 64, (1 << 32) - 1, (1 << 256) - 31)


def forged(opener: StepOpener, opening: NodeOpening) -> Iterator[tuple[str, bytes]]:
    """Other witnesses for the same element, each under the name of what is wrong with it."""
    runs = [list(item) for item in opening.runs]
    good = opening.witness

    def with_runs(operand: int, changed: list[Run]) -> bytes:
        return encode_witness([changed if i == operand else item for i, item in enumerate(runs)])

    operands = opener.program.nodes[opening.node].operands
    trees = [opener.tree(item.source, item.index) for item in operands]
    for i, (tree, own) in enumerate(zip(trees, runs, strict=True)):
        for j, run in enumerate(own):
            name = f"operand {i} run {j}"
            rest_before, rest_after = own[:j], own[j + 1 :]

            def replaced(
                *new: Run,
                i: int = i,
                before: list[Run] = rest_before,
                after: list[Run] = rest_after,
            ) -> bytes:
                return with_runs(i, [*before, *new, *after])

            yield f"{name} missing", replaced()
            yield f"{name} twice", replaced(run, run)
            count = len(run.data) >> LEAF_LOG2
            for leaf in range(tree.leaves):
                if leaf != run.first_leaf:
                    if leaf + count <= tree.leaves:
                        other = open_run(tree, leaf, count)
                        yield f"{name} is leaf {leaf}", replaced(other)
                        yield (
                            f"{name} is leaf {leaf} by another's number",
                            replaced(replace(other, first_leaf=run.first_leaf)),
                        )
                    yield f"{name} moved", replaced(replace(run, first_leaf=leaf))
            for k, foreign in enumerate(trees):
                if foreign.root != tree.root:
                    yield f"{name} from operand {k}", replaced(open_run(foreign, 0, 1))
            for outside in (tree.leaves, tree.leaves + 1, 1 << 26, (1 << 32) - 1):
                yield f"{name} outside", replaced(replace(run, first_leaf=outside))
            yield f"{name} long branch", replaced(replace(run, siblings=(*run.siblings, bytes(32))))
            if run.siblings:
                yield f"{name} short branch", replaced(replace(run, siblings=run.siblings[:-1]))
                yield f"{name} shifted branch", replaced(replace(run, siblings=run.siblings[1:]))
            yield f"{name} half a leaf more", replaced(replace(run, data=run.data + bytes(16)))
            yield f"{name} a leaf more", replaced(replace(run, data=run.data + bytes(32)))
            yield f"{name} without data", replaced(replace(run, data=b""))
            flipped = bytes((run.data[0] ^ 1,)) + run.data[1:]
            yield f"{name} other data", replaced(replace(run, data=flipped))
            # An inner node as a leaf: its preimage has another domain and length.
            yield f"{name} inner node", replaced(replace(run, data=(*run.siblings, bytes(32))[0]))
    if len(runs) > 1:
        yield "operands swapped", encode_witness(runs[::-1])
        yield "operand left out", encode_witness(runs[:-1])
    yield "operand more", encode_witness([*runs, []])
    yield "empty", b""
    yield "trailing word", good + bytes(32)
    yield "trailing byte", good + b"\x00"
    for cut in (1, 32, len(good) // 2):
        yield f"cut by {cut}", good[:-cut]
    for at in range(0, len(good), 32):
        word = int.from_bytes(good[at : at + 32])
        for value in (*HUGE, word + 32, word + 1, max(word - 32, 0), word ^ (1 << 128)):
            changed = (value % (1 << 256)).to_bytes(32)
            if changed != good[at : at + 32]:
                yield f"word {at // 32} is {value:#x}", good[:at] + changed + good[at + 32 :]
        yield f"word before {at // 32}", good[:at] + bytes(32) + good[at:]
        yield f"word {at // 32} left out", good[:at] + good[at + 32 :]


def verdict(steps: StepContracts, opening: NodeOpening, roots, witness: bytes) -> str:
    try:
        answer = steps.is_fault(
            opening.desc, LEAF_LOG2, opening.element, opening.claimed, roots, witness
        )
    except WitnessRefused:
        return "refused"
    return "fault" if answer.fault else "right"


def small_case(name: str, seed: int) -> Trace:
    """A case whose operands have at most a few leaves, and more than one if possible."""
    rng = np.random.default_rng([seed, *name.encode()])
    for _ in range(200):
        trace = case_of(name, rng)
        opener = StepOpener(trace, leaf_log2=LEAF_LOG2)
        node = trace.program.nodes[-1]
        leaves = [opener.tree(o.source, o.index).leaves for o in node.operands]
        if max(leaves) <= 4 and sum(leaves) > len(leaves) and trace.values[-1].size <= 60:
            return trace
    raise AssertionError(f"no small case of {name}")


def attack(steps: StepContracts, trace: Trace, element: int, stride: int) -> dict[str, int]:
    opener = StepOpener(trace, leaf_log2=LEAF_LOG2)
    opening = opener.open(len(trace.program.nodes) - 1, element)
    assert verdict(steps, opening, opening.operand_roots, opening.witness) == "right"
    counts = {"refused": 0, "right": 0}
    for index, (name, witness) in enumerate(forged(opener, opening)):
        if index % stride == element % stride and witness != opening.witness:
            found = verdict(steps, opening, opening.operand_roots, witness)
            assert found != "fault", (trace.program, element, name)
            counts[found] += 1
    return counts


@pytest.mark.parametrize("name", GENERATORS)
def test_no_witness_makes_an_honest_element_wrong(steps: StepContracts, name: str) -> None:
    trace = small_case(name, 1)
    element = trace.values[-1].size // 2
    opener = StepOpener(trace, leaf_log2=LEAF_LOG2)
    total = sum(1 for _ in forged(opener, opener.open(len(trace.program.nodes) - 1, element)))
    counts = attack(steps, trace, element, stride=max(1, total // 15))
    assert counts["refused"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_no_witness_makes_any_element_of_a_small_node_wrong(fast: StepContracts, name: str) -> None:
    for seed in range(2, 5):
        trace = small_case(name, seed)
        for element in range(min(trace.values[-1].size, 12)):
            attack(fast, trace, element, stride=1)


@pytest.fixture(scope="module")
def linear() -> tuple[StepOpener, NodeOpening]:
    """An element of a MatMul whose x has several leaves."""
    rng = np.random.default_rng(7)
    while True:
        trace = case_of("MatMul", rng)
        opener = StepOpener(trace, leaf_log2=LEAF_LOG2)
        opening = opener.open(len(trace.program.nodes) - 1, trace.values[-1].size - 1)
        if len(opening.runs[0][0].siblings) > 1 and opening.runs[0][0].first_leaf > 1:
            return opener, opening


def refusal(steps: StepContracts, opening: NodeOpening, witness: bytes, roots=None) -> str:
    with pytest.raises(WitnessRefused) as caught:
        steps.is_fault(
            opening.desc,
            LEAF_LOG2,
            opening.element,
            opening.claimed,
            opening.operand_roots if roots is None else roots,
            witness,
        )
    return str(caught.value)


def test_each_defect_has_its_name(
    steps: StepContracts, linear: tuple[StepOpener, NodeOpening]
) -> None:
    _, opening = linear
    runs = [list(item) for item in opening.runs]
    run = runs[0][0]

    def of(*changed: Run) -> bytes:
        return encode_witness([list(changed), *runs[1:]])

    def defect(witness: bytes, operand: int = 0) -> str:
        data = refusal(steps, opening, witness)
        assert data[8:72] == f"{operand:064x}"
        return ("Encoding", "LeafSize", "Order", "Outside", "Root", "Missing")[int(data[72:], 16)]

    assert defect(of()) == "Missing"
    assert defect(of(run, run)) == "Order"
    assert defect(of(replace(run, first_leaf=1 << 30))) == "Outside"
    assert defect(of(replace(run, first_leaf=run.first_leaf - 2))) in ("Root", "Missing")
    assert defect(of(replace(run, data=run.data + b"\x00" * 32))) in ("Root", "Outside")
    assert defect(of(replace(run, data=run.data[:-1]))) == "LeafSize"
    assert defect(of(replace(run, data=run.data[::-1]))) == "Root"
    assert defect(opening.witness + bytes(32), operand=4) == "Encoding"
    assert defect(b"", operand=4) == "Encoding"


def test_no_word_can_change(steps: StepContracts, linear: tuple[StepOpener, NodeOpening]) -> None:
    """Offsets, lengths, positions, data and siblings alike: a witness has one encoding."""
    _, opening = linear
    good = opening.witness
    for at in range(0, len(good), 32):
        changed = good[: at + 31] + bytes((good[at + 31] ^ 32,)) + good[at + 32 :]
        refusal(steps, opening, changed)


def test_a_branch_has_the_implied_length(
    steps: StepContracts, linear: tuple[StepOpener, NodeOpening]
) -> None:
    _, opening = linear
    runs = [list(item) for item in opening.runs]
    run = runs[0][0]
    for siblings in (run.siblings[:-1], (*run.siblings, bytes(32)), ()):
        witness = encode_witness([[replace(run, siblings=siblings)], *runs[1:]])
        data = refusal(steps, opening, witness)
        assert int(data[8:72], 16) == len(siblings)


def test_roots_of_other_operands_are_refused(
    steps: StepContracts, linear: tuple[StepOpener, NodeOpening]
) -> None:
    _, opening = linear
    roots = opening.operand_roots
    refusal(steps, opening, opening.witness, roots[::-1])
    refusal(steps, opening, opening.witness, roots[:-1])
    refusal(steps, opening, opening.witness, (*roots, roots[0]))
    for index in range(len(roots)):
        changed = list(roots)
        changed[index] = bytes((changed[index][0] ^ 1,)) + changed[index][1:]
        refusal(steps, opening, opening.witness, changed)


def test_elements_beyond_the_result_are_refused(
    steps: StepContracts, linear: tuple[StepOpener, NodeOpening]
) -> None:
    opener, opening = linear
    size = opener.trace.values[-1].size
    for element in (size, size + 1, 1 << 31, (1 << 256) - 1):
        with pytest.raises(WitnessRefused) as caught:
            steps.is_fault(
                opening.desc, LEAF_LOG2, element, 0, opening.operand_roots, opening.witness
            )
        assert str(caught.value)[8:] == f"{element:064x}{size:064x}"


@pytest.mark.parametrize("leaf_log2", [0, 3, 4, 6, 9, 11, 255])
def test_other_leaf_sizes_are_refused(
    steps: StepContracts, linear: tuple[StepOpener, NodeOpening], leaf_log2: int
) -> None:
    _, opening = linear
    with pytest.raises(Unsupported, match="LeafSize"):
        steps.is_fault(
            opening.desc, leaf_log2, opening.element, 0, opening.operand_roots, opening.witness
        )
