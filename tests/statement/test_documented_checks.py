"""The examples on the pages of formats are what they say, and the pages name every member."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from statement_samples import TOY_POLICY, dense_case, pair_case

from verifiable.statement.composite import combine
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.requirement import Requirement
from verifiable.verification import evaluate

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _examples(page: str) -> Iterator[bytes]:
    text = (DOCS / "formats" / page).read_text()
    found = re.findall(r"^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found
    yield from (item.encode() for item in found)


def test_the_example_of_a_proof_is_one() -> None:
    (example,) = _examples("proof.md")
    proof = Proof.decode(example)
    assert proof.statement == dense_case().proof.statement
    assert proof.program.program_root == proof.statement.program_root


def test_the_example_of_a_lock_is_one() -> None:
    (example,) = _examples("lock.md")
    lock = Lock.decode(example)
    assert lock.entry(dense_case().proof.statement.program_root) is not None


def test_the_examples_of_policies_are_policies() -> None:
    strict, demo, several, anchored = [Policy.decode(example) for example in _examples("policy.md")]
    assert strict == Policy()
    assert demo.allow_insecure == {"local_setup"}
    assert several.require == "ezkl or (tee and optimistic)"
    assert anchored.registry is not None
    assert anchored.registry.require_frozen
    page = (DOCS / "formats" / "policy.md").read_text()
    for member in json.loads(Policy().encode()):
        assert f"\n| `{member}` | " in page
    for member in json.loads(anchored.encode())["registry"]:
        assert f"\n| `{member}` | " in page


@pytest.mark.usefixtures("toy")
def test_the_example_of_a_verdict_has_the_keys_of_one() -> None:
    (example,) = _examples("verdict.md")
    told: dict[str, Any] = json.loads(example)
    real: dict[str, Any] = evaluate(dense_case().proof, TOY_POLICY, lock=pair_case().lock).to_json()
    assert list(told) == list(real)
    assert list(told["checks"][0]) == list(real["checks"][0])
    page = (DOCS / "formats" / "verdict.md").read_text()
    for key in real:
        assert f"\n| `{key}` | " in page
    together = combine(Requirement.parse("toy"), [evaluate(dense_case().proof, TOY_POLICY)])
    for key in together.to_json():
        assert re.search(rf"^\| .*`{key}`.* \| ", page, re.M), key


def test_the_page_on_proofs_lists_every_code_of_reading() -> None:
    page = (DOCS / "formats" / "proof.md").read_text()
    modules = ("strict_json", "header", "proof")
    source = "".join(
        (ROOT / "verifiable" / "statement" / f"{name}.py").read_text() for name in modules
    )
    for code in sorted(set(re.findall(r'code="([a-z0-9-]+)"', source))):
        assert f"`{code}`" in page, code
