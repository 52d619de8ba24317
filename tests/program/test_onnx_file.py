"""The program file: exact round trips, agreement with onnxruntime, and strictness."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx.inliner
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from programs import INT32, single

from verifiable.errors import MalformedModel, ResourceLimit, VerifiableError
from verifiable.program import onnx_file
from verifiable.program import operators as ops
from verifiable.program.arrays import load_npz
from verifiable.program.border import quantise_input
from verifiable.program.compile import compile_model
from verifiable.program.execute import execute
from verifiable.program.onnx_file import dump_program, load_program, save_program
from verifiable.testing.strategies import SMALL_LIMIT, cases, programs

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[1] / "models"


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
    data = dump_program(program)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    inlined = onnx.inliner.inline_local_functions(model)
    # The file as it is, optimised across operators; and every node as an output, so that no
    # difference hides behind a later clamp.
    model.graph.output.extend(model.graph.value_info)
    del model.graph.value_info[:]
    for form in (data, inlined.SerializeToString(), model.SerializeToString()):
        got = run_onnx(form, inputs)
        for name, values in trace.outputs.items():
            np.testing.assert_array_equal(got[name], values)
    for index, values in enumerate(trace.values):
        np.testing.assert_array_equal(got[f"node:{index}"], values)


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn", "lenet"])
def test_onnxruntime_runs_compiled_models(name):
    kind = "digits" if name.startswith("digits") else name
    calibration = load_npz(MODELS / f"{kind}_calibration.npz")
    program = compile_model(MODELS / f"{name}.onnx", calibration=calibration).program
    data = dump_program(program)
    (spec,) = program.inputs
    for raw in calibration[spec.name][:8]:
        inputs = {spec.name: quantise_input(spec, raw.reshape(spec.shape), saturate=True)[0]}
        (want,) = execute(program, inputs).outputs.values()
        (got,) = run_onnx(data, inputs).values()
        assert np.ptp(want) > 0
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("value", [(1 << 24) - 1, 1 << 24, (1 << 24) + 1, -(1 << 24) - 1, INT32[1]])
def test_constants_that_float32_rounds_are_exact_in_the_file_and_in_onnxruntime(value):
    wide = ops.Requantisation(shift=24, lo=INT32[0], hi=INT32[1])
    by_bias = single(ops.MatMul(requant=wide), [(1,)], [[[1]], [value], [1]])
    by_multiplier = single(ops.MatMul(requant=wide), [(1,)], [[[1]], [0], [abs(value)]])
    add = ops.Add(a_multiplier=value, b_multiplier=1, offset=-value, requant=wide)
    # One below and at a multiple of 2^24: a rounded constant would land on the other side.
    for program in (by_bias, by_multiplier, single(add, [(1,), (1,)])):
        data = dump_program(program)
        loaded = load_program(data)
        assert loaded.nodes == program.nodes
        assert same_constants(loaded.weights, program.weights)
        for x in (-128, -1, 0, 1, 127):
            inputs = {spec.name: np.array([x]) for spec in program.inputs}
            trace = execute(loaded, inputs)
            np.testing.assert_array_equal(run_onnx(data, inputs)["y"], trace.values[0])


def test_a_bias_beyond_float32_changes_the_result_by_one():
    step = ops.Requantisation(zero_point=-(1 << 24), lo=-128, hi=127)
    for delta in (-1, 0, 1):
        program = single(ops.MatMul(requant=step), [(1,)], [[[1]], [(1 << 24) + delta], [1]])
        inputs = {"x0": np.array([5])}
        assert run_onnx(dump_program(program), inputs)["y"].tolist() == [5 + delta]


# --- The file -----------------------------------------------------------------------------------

RELEASED = HERE / "vectors" / "program_v1.onnx"


def test_a_file_of_the_first_version_stays_readable():
    """Written by the first version of the format; it must load, and be written, for ever."""
    data = RELEASED.read_bytes()
    program = load_program(data)
    assert [node.op.name for node in program.nodes] == list(ops.OPERATORS)
    assert dump_program(program) == data
    inputs = {"image": (np.arange(32).reshape(1, 4, 4, 2) * 37) % 256 - 128}
    expected = json.loads(RELEASED.with_suffix(".json").read_text())
    assert execute(program, inputs).outputs["y"].ravel().tolist() == expected


def test_save_and_load(tmp_path):
    program = load_program(RELEASED)
    save_program(program, tmp_path / "p.onnx")
    assert (tmp_path / "p.onnx").read_bytes() == RELEASED.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["p.onnx"]


def test_large_programs_are_quick():
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, size=(1024, 1024))
    op = ops.MatMul(requant=ops.Requantisation(shift=16, lo=-128, hi=127))
    program = single(op, [(1024,)], [weight, np.zeros(1024), [1]])
    began_s = time.perf_counter()
    load_program(dump_program(program))
    assert time.perf_counter() - began_s < 2


def test_the_size_limit(monkeypatch, tmp_path):
    data = RELEASED.read_bytes()
    path = tmp_path / "p.onnx"
    path.write_bytes(data)
    monkeypatch.setattr(onnx_file, "MAX_FILE_BYTES", len(data) - 1)
    program = load_program_unlimited(data)
    for attempt in (
        lambda: load_program(data),
        lambda: load_program(path),
        lambda: dump_program(program),
    ):
        with pytest.raises(ResourceLimit) as caught:
            attempt()
        assert caught.value.code == "file-too-large"


def load_program_unlimited(data):
    model = onnx.ModelProto.FromString(data)
    return onnx_file.decode(model)


# --- Strictness ---------------------------------------------------------------------------------


def released():
    return onnx.ModelProto.FromString(RELEASED.read_bytes())


def node(model, op_type):
    return next(n for n in model.graph.node if n.op_type == op_type)


def initializer(model, prefix):
    return next(t for t in model.graph.initializer if t.name.startswith(prefix))


def attribute(call, name):
    return next(a for a in call.attribute if a.name == name)


def schema(model, change):
    entry = model.metadata_props[0]
    raw = json.loads(entry.value)
    change(raw)
    entry.value = json.dumps(raw, sort_keys=True, separators=(",", ":"))


def retyped(tensor):
    values = np.frombuffer(tensor.raw_data, "<i1").astype("<i2")
    tensor.CopyFrom(onnx.numpy_helper.from_array(values.reshape(tensor.dims), tensor.name))


def as_float(tensor):
    values = np.frombuffer(tensor.raw_data, "<i1").astype("<f4").reshape(tensor.dims)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def external(tensor):
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def multiplier(model, value):
    """Overwrite the first node's multiplier, in the smallest type that holds the value."""
    name = node(model, "MatMul").input[3]
    dtype = "<i1" if abs(value) < 128 else "<i8"
    tensor = initializer(model, name)
    values = np.full(tuple(tensor.dims), value, dtype)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, name))


