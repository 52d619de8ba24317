"""Running a program's circuit without keys: what ezkl would prove, in a fraction of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from verifiable.backends.base import Options
from verifiable.backends.ezkl.instances import CONTEXT_LIMBS
from verifiable.backends.ezkl.keys import graph_bytes, supported_circuit
from verifiable.backends.ezkl.phases import Phases
from verifiable.backends.ezkl.settings import plan_circuit
from verifiable.cache import Cache
from verifiable.errors import ProvingError
from verifiable.program.program import IntArray, Program

__all__ = ["simulate"]


def simulate(
    program: Program, rows: Sequence[Mapping[str, IntArray]], options: Options
) -> list[dict[str, IntArray]]:
    """Outputs of the circuit's witness for several inputs, in one child process.

    Args:
        rows: quantised inputs by name, one mapping a row.

    Raises:
        UnsupportedModel, ProvingError, ResourceLimit, MissingDependency, Cancelled.
    """
    circuit = supported_circuit(program)
    limbs = [0] * CONTEXT_LIMBS
    with Cache(options.cache_dir).work_folder() as folder:
        (folder / "graph.onnx").write_bytes(graph_bytes(circuit))
        phases = Phases(folder=folder, options=options, error=ProvingError)
        found = phases.run(
            "simulate",
            f"computing {len(rows)} witnesses",
            {
                "job": "simulate",
                "model": "graph.onnx",
                "settings": "settings.json",
                "run_args": plan_circuit(circuit).run_args,
                "circuit": "circuit.ezkl",
                "witness": "witness.json",
                "rows": [
                    [row[spec.name].reshape(-1).tolist() for spec in program.inputs] + [limbs]
                    for row in rows
                ],
            },
        )["rows"]
    outputs = []
    for row in found:
        *values, excess = row["outputs"]
        if excess != [0]:
            raise ProvingError(
                "the circuit rounds a quotient to another integer than the nearest",
                where="ezkl, phase simulate",
                why=f"the remainders exceed half a divisor by {excess}",
                hint="this is a fault of this package or of ezkl; report it with the program",
                code="witness-mismatch",
            )
        outputs.append(
            {
                spec.name: np.array(part, dtype=np.int64).reshape(spec.shape)
                for spec, part in zip(program.outputs, values, strict=True)
            }
        )
    return outputs
