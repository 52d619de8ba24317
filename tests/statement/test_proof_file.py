"""Every leaf of a proof file, tampered with; truncated and damaged files; files of other shapes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statement_samples import TOY_POLICY, dense_case, pair_case

from verifiable.errors import MalformedProof, VerifiableError
from verifiable.statement.commitment import ProgramCommitment, Schema, TensorSpec
from verifiable.statement.policy import Policy
from verifiable.statement.proof import PROOF_FORMAT, Proof
from verifiable.statement.statement import Statement
from verifiable.statement.verdict import Verdict
from verifiable.verification import evaluate

pytestmark = pytest.mark.usefixtures("toy")

POLICY = Policy(backends={"toy": "1.2.0"})
FLIPPED = "0x" + "5a" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """A new value for one leaf, and the code that must come of it."""

    value: Callable[[Any], Any]
    code: str


def to(value: object, code: str) -> Tampering:
    return Tampering(value=lambda old: value, code=code)


def plus_one(code: str) -> Tampering:
    return Tampering(value=lambda old: old + 1, code=code)


HEADER = "program-header-mismatch"

MANIFEST: dict[str, list[Tampering]] = {
    "format": [to(PROOF_FORMAT.replace("v1", "v2"), "unknown-format"), to(1, "unknown-format")],
    "backend": [
        to("other", "backend-not-accepted"),
        to("", "out-of-bounds"),
        to("toy\n", "control-character"),
    ],
    "backend_version": [
        to("1.1.9", "backend-version-not-accepted"),
        to("99.1", "backend-version-mismatch"),
        to("latest", "bad-version"),
        to(12, "wrong-type"),
    ],
    "statement.program_root": [to(FLIPPED, HEADER), to("0x", "not-hex")],
    "statement.input_root": [to(FLIPPED, "input-mismatch"), to("0x", "not-hex")],
    "statement.output_root": [to(FLIPPED, "output-mismatch"), to("0x", "not-hex")],
    "statement.context": [to(FLIPPED, "toy-evidence-false"), to("0x", "not-hex")],
    "program.spec_version": [to(2, "unknown-spec-version"), to(-1, "out-of-bounds")],
    "program.leaf_log2": [to(8, HEADER), to(9, "out-of-bounds")],
    "program.graph_root": [to(FLIPPED, HEADER), to(None, "wrong-type")],
    "program.weights_root": [to(FLIPPED, HEADER), to(None, "wrong-type")],
    "program.tables_root": [to(FLIPPED, HEADER), to(None, "wrong-type")],
    "program.schema.inputs[].name": [
        to("other", HEADER),
        to("x" * 257, "out-of-bounds"),
        to("x\nPROVEN: statement", "control-character"),
    ],
    "program.schema.inputs[].shape[]": [plus_one("wrong-count"), to(0, "out-of-bounds")],
    "program.schema.inputs[].width": [to(8, HEADER), to(3, "out-of-bounds")],
    "program.schema.inputs[].lo": [plus_one(HEADER), to(-(2**40), "out-of-bounds")],
    "program.schema.inputs[].hi": [
        Tampering(value=lambda old: old - 1, code=HEADER),
        to(-(2**40), "out-of-bounds"),
    ],
    "program.schema.inputs[].scale": [to((0.75).hex(), HEADER), to("0.5", "not-float")],
    "program.schema.inputs[].zero_point": [plus_one(HEADER), to(0.5, "number-not-canonical")],
    "program.schema.outputs[].name": [
        to("other", HEADER),
        to(5, "wrong-type"),
        to("y\u202e", "control-character"),
    ],
    "program.schema.outputs[].shape[]": [plus_one("wrong-count"), to(2**32, "out-of-bounds")],
    "program.schema.outputs[].width": [to(8, HEADER), to(0, "out-of-bounds")],
    "program.schema.outputs[].lo": [plus_one(HEADER), to("1", "wrong-type")],
    "program.schema.outputs[].hi": [
        Tampering(value=lambda old: old - 1, code=HEADER),
        to(2**70, "number-not-canonical"),
    ],
    "program.schema.outputs[].scale": [
        to((0.75).hex(), HEADER),
        to("nan", "not-float"),
        to((1e308).hex(), "out-of-bounds"),
    ],
    "program.schema.outputs[].zero_point": [plus_one(HEADER), to(True, "wrong-type")],
    "program.schema.output_nodes[]": [
        Tampering(value=lambda old: 1 - old, code=HEADER),
        to(2, "out-of-bounds"),
    ],
    "program.schema.node_count": [plus_one(HEADER), to(0, "out-of-bounds")],
    "program.schema.max_height": [plus_one(HEADER), to(64, "out-of-bounds")],
    "visibility": [to("hashed", "wrong-type"), to("secret", "out-of-bounds")],
    "inputs[][]": [
        Tampering(value=lambda old: old - 1 if old == 1000 else old + 1, code="input-mismatch"),
        to(2**40, "input-does-not-fit"),
        to(2**63, "out-of-bounds"),
        to("1", "wrong-type"),
    ],
    "outputs[][]": [
        plus_one("output-mismatch"),
        to(2**40, "output-does-not-fit"),
        to(1.0, "number-not-canonical"),
    ],
    "saturated": [to(True, "input-saturated"), to(1, "wrong-type")],
    "payload": [to("", "toy-evidence-false"), to("YWJ", "not-base64")],
}
"""For every leaf of a proof file: changes, and the code that each must end in."""

NOT_BOUND = {"saturated": False}
"""Leaves that are the prover's word and bound by nothing; `docs/formats/proof.md` says so."""


