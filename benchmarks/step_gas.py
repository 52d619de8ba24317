"""Write down the gas of judging one element: dot products, sample models, the largest steps.

    python benchmarks/step_gas.py            # writes results/step_gas.json; a few minutes
    python benchmarks/step_gas.py --show     # the stored figures as markdown

Each figure is that of a transaction that calls the router's `isFault` on the embedded chain, under
the rules of Osaka: `used_gas` is the larger of `floor_gas` (EIP-7623, the calldata alone) and the
sum of `intrinsic_gas` and `execution_gas`. Gas is exact and does not depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
sys.path.insert(0, str(HERE.parent / "tests" / "chain" / "optimistic"))

from step_contracts import FAMILIES, GAS_LIMIT, StepContracts, Unsupported, fault_call  # noqa: E402

from verifiable.backends.optimistic.openings import StepOpener  # noqa: E402
from verifiable.chain.artifact import load_artifact  # noqa: E402
from verifiable.program import operators as ops  # noqa: E402
from verifiable.program.compile import compile_model  # noqa: E402
from verifiable.program.execute import Trace, execute  # noqa: E402
from verifiable.program.program import (  # noqa: E402
    Constant,
    Input,
    Node,
    Operand,
    Output,
    Program,
    Source,
)
from verifiable.statement.node_desc import encode_node  # noqa: E402

RESULT = HERE / "results" / "step_gas.json"
LENGTHS = (64, 1024, 4096, 11_008)
WIDE = ops.Requantisation(shift=0, lo=-(1 << 63), hi=(1 << 63) - 1)
SAMPLES = ("digits_mlp", "digits_cnn", "lenet", "mlp_1m")


Figures = dict[str, int | float | str]


def main() -> int:
    """Measure, or show what is stored."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="show the stored result")
    if parser.parse_args().show:
        sys.stdout.write(tables(json.loads(RESULT.read_text(encoding="utf-8"))))
        return 0
    steps = StepContracts()
    result: dict[str, Any] = {
        "about": "gas of transactions that judge one element",
        "generator": "benchmarks/step_gas.py",
        "rules": "osaka",
        "gas_limit": GAS_LIMIT,
        "code_bytes": {
            name: len(load_artifact(name).runtime) for name in (*FAMILIES, "StepRouter")
        },
        "dot_products": dot_products(steps),
        "largest_steps": largest_steps(steps),
        "most_places": most_places(steps),
        "models": {name: model_steps(steps, name) for name in SAMPLES},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(tables(result))
    figures = [*result["dot_products"], *result["largest_steps"], *result["most_places"]]
    for nodes in result["models"].values():
        figures += nodes
    return int(any(item["used_gas"] > GAS_LIMIT for item in figures))


def judge(steps: StepContracts, opener: StepOpener, node: int, element: int) -> Figures:
    """Gas of one step; the claimed value is wrong, as in a dispute."""
    opening = opener.open(node, element)
    data = fault_call(
        opening.desc,
        opener.leaf_log2,
        element,
        opening.claimed ^ 1,
        opening.operand_roots,
        opening.witness,
    )
    gas = steps.gas_of(data)
    return {
        "calldata_bytes": len(data),
        "witness_bytes": len(opening.witness),
        "floor_gas": gas.floor,
        "intrinsic_gas": gas.intrinsic,
        "execution_gas": gas.execution,
        "used_gas": gas.used,
    }


def dot_products(steps: StepContracts) -> list[dict[str, Any]]:
    """MatMul steps over the lengths, in leaves of 1 KiB; execution per multiply-add by slopes."""
    found: list[dict[str, Any]] = []
    for x_width, weight_width in ((1, 1), (2, 1)):
        before: dict[str, Any] = {}
        for length in LENGTHS:
            opener = dense(length, x_width, weight_width)
            figures: dict[str, Any] = {
                "length": length,
                "x_width": x_width,
                "weight_width": weight_width,
                **judge(steps, opener, 0, 4),
            }
            if before:
                more = figures["execution_gas"] - before["execution_gas"]
                figures["execution_gas_per_multiply_add"] = round(
                    more / (length - before["length"]), 1
                )
            found.append(figures)
            before = figures
    return found


def largest_steps(steps: StepContracts) -> list[dict[str, Any]]:
    """The longest dot product that `checkNode` accepts, by leaf size and widths."""
    found: list[dict[str, Any]] = []
    for leaf_log2, x_width, weight_width in ((10, 1, 1), (5, 1, 1), (10, 2, 1), (10, 8, 8)):
        low, high = 1, 1 << 20
        while high - low > 1:
            middle = (low + high) // 2
            opener = dense(middle, x_width, weight_width, leaf_log2=leaf_log2, values=False)
            try:
                steps.check_node(encoded(opener), leaf_log2)
                low = middle
            except Unsupported:
                high = middle
        opener = dense(low, x_width, weight_width, leaf_log2=leaf_log2)
        figures = judge(steps, opener, 0, 4)
        found.append(
            {
                "length": low,
                "leaf_bytes": 1 << leaf_log2,
                "x_width": x_width,
                "weight_width": weight_width,
                **figures,
            }
        )
    return found


def most_places(steps: StepContracts) -> list[dict[str, Any]]:
    """A pool and a depthwise convolution that read as many separate places as `checkNode` accepts.

    Raises:
        AssertionError: one place more is accepted too, so these are not the dearest.
    """
    found: list[dict[str, Any]] = []
    for kind, height, width, groups in ((ops.SumPool, 32, 32, 1), (ops.Conv, 16, 32, 2)):
        try:
            steps.check_node(encoded(windowed(kind, height, width + 1, groups)), 10)
        except Unsupported:
            opener = windowed(kind, height, width, groups)
        else:
            raise AssertionError(f"{kind.__name__} may read more than {height * width} places")
        figures = judge(steps, opener, 0, groups - 1)
        found.append({"operator": kind.__name__, "places": height * width, **figures})
    return found


def model_steps(steps: StepContracts, name: str) -> list[dict[str, Any]]:
    """The dearest of a few elements of each node of a sample model."""
    rows = MODELS / f"{name.removesuffix('_cnn').removesuffix('_mlp')}_calibration.npz"
    with np.load(rows) as archive:
        calibration = {item: archive[item] for item in archive.files}
    program = compile_model(MODELS / f"{name}.onnx", calibration=calibration).program
    rng = np.random.default_rng(5)
    inputs = {
        spec.name: rng.integers(spec.lo, spec.hi, size=spec.shape, endpoint=True)
        for spec in program.inputs
    }
    opener = StepOpener(execute(program, inputs))
    found: list[dict[str, Any]] = []
    for index, node in enumerate(program.nodes):
        size = prod(node.shape)
        middle = int(np.ravel_multi_index([axis // 2 for axis in node.shape], node.shape))
        elements = dict.fromkeys((0, middle, size - 1, int(rng.integers(size))))
        dearest = max(
            (judge(steps, opener, index, element) for element in elements),
            key=lambda item: item["used_gas"],
        )
        found.append({"node": index, "operator": node.op.name, "shape": node.shape, **dearest})
    return found


def encoded(opener: StepOpener) -> bytes:
    """The descriptor of the one node."""

    return encode_node(opener.program, 0)


def dense(
    length: int, x_width: int, weight_width: int, *, leaf_log2: int = 10, values: bool = True
) -> StepOpener:
    """A MatMul of (2, length) by (3, length), with random operands."""
    rng = np.random.default_rng(length)

    def drawn(shape: tuple[int, ...], width: int) -> Any:
        bound = 1 << (8 * width - 1 if width < 8 else 40)
        if not values:
            return np.zeros(shape, dtype=np.int64)
        return rng.integers(-bound, bound - 1, size=shape, endpoint=True)

    x, weight = drawn((2, length), x_width), drawn((3, length), weight_width)
    constants = (
        Constant(name="weight", values=weight, width=weight_width),
        Constant.of("bias", [1, 2, 3]),
        Constant.of("multiplier", [1]),
    )
    return lone(ops.MatMul(requant=WIDE), x, x_width, constants, (2, 3), leaf_log2)


def windowed(kind: Any, height: int, width: int, groups: int) -> StepOpener:
    """A node whose only window is as large as its operand, in leaves of 1 KiB."""
    rng = np.random.default_rng(width)
    x = rng.integers(-128, 127, size=(1, height, width, groups), endpoint=True)
    places = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    multiplier = Constant.of("multiplier", [1])
    if kind is ops.SumPool:
        op: ops.Operator = ops.SumPool(
            kernel=(height, width), x_zero_point=0, requant=WIDE, **places
        )
        return lone(op, x, 1, (multiplier,), (1, 1, 1, groups), 10)
    weight = rng.integers(-128, 127, size=(groups, height, width, 1), endpoint=True)
    constants = (
        Constant(name="weight", values=weight, width=1),
        Constant.of("bias", [1] * groups),
        multiplier,
    )
    op = ops.Conv(group=groups, x_zero_point=0, requant=WIDE, **places)
    return lone(op, x, 1, constants, (1, 1, 1, groups), 10)


def lone(
    op: ops.Operator,
    x: Any,
    x_width: int,
    constants: tuple[Constant, ...],
    shape: tuple[int, ...],
    leaf_log2: int,
) -> StepOpener:
    """A program of one node."""
    bound = 1 << (8 * x_width - 1)
    node = Node(
        op=op,
        operands=(
            Operand(source=Source.INPUT, index=0, shape=x.shape),
            *(
                Operand(source=Source.WEIGHT, index=index, shape=item.values.shape)
                for index, item in enumerate(constants)
            ),
        ),
        shape=shape,
        width=8,
    )
    program = Program(
        inputs=(Input(name="x", shape=x.shape, lo=-bound, hi=bound - 1, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=0, shape=shape, scale=1.0, zero_point=0),),
        nodes=(node,),
        weights=constants,
    )
    result = np.zeros(shape, dtype=np.int64)  # nobody's: only the operands matter here
    trace = Trace(program=program, inputs=(x,), values=(result,))
    return StepOpener(trace, leaf_log2=leaf_log2)


def tables(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = [
        "| step | calldata bytes | floor | intrinsic | execution | used |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for item in result["dot_products"]:
        name = f"dot product of {item['length']:,}, int{8 * item['x_width']} by int8"
        lines.append(_row(name, item))
    for item in result["largest_steps"]:
        widths = f"int{8 * item['x_width']} by int{8 * item['weight_width']}"
        name = f"longest accepted: {item['length']:,}, {widths}, leaves of {item['leaf_bytes']}"
        lines.append(_row(name, item))
    for item in result["most_places"]:
        lines.append(_row(f"most places: {item['operator']}, {item['places']:,}", item))
    for model, nodes in result["models"].items():
        dearest = max(nodes, key=lambda item: item["used_gas"])
        lines.append(_row(f"dearest of {model}: {dearest['operator']}", dearest))
    return "\n".join(lines) + "\n"


def _row(name: str, item: dict[str, Any]) -> str:
    figures = [
        item[key]
        for key in ("calldata_bytes", "floor_gas", "intrinsic_gas", "execution_gas", "used_gas")
    ]
    return " | ".join([f"| {name}", *(f"{figure:,}" for figure in figures)]) + " |"


if __name__ == "__main__":
    sys.exit(main())
