"""The operators' page, the catalogue and the code say the same."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from verifiable.circuits import catalogue
from verifiable.circuits.samples import SAMPLES
from verifiable.errors import MalformedModel
from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.onnx_file import dump_program, load_program
from verifiable.program.operators import OPERATORS
from verifiable.program.reference import requantise

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/formats/operators.md").read_text(encoding="utf-8")
FORMAT = (ROOT / "docs/formats/program.md").read_text(encoding="utf-8")


def sections():
    parts = re.split(r"^### (\w+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_operator_has_every_part():
    assert catalogue.missing() == ()


def test_a_missing_part_is_found(monkeypatch):
    class Toy(ops.Operator):
        opcode = 99
        roles = ("x",)

    monkeypatch.setitem(OPERATORS, "Toy", Toy)
    assert catalogue.missing() == (
        "Toy: shape rule",
        "Toy: range rule",
        "Toy: reference executor",
        "Toy: fast executor",
        "Toy: ONNX body",
        "Toy: sample program",
    )


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_defined_on_the_page(name):
    text = sections()[name]
    kind = OPERATORS[name]
    op = next(iter(SAMPLES[name].values())).nodes[0].op
    assert f"Opcode {kind.opcode}." in text
    own = [item for item in op.attributes() if item not in ("shift", "zero_point", "lo", "hi")]
    for word in (*kind.roles, *own):
        assert f"`{word}`" in text, word


def test_the_page_defines_no_other_operator():
    assert set(sections()) - {"Vectors"} == set(OPERATORS)
    assert [kind.opcode for kind in OPERATORS.values()] == list(range(1, len(OPERATORS) + 1))


def test_the_vectors_on_the_page():
    rows = re.findall(r"^\|((?: -?\d+ \|){7})", sections()["Vectors"], flags=re.MULTILINE)
    assert len(rows) == 17
    for row in rows:
        acc, m, shift, zero_point, lo, hi, expected = map(int, row.strip(" |").split("|"))
        step = ops.Requantisation(shift=shift, zero_point=zero_point, lo=lo, hi=hi)
        assert requantise(np.array([acc]), m, step).tolist() == [expected]


@pytest.mark.parametrize(
    ("name", "variant"), [(name, variant) for name in SAMPLES for variant in SAMPLES[name]]
)
def test_samples_are_valid_programs(name, variant):
    program = SAMPLES[name][variant]
    assert [node.op.name for node in program.nodes] == [name]
    loaded = load_program(dump_program(program))
    inputs = {spec.name: np.full(spec.shape, -3) for spec in program.inputs}
    results = [execute(loaded, inputs, tier=tier).values[0] for tier in ("fast", "reference")]
    np.testing.assert_array_equal(*results)


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current():
    for path, page in generator().PAGES.items():
        committed = (ROOT / path).read_text(encoding="utf-8")
        assert committed == page(), f"{path} is out of date: run `make docs`"


def test_the_catalogue_shows_refusals():
    page = catalogue.render({"mock": lambda program: ["a | reason"] * len(program.tables)})
    assert "| LookupTable | one row | no: a \\| reason |" in page
    assert "| MatMul | plain | yes |" in page


def test_the_schema_on_the_format_page_is_one_that_loads():
    (example,) = re.findall(r"```json\n(.*?)\n```", FORMAT, flags=re.DOTALL)
    path = ROOT / "tests/program/vectors/program_v1.onnx"
    model = onnx.ModelProto.FromString(path.read_bytes())
    stored = json.loads(model.metadata_props[0].value)
    shown = json.loads(example)
    shown["widths"] = stored["widths"]
    model.metadata_props[0].value = json.dumps(shown, sort_keys=True, separators=(",", ":"))
    program = load_program(model.SerializeToString(deterministic=True))
    assert program.inputs[0].scale == shown["inputs"][0]["scale"]


def test_every_code_on_the_format_page_is_raised_by_the_reader():
    table = FORMAT.split("## Reading")[1]
    listed = {
        code
        for row in re.findall(r"^\| (`.*?`) \|", table, flags=re.MULTILINE)
        for code in re.findall(r"`([a-z-]+)`", row)
    }
    source = "".join(
        (ROOT / "verifiable/program" / name).read_text(encoding="utf-8")
        for name in ("onnx_file.py", "onnx_decode.py", "onnx_encode.py")
    )
    raised = set(re.findall(r'code="([a-z-]+)"', source))
    raised |= set(re.findall(r'"((?:bad|unknown|external)-[a-z]+)"', source))
    raised |= {MalformedModel.default_code}
    assert listed == raised