TAMPERED = {
    "not a program": (lambda m: m.ClearField("metadata_props"), "not-a-program"),
    "other IR version": (lambda m: setattr(m, "ir_version", 8), "bad-header"),
    "other opset": (lambda m: setattr(m.opset_import[0], "version", 19), "bad-header"),
    "producer": (lambda m: setattr(m, "producer_name", "x"), "not-canonical"),
    "doc string": (lambda m: setattr(m.graph, "doc_string", "x"), "not-canonical"),
    "function: another body": (
        lambda m: attribute(m.functions[0].node[2], "value_int").__setattr__("i", 2),
        "bad-function",
    ),
    "function: another domain": (
        lambda m: setattr(m.functions[0], "domain", "other"), "bad-function"),
    "function: unknown": (lambda m: m.functions.add(name="Evil", domain="verifiable"),
                          "bad-function"),
    "function: missing": (lambda m: m.functions.pop(), "not-canonical"),
    "function: twice": (lambda m: m.functions.append(m.functions[0]), "not-canonical"),
    "metadata: unknown key": (lambda m: m.metadata_props.add(key="x", value="y"), "bad-metadata"),
    "metadata: key twice": (
        lambda m: m.metadata_props.append(m.metadata_props[0]), "bad-metadata"),
    "schema: no JSON": (lambda m: setattr(m.metadata_props[0], "value", "{"), "bad-schema"),
    "schema: list": (lambda m: setattr(m.metadata_props[0], "value", "[]"), "bad-schema"),
    "schema: field twice": (
        lambda m: setattr(m.metadata_props[0], "value", '{"format":1,' +
                          m.metadata_props[0].value[1:]), "bad-schema"),
    "schema: deep": (lambda m: setattr(m.metadata_props[0], "value", "[" * 99999), "bad-schema"),
    "schema: spaces": (
        lambda m: setattr(m.metadata_props[0], "value", m.metadata_props[0].value + " "),
        "not-canonical"),
    "schema: future format": (lambda m: schema(m, lambda s: s.update(format=2)), "bad-schema"),
    "schema: other field": (lambda m: schema(m, lambda s: s.update(x=1)), "bad-schema"),
    "schema: NaN scale": (
        lambda m: schema(m, lambda s: s["inputs"][0].update(scale=float("nan"))), "bad-schema"),
    "schema: scale 0": (
        lambda m: schema(m, lambda s: s["inputs"][0].update(scale=0.0)), "bad-schema"),
    "schema: integer scale": (
        lambda m: schema(m, lambda s: s["inputs"][0].update(scale=1)), "bad-schema"),
    "schema: true for 1": (
        lambda m: schema(m, lambda s: s["inputs"][0].update(zero_point=True)), "bad-schema"),
    "schema: float bound": (
        lambda m: schema(m, lambda s: s["inputs"][0].update(hi=127.0)), "bad-schema"),
    "schema: empty range": (
        lambda m: schema(m, lambda s: s["inputs"][0].update(lo=128)), "bad-schema"),
    "schema: huge range": (
        lambda m: schema(m, lambda s: s["inputs"][0].update(hi=1 << 53)), "bad-schema"),
    "schema: a width of 3": (
        lambda m: schema(m, lambda s: s["widths"].__setitem__(0, 3)), "bad-schema"),
    "schema: a wider width": (
        lambda m: schema(m, lambda s: s["widths"].__setitem__(0, 8)), "bad-width"),
    "schema: a width short": (lambda m: schema(m, lambda s: s["widths"].pop()), "bad-graph"),
    "schema: a width more": (lambda m: schema(m, lambda s: s["widths"].append(1)), "bad-graph"),
    "schema: an output more": (
        lambda m: schema(m, lambda s: s["outputs"].append(s["outputs"][0])), "bad-schema"),
    "input: dynamic": (
        lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_param", "n"),
        "bad-shape"),
    "input: int8": (
        lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 3), "bad-shape"),
    "input: other shape": (
        lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 5), None),
    "input: spare": (lambda m: m.graph.input.append(m.graph.input[0]), "bad-schema"),
    "output: other shape": (
        lambda m: setattr(m.graph.output[0].type.tensor_type.shape.dim[0], "dim_value", 5),
        "not-canonical"),
    "value: other shape": (
        lambda m: setattr(m.graph.value_info[0].type.tensor_type.shape.dim[0], "dim_value", 5),
        "not-canonical"),
    "tensor: unused weight": (
        lambda m: m.graph.initializer.add(name="weight:99:", data_type=3, raw_data=b"1"),
        "unused-constant"),
    "tensor: unused shape": (
        lambda m: m.graph.initializer.add(name="shape:99.0", data_type=7, dims=[0]),
        "not-canonical"),
    "tensor: unknown name": (
        lambda m: m.graph.initializer.add(name="secret", data_type=3, raw_data=b"1"),
        "bad-constant"),
    "tensor: twice": (
        lambda m: m.graph.initializer.append(m.graph.initializer[0]), "bad-name"),
    "tensor: float": (lambda m: as_float(initializer(m, "weight:")), "bad-constant"),
    "tensor: wider type": (lambda m: retyped(initializer(m, "weight:")), "bad-constant"),
    "tensor: data too short": (
        lambda m: setattr(initializer(m, "weight:"), "raw_data", b""), "bad-constant"),
    "tensor: negative axis": (
        lambda m: initializer(m, "weight:").dims.__setitem__(0, -1), "bad-constant"),
    "tensor: huge": (
        lambda m: initializer(m, "weight:").dims.extend([1 << 62, 1 << 62]), "bad-constant"),
    "tensor: external": (lambda m: external(initializer(m, "weight:")), "external-data"),
    "tensor: typed data": (
        lambda m: initializer(m, "weight:").int32_data.append(1), "not-canonical"),
    "tensor: sparse": (lambda m: m.graph.sparse_initializer.add(), "bad-graph"),
    "multiplier 0": (lambda m: multiplier(m, 0), "bounds-exceeded"),
    "multiplier -1": (lambda m: multiplier(m, -1), "bounds-exceeded"),
    "multiplier 2^31": (lambda m: multiplier(m, 1 << 31), "bounds-exceeded"),
    "shift 41": (
        lambda m: setattr(attribute(node(m, "MatMul"), "shift"), "i", 41), "bounds-exceeded"),
    "shift -1": (
        lambda m: setattr(attribute(node(m, "MatMul"), "shift"), "i", -1), "bounds-exceeded"),
    "lo above hi": (
        lambda m: setattr(attribute(node(m, "MatMul"), "lo"), "i", 128), "bounds-exceeded"),
    "attribute: missing": (lambda m: node(m, "MatMul").attribute.pop(), "bad-attribute"),
    "attribute: unknown": (
        lambda m: node(m, "MatMul").attribute.add(name="x", type=2, i=1), "bad-attribute"),
    "attribute: twice": (
        lambda m: node(m, "MatMul").attribute.append(node(m, "MatMul").attribute[0]),
        "bad-attribute"),
    "attribute: float": (
        lambda m: setattr(attribute(node(m, "MatMul"), "shift"), "type", 1), "bad-attribute"),
    "attribute: a float beside the integer": (
        lambda m: setattr(attribute(node(m, "MatMul"), "shift"), "f", 1.0), "not-canonical"),
    "attribute: reference": (
        lambda m: setattr(attribute(node(m, "MatMul"), "shift"), "ref_attr_name", "x"),
        "bad-attribute"),
    "attribute: short list": (
        lambda m: attribute(node(m, "Conv"), "pads").ints.pop(), "bad-attribute"),
    "attribute: stride 0": (
        lambda m: attribute(node(m, "Conv"), "strides").ints.__setitem__(0, 0), "bad-shape"),
    "attribute: group 0": (
        lambda m: setattr(attribute(node(m, "Conv"), "group"), "i", 0), "bad-shape"),
    "attribute: huge dilation": (
        lambda m: attribute(node(m, "Conv"), "dilations").ints.__setitem__(0, (1 << 63) - 1),
        "bad-shape"),
    "attribute: negative axis": (
        lambda m: setattr(attribute(node(m, "Concat"), "axis"), "i", -1), "bad-shape"),
    "node: unknown operator": (
        lambda m: setattr(node(m, "MatMul"), "op_type", "Gemm"), "unknown-operator"),
    "node: standard domain": (
        lambda m: node(m, "MatMul").ClearField("domain"), "unknown-operator"),
    "node: function for a standard operator": (
        lambda m: setattr(node(m, "Concat"), "domain", "verifiable"), "unknown-operator"),
    "node: other name": (lambda m: setattr(node(m, "Add"), "name", "7:add"), "bad-name"),
    "node: other output": (lambda m: node(m, "Add").output.__setitem__(0, "z"), "bad-name"),
    "node: two outputs": (lambda m: node(m, "Add").output.append("z"), "bad-name"),
    "node: unknown operand": (
        lambda m: node(m, "Add").input.__setitem__(0, "z"), "bad-operands"),
    "node: itself as operand": (
        lambda m: node(m, "Add").input.__setitem__(0, node(m, "Add").output[0]), "bad-operands"),
    "node: a weight as activation": (
        lambda m: node(m, "Add").input.__setitem__(0, initializer(m, "weight:").name), None),
    "node: operand missing": (lambda m: node(m, "Add").input.pop(), "bad-operands"),
    "node: removed": (lambda m: m.graph.node.pop(0), None),
    "node: dead view": (
        lambda m: m.graph.node.add(op_type="Reshape", name="dead", output=["view:dead"],
                                   input=["image", initializer(m, "shape:").name]),
        "not-canonical"),
    "view: attribute": (
        lambda m: node(m, "Reshape").attribute.add(name="allowzero", type=2, i=0), "bad-view"),
    "view: of nothing": (
        lambda m: node(m, "Reshape").input.__setitem__(0, "z"), "bad-view"),
    "view: other element count": (
        lambda m: setattr(initializer(m, "shape:"), "raw_data",
                          np.array([3] * initializer(m, "shape:").dims[0], "<i8").tobytes()),
        None),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_files_are_refused(name):
    change, code = TAMPERED[name]
    model = released()
    change(model)
    data = model.SerializeToString(deterministic=True)
    assert data != RELEASED.read_bytes()
    with pytest.raises(MalformedModel) as caught:
        load_program(data)
    if code is not None:
        assert caught.value.code == code, str(caught.value)


