"""The optional members of a lock's entries: read strictly, kept, and absent from older locks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from statement_samples import dense_program, lock_of, pair_program

from verifiable.errors import MalformedFile
from verifiable.statement.lock import Lock
from verifiable.statement.pins import ModelPins, read_pinned

FILE = {"path": "models/a b.onnx", "sha256": "0x" + "11" * 32, "size": 12}
PINS = {
    "file": FILE,
    "golden": [{"input": {**FILE, "path": "in.npz"}, "row": 0, "output_root": "0x" + "22" * 32}],
    "accuracy": {"dataset": {**FILE, "path": "data.npz"}, "floor_basis_points": 9700},
    "proofs": [{**FILE, "path": "proof.json"}],
}


def _document() -> dict[str, Any]:
    models = (*lock_of(dense_program()).models, *lock_of(pair_program()).models)
    document: dict[str, Any] = json.loads(Lock(models=models).encode())
    document["models"][0].update(json.loads(json.dumps(PINS)))
    return document


def _both(document: dict[str, Any]) -> list[str]:
    """The codes with which the two readers refuse a document."""
    found = []
    for read in (Lock.decode, read_pinned):
        with pytest.raises(MalformedFile) as caught:
            read(json.dumps(document).encode())
        found.append(caught.value.code)
    return found


def test_pins_are_read_back() -> None:
    data = json.dumps(_document(), sort_keys=True, separators=(",", ":")).encode() + b"\n"
    lock = Lock.decode(data)
    assert lock.encode() == data
    assert lock.models[1].pins == ModelPins()
    pins = lock.models[0].pins
    assert pins.file is not None
    assert (pins.file.path, pins.file.size) == ("models/a b.onnx", 12)
    assert pins.accuracy is not None
    assert pins.accuracy.floor == 9700


def test_the_quick_reader_agrees_with_the_whole_one() -> None:
    data = json.dumps(_document()).encode()
    whole = [(item.name, item.program_root, item.pins) for item in Lock.decode(data).models]
    quick = [(item.name, item.program_root, item.pins) for item in read_pinned(data)]
    assert whole == quick
    assert len(quick) == 2


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("file",), None, "wrong-type"),
        (("file", "extra"), 1, "unknown-key"),
        (("file", "sha256"), "11" * 32, "not-hex"),
        (("file", "size"), -1, "out-of-bounds"),
        (("file", "path"), "", "out-of-bounds"),
        (("file", "path"), "/etc/passwd", "bad-path"),
        (("file", "path"), "../a", "bad-path"),
        (("file", "path"), "a/../b", "bad-path"),
        (("file", "path"), "./a", "bad-path"),
        (("file", "path"), "a//b", "bad-path"),
        (("file", "path"), "a\\b", "bad-path"),
        (("file", "path"), "a\nb", "control-character"),
        (("golden",), [], "wrong-count"),
        (("golden",), [PINS["golden"][0]] * 65, "too-many"),
        (("golden", 0, "row"), -1, "out-of-bounds"),
        (("golden", 0, "output_root"), "0x", "not-hex"),
        (("accuracy", "floor_basis_points"), 0, "out-of-bounds"),
        (("accuracy", "floor_basis_points"), 10_001, "out-of-bounds"),
        (("accuracy", "floor_basis_points"), 0.97, "number-not-canonical"),
        (("proofs",), [], "wrong-count"),
        (("proofs", 0, "path"), "../proof.json", "bad-path"),
        (("other",), 1, "unknown-key"),
    ],
)
def test_bad_pins_are_refused(path: tuple[Any, ...], value: object, code: str) -> None:
    document = _document()
    holder = document["models"][0]
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    assert _both(document) == [code, code]


def test_two_entries_for_one_file_are_refused() -> None:
    document = _document()
    document["models"][1]["file"] = FILE
    assert _both(document) == ["duplicate-file"] * 2


def test_two_entries_for_one_program_are_refused_by_the_quick_reader_too() -> None:
    document = _document()
    document["models"][1] = {**document["models"][0], "file": {**FILE, "path": "b"}}
    assert _both(document) == ["duplicate-program"] * 2
