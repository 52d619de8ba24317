"""`gkr` and `ezkl` prove the same statements: whoever pins one may be shown the other's proof.

Twenty random inputs of each sample model, over the whole range that the program accepts. Each
proof is verified under one policy with the program in hand, and its statement is that of the slow
executor. For the digits models ezkl proves all twenty inputs too; for `lenet` and `mlp_1m`, where
its setup and one proof take minutes and gigabytes, it proves the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from sample_models import MODELS

import verifiable
from verifiable.program.border import dequantise
from verifiable.program.execute import execute
from verifiable.statement.commitment import commit_program
from verifiable.statement.statement import Statement, statement_of

INPUTS = 20
CALIBRATION = {"digits_mlp": "digits", "digits_cnn": "digits", "lenet": "lenet", "mlp_1m": "mlp_1m"}
ALLOWED = frozenset({"local_setup"})


def compiled(name: str) -> verifiable.Program:
    calibration = MODELS / f"{CALIBRATION[name]}_calibration.npz"
    return verifiable.compile(MODELS / f"{name}.onnx", calibration=calibration)


def random_rows(program: verifiable.Program) -> tuple[np.ndarray, np.ndarray]:
    """Integer inputs (rows, ...) drawn from all that the program accepts, and their raw values."""
    (spec,) = program.inputs
    rng = np.random.default_rng(20)
    shape = (INPUTS, *spec.shape)
    integers = rng.integers(spec.lo, spec.hi, shape, dtype=np.int64, endpoint=True)
    return integers, dequantise(integers, scale=spec.scale, zero_point=spec.zero_point)


def expected_statements(program: verifiable.Program, rows: np.ndarray) -> list[Statement]:
    """What each input's proof must claim, by the slow executor and no backend."""
    commitment = commit_program(program)
    (spec,) = program.inputs
    traces = (execute(program, {spec.name: row}, tier="reference") for row in rows)
    return [statement_of(commitment, trace.inputs, trace.outputs) for trace in traces]


def proofs_of(
    program: verifiable.Program, raw: np.ndarray, backend: str, cache_dir: Path
) -> Iterator[verifiable.Proof]:
    """Proofs of these raw inputs, each verified as a stranger with the program verifies it."""
    local = {"insecure_local_setup": True} if backend == "ezkl" else {}
    key = verifiable.setup(program, backend=backend, cache_dir=cache_dir, **local).key
    policy = verifiable.Policy(backends={backend: None}, allow_insecure=ALLOWED)
    items = verifiable.prove_many(program, list(raw), backend=backend, cache_dir=cache_dir, **local)
    for item in items:
        proof = item.unwrap().proof
        assert proof.backend == backend
        verdict = verifiable.evaluate(
            proof.encode(), policy=policy, program=program, keys={backend: key}
        )
        assert verdict.outcome == "proven", verdict.failed
        assert verdict.statement_digest == proof.statement.digest
        yield proof


def digests(statements: Sequence[Statement]) -> list[str]:
    return [statement.digest.hex() for statement in statements]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "ezkl_inputs"),
    [("digits_mlp", INPUTS), ("digits_cnn", INPUTS), ("lenet", 1), ("mlp_1m", 1)],
)
def test_both_prove_the_statements_of_the_executor(
    name: str, ezkl_inputs: int, tmp_path: Path
) -> None:
    pytest.importorskip("ezkl", reason="proofs need the extra `ezkl`")
    program = compiled(name)
    rows, raw = random_rows(program)
    expected = digests(expected_statements(program, rows))
    assert len(set(expected)) == INPUTS  # else agreement would say little

    gkr = [proof.statement for proof in proofs_of(program, raw, "gkr", tmp_path)]
    assert digests(gkr) == expected

    ezkl = [proof.statement for proof in proofs_of(program, raw[:ezkl_inputs], "ezkl", tmp_path)]
    assert digests(ezkl) == expected[:ezkl_inputs]