def leaves(value: object, pattern: str = "", path: tuple[Any, ...] = ()) -> Iterator[Any]:
    """All leaves of a JSON value as (pattern, path)."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{pattern}.{key}" if pattern else key, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{pattern}[]", (*path, index))
    else:
        yield pattern, path


def changed(document: dict[str, Any], path: tuple[Any, ...], value: Callable[[Any], Any]) -> bytes:
    copy = json.loads(json.dumps(document))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    assert value(holder[path[-1]]) is not holder[path[-1]]
    holder[path[-1]] = value(holder[path[-1]])
    return json.dumps(copy).encode()


def code_of(data: bytes, policy: Policy = POLICY) -> str:
    """The code that a verifier ends with, whatever the way."""
    try:
        verdict = evaluate(data, policy, lock=pair_case().lock)
    except MalformedProof as error:
        return error.code
    return verdict.failed[0].code if verdict.failed else "proven"


DOCUMENT = json.loads(pair_case().proof.encode())
LEAVES = sorted({pattern for pattern, _ in leaves(DOCUMENT)})


def test_the_honest_proof_is_proven() -> None:
    assert code_of(json.dumps(DOCUMENT).encode()) == "proven"
    assert code_of(json.dumps(DOCUMENT, indent=2, sort_keys=False).encode()) == "proven"


def test_the_manifest_lists_every_leaf() -> None:
    assert sorted(MANIFEST) == LEAVES
    assert all(MANIFEST.values())


def test_every_member_of_the_classes_is_in_the_file() -> None:
    """A field that is added to a class shows here until the format and the manifest have it."""
    places: list[tuple[type, dict[str, Any]]] = [
        (Proof, DOCUMENT),
        (Statement, DOCUMENT["statement"]),
        (ProgramCommitment, DOCUMENT["program"]),
        (Schema, DOCUMENT["program"]["schema"]),
        (TensorSpec, DOCUMENT["program"]["schema"]["inputs"][0]),
    ]
    for kind, document in places:
        assert {item.name for item in fields(kind)} == set(document) - {"format"}


@pytest.mark.parametrize("pattern", LEAVES)
def test_tampering_with_any_leaf_is_refused_by_code(pattern: str) -> None:
    tried = 0
    for found, path in leaves(DOCUMENT):
        if found != pattern:
            continue
        for tampering in MANIFEST[pattern]:
            assert code_of(changed(DOCUMENT, path, tampering.value)) == tampering.code
            tried += 1
    assert tried >= len(MANIFEST[pattern])


def test_what_is_the_provers_word_only() -> None:
    """Documented: a withdrawn flag cannot be told from the truth."""
    lenient = Policy(backends={"toy": None}, allow_saturated=True)
    clipped = json.loads(dense_case(saturated=True).proof.encode())
    for key, value in NOT_BOUND.items():
        data = json.dumps({**clipped, key: value}).encode()
        verdict = evaluate(data, lenient, lock=dense_case().lock)
        assert verdict.outcome == "proven"


@pytest.mark.parametrize("key", sorted(DOCUMENT))
def test_a_missing_key_is_refused(key: str) -> None:
    document = {name: value for name, value in DOCUMENT.items() if name != key}
    code = "unknown-format" if key == "format" else "missing-key"
    assert code_of(json.dumps(document).encode()) == code


@pytest.mark.parametrize(
    "path",
    [(), ("statement",), ("program",), ("program", "schema"), ("program", "schema", "inputs", 0)],
)
def test_unknown_and_duplicate_keys_are_refused_at_every_level(path: tuple[Any, ...]) -> None:
    copy = json.loads(json.dumps(DOCUMENT))
    holder = copy
    for key in path:
        holder = holder[key]
    first = next(iter(holder))
    holder["extra"] = holder[first]
    data = json.dumps(copy)
    assert code_of(data.encode()) == "unknown-key"
    assert code_of(data.replace('"extra"', json.dumps(first)).encode()) == "duplicate-key"


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("inputs",), [], "wrong-count"),
        (("inputs",), None, "wrong-type"),
        (("inputs", 0), [1, 2, 3], "wrong-count"),
        (("inputs",), [[1]] * 3, "too-many"),
        (("outputs",), None, "wrong-type"),
        (("outputs",), {}, "wrong-type"),
        (("statement",), [], "wrong-type"),
        (("program", "schema", "inputs"), [], "wrong-count"),
        (("program", "schema", "output_nodes"), [0], "wrong-count"),
        (("program", "schema", "inputs", 0, "shape"), [1] * 7, "too-many"),
        (("program", "schema", "inputs", 0, "shape"), [2**31, 2], "out-of-bounds"),
        (("program", "schema", "inputs", 1, "name"), "a", "duplicate-name"),
    ],
)
def test_structures_that_do_not_fit_are_refused(
    path: tuple[Any, ...], value: object, code: str
) -> None:
    assert code_of(changed(DOCUMENT, path, lambda old: value)) == code


def test_a_tensor_may_span_all_that_its_width_holds() -> None:
    """As an output of eight bytes does whose node has no clamp."""
    copy = json.loads(json.dumps(DOCUMENT))
    widest = {"width": 8, "lo": -(2**63), "hi": 2**63 - 1, "zero_point": -1}
    copy["program"]["schema"]["outputs"][0].update(widest)
    (spec, _) = Proof.decode(json.dumps(copy).encode()).program.schema.outputs
    assert (spec.lo, spec.hi) == (-(2**63), 2**63 - 1)


def test_a_hidden_input_is_not_in_the_file() -> None:
    honest = dense_case(visibility="hashed", inputs=None)
    document = json.loads(honest.proof.encode())
    assert document["inputs"] is None
    assert Proof.decode(honest.proof.encode()).inputs is None


def test_hiding_a_shown_input_leaves_the_verdict_open() -> None:
    copy = {**DOCUMENT, "visibility": "hashed", "inputs": None}
    assert code_of(json.dumps(copy).encode()) == "input-missing"


def test_a_proof_is_written_one_way_and_read_back() -> None:
    for honest in (dense_case(), pair_case(), dense_case(visibility="hashed", inputs=None)):
        data = honest.proof.encode()
        again = Proof.decode(data)
        assert again.encode() == data
        assert data.endswith(b"\n")
        assert again.statement == honest.proof.statement
        assert again.program == honest.proof.program
        assert all(not values.flags.writeable for values in (*(again.inputs or ()), *again.outputs))


def test_limits_and_unreadable_files(tmp_path: Path) -> None:
    data = dense_case().proof.encode()
    path = tmp_path / "proof.json"
    path.write_bytes(data)
    assert Proof.load(path, limit_bytes=len(data)).encode() == data
    for read in (
        lambda: Proof.load(path, limit_bytes=len(data) - 1),
        lambda: Proof.decode(data, limit_bytes=len(data) - 1),
    ):
        with pytest.raises(MalformedProof) as caught:
            read()
        assert caught.value.code == "too-large"
    for absent in (tmp_path / "none.json", tmp_path, "null\0byte"):
        with pytest.raises(MalformedProof) as missing:
            evaluate(absent, POLICY)
        assert missing.value.code == "unreadable-file"
    for given in (str(path), path, bytearray(data), memoryview(data)):
        verdict = evaluate(given, TOY_POLICY, lock=dense_case().lock)
        assert verdict.outcome == "proven"


# --- damage ----------------------------------------------------------------------------------


def _judge_damaged(data: bytes) -> Verdict | None:
    """The verdict on damaged bytes, or None if they are not read; nothing else may come."""
    try:
        return evaluate(data, POLICY, lock=dense_case().lock)
    except VerifiableError:
        return None


def _same_meaning(verdict: Verdict) -> bool:
    honest = dense_case()
    assert verdict.inputs is not None
    assert verdict.outputs is not None
    return (
        verdict.statement_digest == honest.proof.statement.digest
        and np.array_equal(verdict.inputs["x"], honest.inputs["x"])
        and np.array_equal(verdict.outputs["y"], honest.proof.outputs[0])
    )


def test_no_truncation_is_read() -> None:
    data = dense_case().proof.encode()
    for length in range(len(data) - 1):
        with pytest.raises(MalformedProof):
            Proof.decode(data[:length])


def test_random_damage_never_changes_the_meaning() -> None:
    data = dense_case().proof.encode()
    random_bytes = random.Random(5)
    outcomes = {"unread": 0, "not_proven": 0, "undecided": 0, "proven": 0}
    interesting = b'0123456789abcdef"{}[],:-.+ \n\\eE\x00\xff'
    for _ in range(1500):
        damaged = bytearray(data)
        for _ in range(random_bytes.choice((1, 1, 1, 2, 5))):
            at = random_bytes.randrange(len(damaged))
            change = random_bytes.randrange(4)
            if change == 0:
                damaged[at] ^= 1 << random_bytes.randrange(8)
            elif change == 1:
                damaged[at] = random_bytes.choice(interesting)
            elif change == 2:
                del damaged[at]
            else:
                damaged.insert(at, random_bytes.choice(interesting))
        verdict = _judge_damaged(bytes(damaged))
        outcomes[verdict.outcome if verdict else "unread"] += 1
        if verdict is not None and verdict.outcome == "proven":
            assert _same_meaning(verdict)
    assert outcomes["unread"] > 50
    assert outcomes["not_proven"] > 50


def test_swapped_parts_of_two_honest_proofs_are_refused() -> None:
    """Each part is honest; only together they lie."""
    first = json.loads(dense_case().proof.encode())
    second = json.loads(dense_case(context=bytes(range(32))).proof.encode())
    for key in ("statement", "payload"):
        data = json.dumps({**first, key: second[key]}).encode()
        verdict = evaluate(data, POLICY, lock=dense_case().lock)
        assert verdict.failed[0].code == "toy-evidence-false"
