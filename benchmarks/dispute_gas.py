"""Write down the gas of disputes: each move, the proof of each operator, whole disputes of models.

    python benchmarks/dispute_gas.py            # writes results/dispute_gas.json; a few minutes
    python benchmarks/dispute_gas.py --show     # the stored figures as markdown

Agents play against asserters that lie, on the embedded chain under the rules of Osaka. A dispute is
all that both sides send after the assertion: opening, reveals, selections, commit, proof and the
withdrawal of the reward. Gas is exact and does not depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
sys.path.insert(0, str(HERE.parent / "tests" / "dispute"))

from dispute_kit import World, journal_in  # noqa: E402
from operator_program import (  # noqa: E402
    LEAF_LOG2,
    NAMES,
    operator_inputs,
    operator_program,
)

from verifiable.backends.optimistic.trace import Inputs  # noqa: E402
from verifiable.chain.contracts.dispute_structs import FaultKind  # noqa: E402
from verifiable.chain.transaction import MAX_TRANSACTION_GAS  # noqa: E402
from verifiable.dispute.asserter import Asserter  # noqa: E402
from verifiable.dispute.challenger import Challenger  # noqa: E402
from verifiable.dispute.material import Material  # noqa: E402
from verifiable.dispute.sender import Move  # noqa: E402
from verifiable.dispute.trace_data import FolderData, publish_trace  # noqa: E402
from verifiable.program import operators as ops  # noqa: E402
from verifiable.program.compile import compile_model  # noqa: E402
from verifiable.program.program import (  # noqa: E402
    Constant,
    Input,
    Node,
    Operand,
    Output,
    Program,
    Source,
)
from verifiable.testing.lying_traces import wrong_element  # noqa: E402

RESULT = HERE / "results" / "dispute_gas.json"
LENGTHS = (1024, 4096, 11_008)
SAMPLES = ("lenet", "mlp_1m")
BARS = {"withheld": 2_500_000, "public": 800_000}
"""Most gas of a whole dispute of a sample model."""

PROVING = ("proveFault", "proveStep")


def main() -> int:
    """Measure, or show what is stored; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="show the stored result")
    if parser.parse_args().show:
        result = json.loads(RESULT.read_text(encoding="utf-8"))
    else:
        result = measure()
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(tables(result))
    return 0 if all(bar["holds"] for bar in result["bars"]) else 1


def measure() -> dict[str, Any]:
    """Play all disputes."""
    world = World()
    operators = [
        {"operator": NAMES[node], "node": node, **played(world, *operator_case(), node, False)}
        for node in range(len(NAMES) - 2)
    ]
    lengths = [
        {"length": length, **played(world, *dense_case(length), 0, False)} for length in LENGTHS
    ]
    models: dict[str, list[dict[str, Any]]] = {}
    for name in SAMPLES:
        material, inputs = model_case(name)
        models[name] = [
            {
                "node": node,
                "operator": material.program.nodes[node].op.name,
                "data": "public" if public else "withheld",
                **played(world, material, inputs, node, public),
            }
            for node in range(material.node_count)
            for public in (False, True)
        ]
        print(f"{name}: {len(models[name])} disputes")
    everything = [*operators, *lengths, *(item for found in models.values() for item in found)]
    return {
        "about": "gas of disputes played by agents, all moves of both sides",
        "generator": "benchmarks/dispute_gas.py",
        "rules": "osaka",
        "moves": moves_of(everything),
        "operators": operators,
        "dot_products": lengths,
        "models": models,
        "bars": bars(models, everything),
    }


def played(
    world: World, material: Material, inputs: Inputs, node: int, public: bool
) -> dict[str, Any]:
    """One dispute about a lie in the middle of a node's result."""
    element = material.elements(node) // 2
    lie = wrong_element(material, inputs, node=node, element=element)
    with tempfile.TemporaryDirectory() as folder:
        path = publish_trace(lie, Path(folder) / "trace")
        here = world.chain.block().number
        liar = Asserter(world.game, world.person(), journal_in(Path(folder)), lie, from_block=here)
        challenger = Challenger(
            world.game,
            world.person(),
            journal_in(Path(folder)),
            material,
            [inputs],
            find_data=(lambda _: FolderData(path)) if public else None,
            from_block=here,
        )
        moves = [move for move in world.play(liar, challenger) if move.name]
    found = liar.assertion
    if found is None or (found.winner, found.fault) != (
        challenger.address,
        (FaultKind.ELEMENT, node, element),
    ):
        raise SystemExit(f"the dispute about node {node} ended otherwise: {found}")
    start = next(i for i, move in enumerate(moves) if move.name == "assertResult") + 1
    dispute = moves[start:]
    return {
        "element": element,
        "assertion_gas": total(moves, lambda move: move.name == "assertResult"),
        "proof_gas": total(dispute, lambda move: move.name in PROVING),
        "dispute_gas": total(dispute),
        "challenger_gas": total(dispute, lambda move: move.sender == challenger.address),
        "asserter_gas": total(dispute, lambda move: move.sender == liar.address),
        "moves": [{"name": move.name, "gas": move.gas_used} for move in moves],
    }


