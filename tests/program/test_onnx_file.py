"""The program file: exact round trips, agreement with onnxruntime, and strictness."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.inliner
import onnxruntime as ort
import pytest
from hypothesis import given, settings

from verifiable.program.execute import execute
from verifiable.program.onnx_file import dump_program, load_program, save_program
from verifiable.testing.strategies import SMALL_LIMIT, cases, programs


def same_constants(a, b):
    return len(a) == len(b) and all(
        p.name == q.name
        and p.width == q.width
        and p.values.dtype == q.values.dtype == np.int64
        and np.array_equal(p.values, q.values)
        and not q.values.flags.writeable
        for p, q in zip(a, b, strict=True)
    )


@settings(max_examples=150, deadline=None)
@given(program=programs())
def test_round_trip_keeps_every_field(program):
    data = dump_program(program)
    loaded = load_program(data)
    assert loaded.inputs == program.inputs
    assert loaded.outputs == program.outputs
    assert loaded.nodes == program.nodes
    assert same_constants(program.weights, loaded.weights)
    assert same_constants(program.tables, loaded.tables)
    assert dict(loaded.metadata) == dict(program.metadata)
    assert dump_program(loaded) == data


def run_onnx(data, inputs):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    feeds = {name: values.astype(np.float32) for name, values in inputs.items()}
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


@settings(max_examples=100, deadline=None)
@given(case=cases(small=True))
def test_onnxruntime_gives_the_same_integers(case):
    program, inputs = case
    trace = execute(program, inputs)
    assert all(abs(values).max() < SMALL_LIMIT for values in trace.values)
    model = onnx.load_from_string(dump_program(program))
    onnx.checker.check_model(model, full_check=True)
    # Every node becomes an output, so that no difference hides behind a later clamp.
    model.graph.output.extend(model.graph.value_info)
    del model.graph.value_info[:]
    for form in (model, onnx.inliner.inline_local_functions(model)):
        got = run_onnx(form.SerializeToString(), inputs)
        for name, values in trace.outputs.items():
            np.testing.assert_array_equal(got[name], values)
        for index, values in enumerate(trace.values):
            np.testing.assert_array_equal(got[f"node:{index}"], values)
