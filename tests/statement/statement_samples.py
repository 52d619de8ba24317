"""Small programs, an honest proof, and a toy backend whose evidence anyone can make.

The toy's evidence is the statement digest itself. It binds the statement as every backend must,
and nothing else, so a lie that these tests tell consistently is stopped by the named check or not
at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from verifiable.backends.base import Judgement, Key
from verifiable.errors import MalformedFile, MalformedProof
from verifiable.program import operators as ops
from verifiable.program.program import (
    Constant,
    Input,
    IntArray,
    Node,
    Operand,
    Output,
    Program,
    Source,
)
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import commit_program
from verifiable.statement.hashing import keccak
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import ZERO_CONTEXT, statement_of

TOY_1 = CheckSpec(
    id="TOY-1", name="toy evidence", codes=("toy-evidence-false",), refuses="Another statement."
)
TOY_2 = CheckSpec(id="TOY-2", name="toy key", codes=("toy-key-missing",), refuses="Another key.")


class ToyBackend:
    """Accepts whoever writes down the statement digest."""

    id = "toy"
    version = "1.2.0"  # what its evidence is taken to bind
    checks: tuple[CheckSpec, ...] = (TOY_1, TOY_2)

    def judge(
        self,
        proof: Proof,
        commitment: object,
        inputs: Sequence[IntArray] | None,
        outputs: Sequence[IntArray] | None,
        key: Key | None,
        policy: Policy,
        program: Program | None,
    ) -> Judgement:
        if proof.payload == b"malformed":
            raise MalformedProof("not toy evidence", where="payload", code="toy-malformed")
        digest = proof.statement.digest
        first = TOY_1.ok() if proof.payload == digest else TOY_1.failed(found="another digest")
        second = TOY_2.undecided() if key is None else TOY_2.ok()
        return Judgement(
            checks=(first, second),
            verified_version=self.version,
            establishes=("toy",),
            reveals=("toy reveals",),
        )

    def decode_key(self, fields: Mapping[str, str]) -> Key:
        if set(fields) != {"name"}:
            raise MalformedFile("not a toy key", code="toy-key")
        return Key(backend="toy", digest=keccak(fields["name"].encode()), fields=fields)


TOY_KEY = Key(backend="toy", digest=keccak(b"key"), fields={"name": "key"})
TOY_POLICY = Policy(backends={"toy": "1.0"})


def reference(source: Source, index: int, *shape: int) -> Operand:
    return Operand(source=source, index=index, shape=shape)


def requant(shift: int = 8, zero_point: int = 0, lo: int = -128, hi: int = 127) -> Any:
    return ops.Requantisation(shift=shift, zero_point=zero_point, lo=lo, hi=hi)


def dense_program(*, weight_seed: int = 0, scale: float = 0.1) -> Program:
    """One dense layer, 4 inputs in [-100, 100], 3 outputs in [-50, 50] read as a (3, 1) column."""
    rng = np.random.default_rng(weight_seed)
    return Program(
        inputs=(Input(name="x", shape=(1, 4), lo=-100, hi=100, scale=scale, zero_point=-3),),
        outputs=(Output(name="y", node=0, shape=(3, 1), scale=0.25, zero_point=2),),
        nodes=(
            Node(
                op=ops.MatMul(requant=requant(zero_point=2, lo=-50, hi=50)),
                operands=(
                    reference(Source.INPUT, 0, 1, 4),
                    reference(Source.WEIGHT, 0, 3, 4),
                    reference(Source.WEIGHT, 1, 3),
                    reference(Source.WEIGHT, 2, 1),
                ),
                shape=(1, 3),
                width=1,
                name="dense",
            ),
        ),
        weights=(
            Constant.of("weight", rng.integers(-128, 128, (3, 4))),
            Constant.of("bias", rng.integers(-5000, 5000, 3)),
            Constant.of("multiplier", [3]),
        ),
    )


def pair_program() -> Program:
    """Two inputs, two outputs: the sum of both, and the first one transposed."""
    return Program(
        inputs=(
            Input(name="a", shape=(2, 3), lo=-128, hi=127, scale=0.5, zero_point=0),
            Input(name="b", shape=(2, 3), lo=0, hi=1000, scale=0.125, zero_point=7),
        ),
        outputs=(
            Output(name="sum", node=0, shape=(2, 3), scale=0.5, zero_point=0),
            Output(name="turned", node=1, shape=(3, 2), scale=0.5, zero_point=0),
        ),
        nodes=(
            Node(
                op=ops.Add(
                    a_multiplier=2,
                    b_multiplier=-1,
                    offset=5,
                    requant=requant(shift=0, lo=-2000, hi=2000),
                ),
                operands=(reference(Source.INPUT, 0, 2, 3), reference(Source.INPUT, 1, 2, 3)),
                shape=(2, 3),
                width=2,
            ),
            Node(
                op=ops.Transpose(perm=(1, 0)),
                operands=(reference(Source.INPUT, 0, 2, 3),),
                shape=(3, 2),
                width=1,
            ),
        ),
        weights=(),
    )


def every_operator_program() -> Program:
    """One node per opcode over a (1, 4, 4, 2) input, with odd attributes everywhere."""
    rng = np.random.default_rng(7)
    trace, weight = Source.TRACE, Source.WEIGHT
    window = {"strides": (2, 1), "pads": (1, 0, 1, 2), "dilations": (1, 1)}
    nodes = (
        Node(
            op=ops.Conv(**window, group=2, x_zero_point=-5, requant=requant(11, -7, -128, 100)),
            operands=(
                reference(Source.INPUT, 0, 1, 4, 4, 2),
                reference(weight, 0, 2, 3, 2, 1),
                reference(weight, 1, 2),
                reference(weight, 2, 2),
            ),
            shape=(1, 2, 5, 2),
            width=1,
        ),
        Node(
            op=ops.MaxPool(kernel=(2, 2), strides=(1, 2), pads=(0, 0, 0, 1), dilations=(1, 1)),
            operands=(reference(trace, 0, 1, 2, 5, 2),),
            shape=(1, 1, 3, 2),
            width=1,
        ),
        Node(
            op=ops.SumPool(kernel=(2, 2), **window, x_zero_point=4, requant=requant(20, 1)),
            operands=(reference(trace, 0, 1, 2, 5, 2), reference(weight, 3, 1)),
            shape=(1, 2, 6, 2),
            width=1,
        ),
        Node(
            op=ops.Affine(requant=requant(9, 3, -(2**15), 2**15 - 1)),
            operands=(
                reference(trace, 1, 1, 6),
                reference(weight, 4, 6),
                reference(weight, 5, 1),
                reference(weight, 3, 1),
            ),
            shape=(1, 6),
            width=2,
        ),
        Node(
            op=ops.MatMul(requant=requant(0, 0, -(2**31), 2**31 - 1)),
            operands=(
                reference(trace, 3, 1, 6),
                reference(weight, 6, 5, 6),
                reference(weight, 7, 5),
                reference(weight, 3, 1),
            ),
            shape=(1, 5),
            width=4,
        ),
        Node(
            op=ops.Add(
                a_multiplier=2**30,
                b_multiplier=-3,
                offset=-(2**40),
                requant=requant(40, 0, -(2**62), 2**62),
            ),
            operands=(reference(trace, 4, 5), reference(trace, 4, 5)),
            shape=(5,),
            width=8,
        ),
        Node(
            op=ops.Mul(a_zero_point=1, b_zero_point=-1, requant=requant(3)),
            operands=(
                reference(trace, 1, 6),
                reference(trace, 1, 6),
                reference(weight, 3, 1),
            ),
            shape=(6,),
            width=1,
        ),
        Node(
            op=ops.LookupTable(x_min=-128),
            operands=(reference(trace, 6, 3, 2), reference(Source.TABLE, 0, 2, 256)),
            shape=(3, 2),
            width=2,
        ),
        Node(
            op=ops.Transpose(perm=(2, 0, 1)),
            operands=(reference(trace, 7, 1, 3, 2),),
            shape=(2, 1, 3),
            width=2,
        ),
        Node(
            op=ops.Concat(axis=1),
            operands=(reference(trace, 8, 2, 3), reference(trace, 7, 2, 3)),
            shape=(2, 6),
            width=2,
        ),
        Node(
            op=ops.Pad(before=(0, 1), after=(2, 0), value=-128),
            operands=(reference(trace, 9, 2, 6),),
            shape=(4, 7),
            width=2,
        ),
    )
    return Program(
        inputs=(
            Input(name="image", shape=(1, 4, 4, 2), lo=-128, hi=127, scale=1 / 3, zero_point=-5),
        ),
        outputs=(
            Output(name="padded", node=10, shape=(4, 7), scale=2.0**-20, zero_point=0),
            Output(name="wide", node=5, shape=(1, 5), scale=1e300, zero_point=-(2**40)),
        ),
        nodes=nodes,
        weights=(
            Constant.of("kernel", rng.integers(-128, 128, (2, 3, 2, 1))),
            Constant.of("kernel bias", [2**31 - 1, -(2**31)]),
            Constant.of("multipliers", [2**31 - 1, 1]),
            Constant.of("one", [1]),
            Constant.of("gain", rng.integers(-(2**15), 2**15, 6)),
            Constant.of("offset", [-(2**40)]),
            Constant.of("dense", rng.integers(-128, 128, (5, 6))),
            Constant.of("dense bias", [0, 1, -1, 2**30, -(2**30)]),
        ),
        tables=(Constant.of("table", rng.integers(-(2**15), 2**15, (2, 256))),),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Honest:
    """An honest case: the program, a proof of it, and everything that verifies it."""

    program: Program
    proof: Proof
    lock: Lock
    inputs: dict[str, IntArray]


def array(values: object) -> IntArray:
    return np.array(values, dtype=np.int64)


def make_proof(
    program: Program,
    inputs: Sequence[IntArray],
    outputs: Sequence[IntArray],
    /,
    *,
    context: bytes = ZERO_CONTEXT,
    **changes: Any,
) -> Proof:
    """A consistent proof of any values: the toy's evidence is free."""
    commitment = commit_program(program)
    statement = statement_of(commitment, inputs, outputs, context=context)
    members: dict[str, Any] = {
        "backend": "toy",
        "backend_version": "1.2.0",
        "statement": statement,
        "program": commitment,
        "inputs": tuple(inputs),
        "outputs": tuple(outputs),
        "payload": statement.digest,
    }
    return Proof(**{**members, **changes})


def lock_of(program: Program, fields: Mapping[str, str] | None = None) -> Lock:
    backends = {"toy": TOY_KEY.fields if fields is None else fields}
    entry = LockedModel(name="sample", program=commit_program(program), backends=backends)
    return Lock(models=(entry,))


def dense_case(**changes: Any) -> Honest:
    program = dense_program()
    inputs = (array([[1, -2, 100, -100]]),)
    outputs = (array([[2], [-50], [50]]),)
    proof = make_proof(program, inputs, outputs, **changes)
    return Honest(program=program, proof=proof, lock=lock_of(program), inputs={"x": inputs[0]})


def pair_case() -> Honest:
    program = pair_program()
    inputs = (array([[1, 2, 3], [-4, -5, -6]]), array([[0, 1000, 2], [3, 4, 5]]))
    outputs = (array([[7, -991, 9], [-6, -9, -12]]), array([[1, -4], [2, -5], [3, -6]]))
    proof = make_proof(program, inputs, outputs)
    values = {"a": inputs[0], "b": inputs[1]}
    return Honest(program=program, proof=proof, lock=lock_of(program), inputs=values)
