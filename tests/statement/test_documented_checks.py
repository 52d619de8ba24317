"""Ids in comments, in code, on the page and in test names agree; examples decode."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from statement_samples import TOY_POLICY, dense_case, pair_case

from verifiable.backends.registry import backend_ids, get_backend
from verifiable.integrity.checks import INTEGRITY_CHECKS
from verifiable.statement.checks import STATEMENT_CHECKS, CheckSpec
from verifiable.statement.composite import combine
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.requirement import Requirement
from verifiable.statement.registry import REGISTRY_CHECKS
from verifiable.verification import evaluate

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _declared() -> list[CheckSpec]:
    backends = [get_backend(name) for name in backend_ids()]
    own = [item for item in backends if type(item).__module__.startswith("verifiable.")]
    return [
        *STATEMENT_CHECKS,
        *REGISTRY_CHECKS,
        *INTEGRITY_CHECKS,
        *(spec for backend in own for spec in backend.checks),
    ]


CHECKS = _declared()
IDS = [spec.id for spec in CHECKS]


def _text(folder: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / folder).rglob("*.py")))


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("security_table", DOCS / "security_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ids_are_unique_and_well_formed() -> None:
    assert len(set(IDS)) == len(IDS)
    for spec in CHECKS:
        assert re.fullmatch(r"[A-Z]+-[1-9][0-9]*", spec.id)
        assert spec.name
        assert spec.refuses.endswith((".", ")."))
        assert spec.codes
        assert len(set(spec.codes)) == len(spec.codes)
        for code in spec.codes:
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)


@pytest.mark.parametrize("name", IDS)
def test_each_id_stands_at_its_check(name: str) -> None:
    assert re.search(rf"# {name}\b", _text("verifiable") + _text("circuits"))


@pytest.mark.parametrize("name", IDS)
def test_each_id_has_a_cheating_test_of_its_name(name: str) -> None:
    stem = name.lower().replace("-", "_")
    assert re.search(rf"def test_{stem}_\w+\(", _text("tests"))


def test_no_comment_names_a_check_that_is_not_declared() -> None:
    prefixes = "|".join(sorted({name.split("-")[0] for name in IDS}))
    sources = _text("verifiable") + _text("circuits")
    mentioned = set(re.findall(rf"# ((?:{prefixes})-[0-9]+)\b", sources))
    assert mentioned == set(IDS)


def test_every_code_is_asserted_somewhere() -> None:
    tests = _text("tests")
    for spec in (*STATEMENT_CHECKS, *REGISTRY_CHECKS, *INTEGRITY_CHECKS):
        for code in spec.codes:
            assert f'"{code}"' in tests


def test_the_page_shows_the_tables_of_the_code() -> None:
    page = (DOCS / "security.md").read_text()
    assert _generator().updated(page) == page, "run: python docs/security_table.py"
    for name in IDS:
        assert page.count(f"\n| {name} | ") == 1


def test_an_undeclared_code_cannot_be_reported() -> None:
    with pytest.raises(ValueError, match="does not declare"):
        STATEMENT_CHECKS[0].failed("made-up")


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
