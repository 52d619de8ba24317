"""A true proof shown where it is none: through the public API, as a relying party uses it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gkr_programs import GENTLE, Sketch, dense, weights

from verifiable import api
from verifiable.backends.base import Options
from verifiable.backends.gkr.backend import GkrBackend
from verifiable.errors import Undecided, VerificationError
from verifiable.program import operators as ops
from verifiable.program.border import dequantise
from verifiable.program.program import IntArray, Program
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import statement_of
from verifiable.verification import verify

GKR = Policy(backends={"gkr": None})
CONTEXT, OTHER = bytes([7]) * 32, bytes([8]) * 32


def two_outputs() -> Program:
    """Two outputs of one shape, by different weights."""
    s = Sketch((1, 4))
    one = s.weight([1])
    parts = [(s.weight(weights((3, 4), i)), s.weight(weights((3,), 9 + i))) for i in range(2)]
    return s.program(*(s.node(ops.MatMul(requant=GENTLE), s.input(), *part, one) for part in parts))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gkr-replay")


def raw(program: Program, values: IntArray) -> IntArray:
    (spec,) = program.inputs
    return dequantise(values, scale=spec.scale, zero_point=spec.zero_point)


def prove(
    program: Program,
    cache: Path,
    *,
    mode: str = "committed",
    seed: int = 0,
    context: bytes = CONTEXT,
) -> Proof:
    (spec,) = program.inputs
    values = np.random.default_rng(seed).integers(spec.lo, spec.hi, spec.shape, endpoint=True)
    found = api.prove(
        program,
        raw(program, values),
        backend="gkr",
        weights=mode,
        context=context,
        cache_dir=cache,
    )
    return found.proof


def said(
    proof: Proof, program: Program, cache: Path, *, mode: str = "committed", **changes: Any
) -> str:
    """`proven`, or the code with which a verifier that derives its own key refuses."""
    options = Options(cache_dir=cache, settings={"weights": mode})
    key = GkrBackend().setup(program, options).key
    held: dict[str, Any] = {"policy": replace(GKR, context=CONTEXT), "program": program}
    held |= {"keys": {"gkr": key}, "cache_dir": cache} | changes
    try:
        return verify(proof, **held).outcome
    except (VerificationError, Undecided) as refused:
        return f"{refused.verdict.failed[0].id} {refused.code}"


@pytest.mark.parametrize("mode", ["committed", "public"])
def test_the_honest_control(mode: str, cache: Path) -> None:
    program = dense()
    assert said(prove(program, cache, mode=mode), program, cache, mode=mode) == "proven"
    double = two_outputs()
    assert said(prove(double, cache, mode=mode), double, cache, mode=mode) == "proven"


@pytest.mark.parametrize("mode", ["committed", "public"])
def test_another_training_of_the_same_model(mode: str, cache: Path) -> None:
    """Equal shapes, other weights: the program's root is another one, and so is the key."""
    program, other = dense(), dense(1)
    proof, theirs = prove(program, cache, mode=mode), prove(other, cache, mode=mode)
    assert said(theirs, program, cache, mode=mode) == "ST-5 wrong-program"
    # Under this program's header and statement it is the key that tells them apart.
    dressed = replace(proof, payload=theirs.payload)
    assert said(dressed, program, cache, mode=mode) == "GK-1 key-mismatch"


def test_the_other_weight_mode(cache: Path) -> None:
    program = dense()
    proof = prove(program, cache, mode="public")
    assert said(proof, program, cache, mode="committed") == "GK-1 key-mismatch"
    assert said(proof, program, cache, mode="public") == "proven"


def test_another_context(cache: Path) -> None:
    program = dense()
    proof = prove(program, cache)
    other = replace(GKR, context=OTHER)
    assert said(proof, program, cache, policy=other) == "ST-10 wrong-context"
    moved = replace(proof, statement=replace(proof.statement, context=OTHER))
    assert said(moved, program, cache, policy=other) == "GK-7 lookup-level"


def redressed(proof: Proof, inputs: Any, outputs: Any) -> Proof:
    """The proof with other values, and the statement that goes with them."""
    statement = statement_of(proof.program, inputs, outputs, context=proof.statement.context)
    return replace(proof, statement=statement, inputs=tuple(inputs), outputs=tuple(outputs))


@pytest.mark.parametrize("mode", ["committed", "public"])
def test_another_input_or_output(mode: str, cache: Path) -> None:
    program = dense()
    one, two = (prove(program, cache, mode=mode, seed=seed) for seed in (0, 1))
    assert one.inputs is not None
    assert two.inputs is not None
    for inputs, outputs in (
        (two.inputs, one.outputs),
        (one.inputs, two.outputs),
        (two.inputs, two.outputs),
        (one.inputs, (one.outputs[0][:, ::-1].copy(),)),
    ):
        found = said(redressed(one, inputs, outputs), program, cache, mode=mode)
        assert found == "GK-7 lookup-level"


def test_permuted_outputs(cache: Path) -> None:
    program = two_outputs()
    proof = prove(program, cache)
    first, second = proof.outputs
    assert not np.array_equal(first, second)
    found = said(redressed(proof, proof.inputs, (second, first)), program, cache)
    assert found == "GK-7 lookup-level"


def test_values_without_their_statement(cache: Path) -> None:
    """Values that the statement's roots are not of are refused before the evidence is read."""
    program = dense()
    one, two = (prove(program, cache, seed=seed) for seed in (0, 1))
    assert said(replace(one, outputs=two.outputs), program, cache).startswith("ST-")
    assert said(replace(one, inputs=two.inputs), program, cache).startswith("ST-")


def test_another_evidence_of_the_same_program(cache: Path) -> None:
    program = dense()
    one, two = (prove(program, cache, seed=seed) for seed in (0, 1))
    assert said(replace(one, payload=two.payload), program, cache) == "GK-7 lookup-level"


def test_without_anything_that_names_the_program(cache: Path) -> None:
    program = dense()
    proof = prove(program, cache)
    with pytest.raises(Undecided) as caught:
        verify(proof, replace(GKR, context=CONTEXT))
    assert caught.value.code == "program-not-pinned"