def total(moves: Sequence[Move], which: Callable[[Move], bool] = lambda move: True) -> int:
    """Gas of some moves."""
    return sum(move.gas_used for move in moves if which(move))


def moves_of(disputes: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """The cheapest and the dearest of each kind of move."""
    found: dict[str, list[int]] = {}
    for dispute in disputes:
        for move in dispute["moves"]:
            found.setdefault(move["name"], []).append(move["gas"])
    return {
        name: {"count": len(gas), "least": min(gas), "most": max(gas)}
        for name, gas in sorted(found.items())
    }


def bars(
    models: dict[str, list[dict[str, Any]]], everything: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What is asked for, and whether it holds."""
    found = [
        {
            "name": f"{model}, {data} data: gas of the dearest dispute",
            "limit": limit,
            "measured": max(item["dispute_gas"] for item in models[model] if item["data"] == data),
        }
        for model in models
        for data, limit in BARS.items()
    ]
    dearest = max(move["gas"] for item in everything for move in item["moves"])
    found.append(
        {
            "name": "gas of the dearest transaction",
            "limit": MAX_TRANSACTION_GAS,
            "measured": dearest,
        }
    )
    return [{**item, "holds": item["measured"] < item["limit"]} for item in found]


def operator_case() -> tuple[Material, Inputs]:
    """The program with a node of each operator, in leaves of 32 bytes."""
    return Material(operator_program(), leaf_log2=LEAF_LOG2), operator_inputs()


def dense_case(length: int) -> tuple[Material, Inputs]:
    """A dot product of a length with one byte an element, in leaves of 1 KiB."""
    rng = np.random.default_rng(length)
    wide = ops.Requantisation(shift=0, zero_point=0, lo=-(1 << 31), hi=(1 << 31) - 1)
    shapes = ((3, length), (3,), ())
    program = Program(
        inputs=(Input(name="x", shape=(2, length), lo=-128, hi=127, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=0, shape=(2, 3), scale=1.0, zero_point=0),),
        nodes=(
            Node(
                op=ops.MatMul(requant=wide),
                operands=(
                    Operand(source=Source.INPUT, index=0, shape=(2, length)),
                    *(
                        Operand(source=Source.WEIGHT, index=index, shape=shape)
                        for index, shape in enumerate(shapes)
                    ),
                ),
                shape=(2, 3),
                width=4,
            ),
        ),
        weights=(
            Constant.of("weight", rng.integers(-128, 128, (3, length))),
            Constant.of("bias", rng.integers(-1000, 1000, 3)),
            Constant.of("one", 1),
        ),
    )
    return Material(program), {"x": rng.integers(-128, 128, (2, length))}


def model_case(name: str) -> tuple[Material, Inputs]:
    """A sample model with random inputs, in leaves of 1 KiB."""
    with np.load(MODELS / f"{name}_calibration.npz") as archive:
        calibration = {item: archive[item] for item in archive.files}
    program = compile_model(MODELS / f"{name}.onnx", calibration=calibration).program
    rng = np.random.default_rng(5)
    inputs = {
        spec.name: rng.integers(spec.lo, spec.hi, size=spec.shape, endpoint=True)
        for spec in program.inputs
    }
    return Material(program), inputs


def tables(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = ["| move | least gas | most gas |", "| --- | ---: | ---: |"]
    lines += [
        f"| `{name}` | {gas['least']:,} | {gas['most']:,} |"
        for name, gas in result["moves"].items()
    ]
    lines += ["", "| proof of | gas of `proveStep` | whole dispute |", "| --- | ---: | ---: |"]
    lines += [
        f"| {item['operator']} | {item['proof_gas']:,} | {item['dispute_gas']:,} |"
        for item in result["operators"]
    ]
    lines += [
        f"| dot product of {item['length']:,} | {item['proof_gas']:,} | {item['dispute_gas']:,} |"
        for item in result["dot_products"]
    ]
    head = "| dispute of | most gas, data withheld | data public |"
    lines += ["", head, "| --- | ---: | ---: |"]
    for name, disputes in result["models"].items():
        most = [
            max(item["dispute_gas"] for item in disputes if item["data"] == data) for data in BARS
        ]
        lines.append(f"| {name} | {most[0]:,} | {most[1]:,} |")
    lines += ["", "| bar | limit | measured | |", "| --- | ---: | ---: | --- |"]
    lines += [
        f"| {bar['name']} | {bar['limit']:,} | {bar['measured']:,} | "
        f"{'holds' if bar['holds'] else 'MISSED'} |"
        for bar in result["bars"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
