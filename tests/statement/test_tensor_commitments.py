"""Trees and tensors: every opening opens, no other does, and edges of packing hold."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statement_samples import (
    array,
    dense_program,
    every_operator_program,
    pair_program,
    reference,
    requant,
)

from verifiable.errors import InvalidInput, MalformedModel
from verifiable.program import operators as ops
from verifiable.program.program import Constant, Input, Node, Output, Program, Source
from verifiable.statement.commitment import commit_program, inputs_root
from verifiable.statement.hashing import (
    EMPTY_LEAF,
    Domain,
    TensorRoot,
    domain_hash,
    keccak,
    merkle_branch,
    merkle_root,
    root_from_branch,
    tree_height,
)
from verifiable.statement.node_desc import flat_attributes
from verifiable.statement.statement import Statement
from verifiable.statement.tensors import (
    leaf_count,
    pack,
    salted_root,
    tensor_branch,
    tensor_height,
    tensor_root,
    unpack,
)

EDGES = {
    width: sorted({0, 1, -1, 2 ** (8 * width - 1) - 1, -(2 ** (8 * width - 1))})
    for width in (1, 2, 4, 8)
}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([1, 2, 4, 8]), st.data())
def test_pack_and_unpack_are_inverse(width: int, data: st.DataObject) -> None:
    bound = 2 ** (8 * width - 1)
    numbers = st.sampled_from(EDGES[width]) | st.integers(-bound, bound - 1)
    values = array(data.draw(st.lists(numbers, min_size=1, max_size=70)))
    packed = pack(values, width)
    assert len(packed) == width * values.size
    assert (unpack(packed, width, values.shape) == values).all()


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_value_beyond_the_width_is_refused(width: int) -> None:
    bound = 2 ** (8 * width - 1)
    for value in (bound, -bound - 1):
        with pytest.raises(InvalidInput) as caught:
            pack(array([0, value]), width)
        assert caught.value.code == "value-out-of-width"


def test_packing_follows_the_rows_whatever_the_memory_order() -> None:
    values = array(np.arange(6).reshape(2, 3))
    turned = np.asfortranarray(values)
    assert pack(turned, 2) == pack(values, 2)
    assert pack(values.T, 2) != pack(values, 2)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.data())
def test_a_branch_opens_its_leaf_and_no_other(count: int, data: st.DataObject) -> None:
    leaves = [keccak(bytes((index,))) for index in range(count)]
    root = merkle_root(leaves, EMPTY_LEAF)
    index = data.draw(st.integers(0, count - 1))
    branch = merkle_branch(leaves, index, EMPTY_LEAF)
    assert len(branch) == tree_height(count)
    assert root_from_branch(leaves[index], index, branch, count=count) == root
    other = (
        data.draw(st.integers(0, count - 1).filter(lambda item: item != index)) if count > 1 else 0
    )
    if count > 1:
        assert root_from_branch(leaves[index], other, branch, count=count) != root
    assert root_from_branch(keccak(b"lie"), index, branch, count=count) != root


def test_a_branch_of_another_length_or_beyond_the_tree_leads_nowhere() -> None:
    leaves = [keccak(bytes((index,))) for index in range(5)]
    branch = merkle_branch(leaves, 4, EMPTY_LEAF)
    assert root_from_branch(leaves[4], 4, branch, count=5) == merkle_root(leaves, EMPTY_LEAF)
    assert root_from_branch(leaves[4], 4, branch[:-1], count=5) is None
    assert root_from_branch(leaves[4], 4, (*branch, EMPTY_LEAF), count=5) is None
    assert root_from_branch(EMPTY_LEAF, 5, branch, count=5) is None
    assert root_from_branch(leaves[0], -1, branch, count=5) is None


def test_an_inner_node_cannot_be_opened_as_a_leaf() -> None:
    """The classic second preimage: an inner node one level up, with a branch one shorter."""
    leaves = [keccak(bytes((index,))) for index in range(4)]
    root = merkle_root(leaves, EMPTY_LEAF)
    inner = domain_hash(Domain.INNER_NODE, leaves[0], leaves[1])
    shorter = merkle_branch(leaves, 0, EMPTY_LEAF)[1:]
    assert root_from_branch(inner, 0, shorter, count=2) == root
    assert root_from_branch(inner, 0, shorter, count=4) is None


def test_leaf_indices_outside_the_tree_are_refused() -> None:
    with pytest.raises(IndexError):
        merkle_branch([EMPTY_LEAF], 1, EMPTY_LEAF)
    with pytest.raises(IndexError):
        tensor_branch(array([1]), 1, 1)


@pytest.mark.parametrize(
    ("elements", "width", "leaves", "height"),
    [(1, 1, 1, 0), (32, 1, 1, 0), (33, 1, 2, 1), (16, 2, 1, 0), (65, 1, 3, 2), (20, 8, 5, 3)],
)
def test_heights_follow_from_the_shape(elements: int, width: int, leaves: int, height: int) -> None:
    assert leaf_count(elements, width, 5) == leaves
    assert tensor_height(elements, width, 5) == height


def test_trailing_zeros_do_not_extend_a_tensor_unnoticed() -> None:
    """Inside one leaf a longer tensor has the same bytes: its length is bound by the schema."""
    short, long = array([1, 2]), array([1, 2, 0])
    assert tensor_root(short, 1) == tensor_root(long, 1)
    one = commit_program(dense_program()).schema.inputs[0]
    assert one.shape == (1, 4)


def test_a_salt_hides_a_root_and_has_one_length() -> None:
    root = TensorRoot(keccak(b"root"))
    assert salted_root(bytes(32), root) != root
    assert salted_root(bytes(32), root) != salted_root(b"\x01" * 32, root)
    with pytest.raises(InvalidInput):
        salted_root(b"", root)


def test_statements_refuse_digests_of_another_length() -> None:
    root = TensorRoot(bytes(32))
    with pytest.raises(InvalidInput) as caught:
        Statement(program_root=root, input_root=root, output_root=root, context=b"short")
    assert caught.value.code == "bad-digest"


def _changed_programs() -> dict[str, Program]:
    """The dense program with one thing changed each."""
    base = dense_program()
    node = base.nodes[0]
    constants = list(base.weights)

    def with_node(**changes: object) -> Program:
        return replace(base, nodes=(replace(node, **changes),))

    def with_op(**changes: int) -> Program:
        return with_node(op=ops.MatMul(requant=replace(node.op.requantisation, **changes)))

    def with_weight(index: int, values: object) -> Program:
        changed = [*constants]
        changed[index] = Constant.of("changed", values)
        return replace(base, weights=tuple(changed))

    flipped = constants[0].values.copy()
    flipped[2, 3] ^= 1
    x, w, b, m = node.operands
    return {
        "weight": with_weight(0, flipped),
        "bias": with_weight(1, constants[1].values + array([0, 0, 1])),
        "multiplier": with_weight(2, [4]),
        "width of a weight": replace(
            base, weights=(replace(constants[0], width=2), *constants[1:])
        ),
        "shift": with_op(shift=9),
        "zero point": with_op(zero_point=3),
        "lo": with_op(lo=-49),
        "hi": with_op(hi=49),
        "operands": with_node(operands=(x, w, m, b)),
        "operand shape": with_node(operands=(replace(x, shape=(4, 1)), w, b, m)),
        "node width": with_node(width=2),
        "node shape": with_node(shape=(3, 1)),
        "operator": with_node(op=ops.Affine(requant=node.op.requantisation)),
        "table": replace(base, tables=(Constant.of("t", [[1, 2]]),)),
        "second node": replace(
            base,
            nodes=(
                node,
                Node(
                    op=ops.Transpose(perm=(1, 0)),
                    operands=(reference(Source.TRACE, 0, 1, 3),),
                    shape=(3, 1),
                    width=1,
                ),
            ),
        ),
        "input name": replace(base, inputs=(replace(base.inputs[0], name="z"),)),
        "input shape": replace(base, inputs=(replace(base.inputs[0], shape=(4, 1)),)),
        "input lo": replace(base, inputs=(replace(base.inputs[0], lo=-99),)),
        "input hi": replace(base, inputs=(replace(base.inputs[0], hi=99),)),
        "input scale": replace(base, inputs=(replace(base.inputs[0], scale=0.1 + 2**-56),)),
        "input zero point": replace(base, inputs=(replace(base.inputs[0], zero_point=-2),)),
        "output name": replace(base, outputs=(replace(base.outputs[0], name="z"),)),
        "output shape": replace(base, outputs=(replace(base.outputs[0], shape=(1, 3)),)),
        "output scale": replace(base, outputs=(replace(base.outputs[0], scale=0.125),)),
        "output zero point": replace(base, outputs=(replace(base.outputs[0], zero_point=0),)),
        "output twice": replace(
            base, outputs=(base.outputs[0], replace(base.outputs[0], name="again"))
        ),
    }


def test_the_program_root_covers_everything_that_changes_the_meaning() -> None:
    roots = {"unchanged": commit_program(dense_program()).program_root}
    for name, program in _changed_programs().items():
        roots[name] = commit_program(program).program_root
    roots["leaf size"] = commit_program(dense_program(), leaf_log2=8).program_root
    assert len(set(roots.values())) == len(roots)


def test_the_program_root_ignores_what_does_not() -> None:
    base = dense_program()
    renamed = replace(
        base,
        nodes=(replace(base.nodes[0], name="renamed"),),
        weights=tuple(replace(item, name="renamed") for item in base.weights),
        metadata={"note": "other"},
    )
    assert commit_program(renamed).program_root == commit_program(base).program_root


@pytest.mark.parametrize(
    "name", ["", "x" * 257, "\ud800", "twice", "y\nPROVEN", "y\x1b[2J", "\u202ey"]
)
def test_names_that_would_mislead_are_refused(name: str) -> None:
    base = pair_program()
    first = replace(base.outputs[0], name=name)
    second = replace(base.outputs[1], name="twice")
    with pytest.raises(MalformedModel):
        commit_program(replace(base, outputs=(first, second)))


def test_an_attribute_beyond_int64_is_refused() -> None:
    with pytest.raises(MalformedModel):
        flat_attributes(ops.Pad(before=(0,), after=(0,), value=2**63))


def test_a_constant_beyond_its_width_is_refused() -> None:
    base = dense_program()
    wrong = replace(base.weights[1], width=1)
    with pytest.raises(MalformedModel):
        commit_program(replace(base, weights=(base.weights[0], wrong, base.weights[2])))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"z": [[1, 2, 3, 4]]}, "wrong-names"),
        ([], "wrong-count"),
        ([[1, 2, 3, 4]], "wrong-shape"),
    ],
)
def test_roots_are_taken_of_values_that_fit_only(values: object, code: str) -> None:
    schema = commit_program(dense_program()).schema
    given: object = [array(item) for item in values] if isinstance(values, list) else values
    if isinstance(values, dict):
        given = {name: array(item) for name, item in values.items()}
    with pytest.raises(InvalidInput) as caught:
        inputs_root(schema, given)
    assert caught.value.code == code


def test_a_root_by_name_is_the_root_by_order() -> None:
    schema = commit_program(pair_program()).schema
    a, b = array([[1, 2, 3], [4, 5, 6]]), array([[7, 8, 9], [10, 11, 12]])
    assert inputs_root(schema, {"b": b, "a": a}) == inputs_root(schema, [a, b])
    assert inputs_root(schema, {"b": a, "a": b}) != inputs_root(schema, [a, b])


def test_every_operator_has_a_descriptor() -> None:
    program = every_operator_program()
    assert {node.op.name for node in program.nodes} == set(ops.OPERATORS)
    assert commit_program(program).schema.node_count == len(program.nodes)


def test_a_million_parameters_commit_in_half_a_second() -> None:
    rng = np.random.default_rng(0)
    weight = Constant.of("weight", rng.integers(-128, 128, (1024, 1024)))
    program = Program(
        inputs=(Input(name="x", shape=(1, 1024), lo=-128, hi=127, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=0, shape=(1, 1024), scale=1.0, zero_point=0),),
        nodes=(
            Node(
                op=ops.MatMul(requant=requant()),
                operands=(
                    reference(Source.INPUT, 0, 1, 1024),
                    reference(Source.WEIGHT, 0, 1024, 1024),
                    reference(Source.WEIGHT, 1, 1024),
                    reference(Source.WEIGHT, 2, 1),
                ),
                shape=(1, 1024),
                width=1,
            ),
        ),
        weights=(weight, Constant.of("bias", np.zeros(1024)), Constant.of("multiplier", [1])),
    )
    start = time.perf_counter()
    commit_program(program)
    assert time.perf_counter() - start < 0.5
