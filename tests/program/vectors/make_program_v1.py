"""Writes program_v1.onnx and program_v1.json: one node of every operator, in opcode order.

The committed files were made by the first version of the format and are never made again; a test
holds later versions to them. A new format version gets files of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.intervals import analyse_node
from verifiable.program.onnx_file import save_program
from verifiable.program.program import (
    Constant,
    Input,
    Node,
    Operand,
    Output,
    Program,
    Source,
    width_of,
)
from verifiable.program.shapes import result_shape


def requant(shift=0, zero_point=0, lo=-128, hi=127):
    return ops.Requantisation(shift=shift, zero_point=zero_point, lo=lo, hi=hi)


def build():
    rng = np.random.default_rng(20)
    weights, tables, nodes = [], [], []
    ranges = {(Source.INPUT, 0): (-128, 127)}

    def constant(name, values, pool=weights, source=Source.WEIGHT):
        array = np.array(values)
        pool.append(Constant.of(name, array))
        return Operand(source=source, index=len(pool) - 1, shape=array.shape)

    def add(op, *operands):
        pools = {Source.WEIGHT: weights, Source.TABLE: tables}
        arrays = [
            pools[o.source][o.index].values.reshape(o.shape) if o.source in pools else None
            for o in operands
        ]
        ends = [
            ranges[o.source, o.index] if a is None else (int(a.min()), int(a.max()))
            for o, a in zip(operands, arrays, strict=True)
        ]
        found = analyse_node(op, ends, arrays)
        shape = result_shape(op, tuple(o.shape for o in operands))
        index = len(nodes)
        ranges[Source.TRACE, index] = (found.lo, found.hi)
        nodes.append(
            Node(
                op=op,
                operands=operands,
                shape=shape,
                width=width_of(found.lo, found.hi),
                name=f"layer {op.name}",
            )
        )
        return Operand(source=Source.TRACE, index=index, shape=shape)

    image = Operand(source=Source.INPUT, index=0, shape=(1, 4, 4, 2))
    rows = Operand(source=Source.INPUT, index=0, shape=(16, 2))
    x = add(
        ops.MatMul(requant=requant(shift=9, zero_point=-3)),
        rows,
        constant("dense.weight", rng.integers(-127, 128, size=(2, 2))),
        constant("dense.bias", [(1 << 24) + 1, -70000]),
        constant("dense.multiplier", [1, 3]),
    )
    x = Operand(source=x.source, index=x.index, shape=image.shape)
    x = add(
        ops.Conv(
            strides=(1, 1),
            pads=(1, 1, 1, 1),
            dilations=(1, 1),
            group=2,
            x_zero_point=-3,
            requant=requant(shift=20, lo=-100),
        ),
        x,
        constant("conv.weight", rng.integers(-127, 128, size=(2, 3, 3, 1))),
        constant("conv.bias", [300, -300]),
        constant("conv.multiplier", [4001, (1 << 24) + 1]),
    )
    x = add(
        ops.Affine(requant=requant(shift=3)),
        x,
        constant("affine.weight", [5, -6]),
        constant("affine.bias", [0, 40]),
        constant("affine.multiplier", [2]),
    )
    x = add(ops.Add(a_multiplier=3, b_multiplier=-5, offset=7, requant=requant(shift=3)), x, image)
    x = add(
        ops.Mul(a_zero_point=1, b_zero_point=-2, requant=requant(shift=12)),
        x,
        image,
        constant("mul.multiplier", [55]),
    )
    table = np.stack([np.arange(256) // 2 - 64, 127 - np.arange(256)])
    x = add(ops.LookupTable(x_min=-128), x, constant("table", table, tables, Source.TABLE))
    x = add(ops.MaxPool(kernel=(2, 2), strides=(1, 1), pads=(1, 0, 0, 1), dilations=(1, 1)), x)
    x = add(
        ops.SumPool(
            kernel=(2, 2),
            strides=(2, 2),
            pads=(0, 0, 0, 0),
            dilations=(1, 1),
            x_zero_point=0,
            requant=requant(shift=2),
        ),
        x,
        constant("pool.multiplier", [1]),
    )
    x = add(ops.Transpose(perm=(0, 3, 1, 2)), x)
    x = add(ops.Concat(axis=1), x, x)
    x = add(ops.Pad(before=(0, 0, 1, 0), after=(0, 0, 0, 1), value=-7), x)
    return Program(
        inputs=(
            Input(name="image", shape=image.shape, lo=-128, hi=127, scale=0.1, zero_point=-128),
        ),
        outputs=(Output(name="y", node=x.index, shape=(36,), scale=0.25, zero_point=3),),
        nodes=tuple(nodes),
        weights=tuple(weights),
        tables=tuple(tables),
        metadata={"source": "one node of every operator"},
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    program = build()
    save_program(program, folder / "program_v1.onnx")
    image = (np.arange(32).reshape(1, 4, 4, 2) * 37) % 256 - 128
    values = execute(program, {"image": image}, tier="reference").outputs["y"]
    (folder / "program_v1.json").write_text(json.dumps(values.ravel().tolist()) + "\n")
