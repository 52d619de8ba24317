"""A node is refused exactly if it could not be judged, and then no step of it is judged either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from descriptor_kit import Descriptor, Reference, changes, descriptor_of, is_valid
from step_cases import GENERATORS, case_of
from step_contracts import StepContracts, Unsupported, WitnessRefused

from verifiable.program import operators as ops
from verifiable.program.compile import compile_model
from verifiable.statement.node_desc import encode_node

MODELS = Path(__file__).parents[3] / "models"


def last_node(name: str, seed: int = 0) -> Descriptor:
    trace = case_of(name, np.random.default_rng([seed, *name.encode()]))
    return descriptor_of(trace.program, len(trace.program.nodes) - 1)


def accepted(steps: StepContracts, desc: bytes, leaf_log2: int = 5) -> bool:
    try:
        steps.check_node(desc, leaf_log2)
    except (Unsupported, WitnessRefused):
        return False
    return True


def compare(steps: StepContracts, name: str, seed: int, stride: int) -> tuple[int, int]:
    desc = last_node(name, seed)
    assert is_valid(desc)
    good = bad = 0
    for index, changed in enumerate(changes(desc)):
        if index % stride == seed % stride:
            expected = is_valid(changed)
            assert accepted(steps, changed.encoded()) == expected, changed
            good, bad = good + expected, bad + (not expected)
    return good, bad


@pytest.mark.parametrize("name", GENERATORS)
def test_refuses_exactly_what_is_no_valid_node(steps: StepContracts, name: str) -> None:
    total = sum(1 for _ in changes(last_node(name)))
    _, bad = compare(steps, name, 0, stride=max(1, total // 25))
    assert bad > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_refuses_exactly_what_is_no_valid_node_everywhere(fast: StepContracts, name: str) -> None:
    sums = np.sum([compare(fast, name, seed, stride=1) for seed in range(1, 6)], axis=0)
    assert min(sums) > 20


@pytest.mark.parametrize("model", ["digits_mlp", "digits_cnn", "lenet", "mlp_1m"])
def test_accepts_all_nodes_of_the_sample_models(steps: StepContracts, model: str) -> None:
    rows = MODELS / f"{model.removesuffix('_cnn').removesuffix('_mlp')}_calibration.npz"
    with np.load(rows) as archive:
        calibration = {name: archive[name] for name in archive.files}
    program = compile_model(MODELS / f"{model}.onnx", calibration=calibration).program
    for index in range(len(program.nodes)):
        steps.check_node(encode_node(program, index), 10)


REFUSALS = {
    "Opcode": lambda d: replace(d, opcode=12),
    "OperandCount": lambda d: replace(d, operands=d.operands[:3]),
    "OperandKind": lambda d: replace(d, operands=d.operands[:1] * 4),
    "Reference": lambda d: replace(d, operands=(Reference(0, 9, 1, (2,)), *d.operands[1:])),
    "Width": lambda d: replace(d, width=3),
    "Size": lambda d: replace(d, shape=(0,)),
    "Shape": lambda d: replace(d, shape=(2,)),
    "AttributeCount": lambda d: replace(d, attributes=d.attributes[1:]),
    "Attribute": lambda d: replace(d, attributes=(41, *d.attributes[1:])),
}


def dense(inner: int, *, width: int = 1) -> Descriptor:
    return Descriptor(
        node_id=1,
        opcode=ops.MatMul.opcode,
        operands=(
            Reference(0, 0, width, (inner,)),
            Reference(1, 0, width, (3, inner)),
            Reference(1, 1, 4, (3,)),
            Reference(1, 2, 4, ()),
        ),
        shape=(3,),
        width=1,
        attributes=(0, 0, -128, 127),
    )


@pytest.mark.parametrize("reason", REFUSALS)
def test_says_why(steps: StepContracts, reason: str) -> None:
    desc = dense(2)
    steps.check_node(desc.encoded(), 5)
    with pytest.raises(Unsupported, match=f"^{reason}$"):
        steps.check_node(REFUSALS[reason](desc).encoded(), 5)
    with pytest.raises(Unsupported, match=f"^{reason}$"):
        steps.is_fault(REFUSALS[reason](desc).encoded(), 5, 0, 1, [bytes(32)] * 4, b"")


def test_a_descriptor_has_one_encoding(steps: StepContracts) -> None:
    good = dense(2).encoded()
    assert accepted(steps, good)
    padded = good + bytes(32)  # decodes to the same node
    with pytest.raises(Unsupported, match="Encoding"):
        steps.check_node(padded, 5)
    for desc in (b"", good[:64], good[:-1], good[32:], bytes(32) + good):
        assert not accepted(steps, desc)


def test_a_width_too_many_bits_is_refused(steps: StepContracts) -> None:
    good = dense(2).encoded()
    at = 32 * 2  # the opcode
    assert not accepted(steps, good[:at] + b"\x01" + good[at + 1 :])


def test_a_window_of_padding_is_refused(steps: StepContracts) -> None:
    def pool(pads: tuple[int, int, int, int], dilation: int) -> bytes:
        top, left, bottom, right = pads
        shape = (1, 4 + top + bottom - dilation, 4 + left + right, 1)
        flat = (2, 1, 1, 1, *pads, dilation, 1)
        return Descriptor(1, 7, (Reference(0, 0, 1, (1, 4, 4, 1)),), shape, 1, flat).encoded()

    steps.check_node(pool((1, 0, 1, 0), 1), 5)
    steps.check_node(pool((4, 0, 4, 0), 4), 5)
    for pads, dilation in [((2, 0, 0, 0), 1), ((0, 0, 2, 0), 1), ((0, 1, 0, 0), 1)]:
        with pytest.raises(Unsupported, match="EmptyWindow"):
            steps.check_node(pool(pads, dilation), 5)
    # Taps that lie further apart than x is long can miss it on both sides.
    steps.check_node(pool((5, 0, 0, 0), 5), 5)
    with pytest.raises(Unsupported, match="EmptyWindow"):
        steps.check_node(pool((1, 0, 1, 0), 5), 5)


def test_a_step_that_no_transaction_can_carry_is_refused(steps: StepContracts) -> None:
    steps.check_node(dense(50_000).encoded(), 10)
    for inner, width in [(70_000, 1), (8_000, 8), (1 << 29, 1)]:
        with pytest.raises(Unsupported, match="TooLarge"):
            steps.check_node(dense(inner, width=width).encoded(), 10)
    steps.check_node(dense(6_000, width=8).encoded(), 10)
