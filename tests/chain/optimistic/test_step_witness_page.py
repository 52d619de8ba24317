"""The example and the figures of the format's page are what code and measurements give."""

from __future__ import annotations

import json
import re
import sys

import pytest
from sample_models import REPOSITORY
from step_contracts import REASONS, StepContracts

PAGE = REPOSITORY / "docs" / "formats" / "step-witness.md"
RESULT = REPOSITORY / "benchmarks" / "results" / "step_gas.json"
INTERFACE = REPOSITORY / "contracts" / "src" / "optimistic" / "IStepVerifier.sol"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_example_is_judged(page: str, steps: StepContracts) -> None:
    example = page[page.index("## Example") :]
    found = re.search(r"Element (\d+) of a Transpose.* value is (-?\d+)\.", example)
    assert found is not None
    element, value = int(found[1]), int(found[2])
    blocks = re.findall(r"^```\n(.*?)^```$", example, re.DOTALL | re.MULTILINE)
    root, desc, witness = (bytes.fromhex(block.replace("\n", "")) for block in blocks)
    steps.check_node(desc, 5)
    assert not steps.is_fault(desc, 5, element, value, [root], witness).fault
    assert steps.is_fault(desc, 5, element, value + 1, [root], witness).fault


def test_the_table_is_the_stored_result(page: str) -> None:
    sys.path.insert(0, str(REPOSITORY / "benchmarks"))
    try:
        from step_gas import tables
    finally:
        sys.path.pop(0)
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    assert tables(result) in page
    figures = [*result["dot_products"], *result["largest_steps"], *result["most_places"]]
    for nodes in result["models"].values():
        figures += nodes
    assert max(item["used_gas"] for item in figures) < result["gas_limit"] == 1 << 24
    assert max(result["code_bytes"].values()) < 24_576
    long = [item for item in result["dot_products"] if item["x_width"] == 1][1:]
    assert [item["length"] for item in long] == [1024, 4096, 11_008]
    assert max(item["execution_gas_per_multiply_add"] for item in long) < 50


def test_the_page_names_every_reason_and_defect(page: str) -> None:
    source = INTERFACE.read_text(encoding="utf-8")
    for name, row in (("Unsupported", "Step_Unsupported"), ("Defect", "Step_MalformedWitness")):
        body = re.search(rf"enum {name} {{(.*?)}}", source, re.DOTALL)
        assert body is not None
        items = re.findall(r"\w+", body[1])
        assert ", ".join(items) + " |" in page[page.index(f"| `{row}(") :].splitlines()[0]
        if name == "Unsupported":
            assert tuple(items) == REASONS