def test_errors_name_the_file_and_the_node(tmp_path):
    model = released()
    node(model, "Conv").attribute.pop()
    path = tmp_path / "p.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(MalformedModel) as caught:
        load_program(path)
    assert caught.value.where == f"{path}: node {node(model, 'Conv').name} (Conv)"


def test_bytes_that_are_not_exactly_the_file_are_refused():
    data = RELEASED.read_bytes()
    for cut in (0, 1, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(MalformedModel):
            load_program(data[:cut])
    for spare in (b"\0", b"\x08\x09", b"junk", b"\xfa\x3f\x01x"):
        with pytest.raises(MalformedModel):
            load_program(data + spare)


def test_no_flipped_byte_loads_as_the_same_program_or_escapes_as_another_error():
    data = RELEASED.read_bytes()
    rng = np.random.default_rng(1)
    for position in rng.permutation(len(data))[:1500]:
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(rng.integers(8))
        try:
            program = load_program(bytes(flipped))
        except VerifiableError:
            continue
        assert dump_program(program) == bytes(flipped)  # a name, a weight: another valid file


@pytest.mark.parametrize("name", ["", "node:0", "shape:x", "y"])
def test_names_that_collide_are_refused(name):
    program = single(ops.Transpose(perm=(0,)), [(2,)])
    bad = replace(program, inputs=(replace(program.inputs[0], name=name),))
    with pytest.raises(MalformedModel) as caught:
        dump_program(bad)
    assert caught.value.code == "bad-name"


def test_programs_outside_the_format_are_not_written():
    program = single(ops.Transpose(perm=(0,)), [(2,)])
    only = program.nodes[0]
    wide = replace(program, nodes=(replace(only, width=2),))
    matmul = single(ops.MatMul(requant=ops.Requantisation(lo=0, hi=1)), [(1,)], [[[1]], [0], [1]])
    padded = tuple(replace(c, width=8) for c in matmul.weights)
    for bad, code in (
        (wide, "bad-width"),
        (replace(program, weights=matmul.weights), "unused-constant"),
        (replace(matmul, weights=padded), "bad-constant"),
    ):
        with pytest.raises(MalformedModel) as caught:
            dump_program(bad)
        assert caught.value.code == code
