"""The golden vectors, checked by code that shares nothing with the library.

keccak, packing, trees and the reading of descriptors are written again here in plain Python, from
`docs/formats/commitments.md`. A swapped hash library, another padding or another order of fields
in the library shows as a difference.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parent.parent / "vectors"
GOLDEN: dict[str, Any] = json.loads((VECTORS / "commitments.json").read_text())

MASK = (1 << 64) - 1


def _rotate(lane: int, count: int) -> int:
    return ((lane << count) | (lane >> (64 - count))) & MASK if count else lane


def _round_constants() -> list[int]:
    """By the linear feedback shift register of the specification."""
    constants, register = [], 1
    for _ in range(24):
        value = 0
        for bit in range(7):
            if register & 1:
                value |= 1 << ((1 << bit) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(value)
    return constants


CONSTANTS = _round_constants()


def _permute(state: list[list[int]]) -> None:
    """keccak-f[1600]; `state[x][y]` are 64-bit lanes."""
    for constant in CONSTANTS:
        parity = [
            state[x][0] ^ state[x][1] ^ state[x][2] ^ state[x][3] ^ state[x][4] for x in range(5)
        ]
        for x in range(5):
            effect = parity[x - 1] ^ _rotate(parity[(x + 1) % 5], 1)
            for y in range(5):
                state[x][y] ^= effect
        x, y, lane = 1, 0, state[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lane, state[x][y] = state[x][y], _rotate(lane, ((step + 1) * (step + 2) // 2) % 64)
        for y in range(5):
            row = [state[x][y] for x in range(5)]
            for x in range(5):
                state[x][y] = row[x] ^ (~row[(x + 1) % 5] & MASK & row[(x + 2) % 5])
        state[0][0] ^= constant


def plain_keccak(data: bytes) -> bytes:
    """keccak-256 with the padding 0x01 .. 0x80."""
    rate = 136
    padded = bytearray(data + bytes(rate - len(data) % rate))
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    state = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), rate):
        for index in range(rate // 8):
            at = start + 8 * index
            lane = int.from_bytes(padded[at : at + 8], "little")
            state[index % 5][index // 5] ^= lane
        _permute(state)
    return b"".join(state[index % 5][index // 5].to_bytes(8, "little") for index in range(4))


def plain_hash(*parts: bytes) -> bytes:
    return plain_keccak(b"".join(parts))


def plain_tree(leaves: list[bytes], filler: bytes) -> bytes:
    """Pad to a power of two for real, then hash pairs."""
    size = 1
    while size < len(leaves):
        size *= 2
    level = leaves + [filler] * (size - len(leaves))
    while len(level) > 1:
        level = [plain_hash(b"\x01", level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def plain_tensor(values: list[int], width: int, leaf_log2: int) -> bytes:
    size = 1 << leaf_log2
    data = b"".join(value.to_bytes(width, "big", signed=True) for value in values)
    while not data or len(data) % size:
        data += b"\0"
    leaves = [plain_hash(b"\0", data[i : i + size]) for i in range(0, len(data), size)]
    return plain_tree(leaves, plain_hash(b"\0", bytes(size)))


def plain_named(roots: list[bytes], domain: bytes = b"\x03") -> bytes:
    rows = [plain_hash(domain, struct.pack(">I", i), root) for i, root in enumerate(roots)]
    return plain_tree(rows, bytes(32))


def unhex(text: str) -> bytes:
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])


def integers(texts: list[str]) -> list[int]:
    return [int(text) for text in texts]


@pytest.mark.parametrize("case", GOLDEN["keccak"], ids=lambda case: str(len(case["data"])))
def test_keccak(case: dict[str, str]) -> None:
    assert plain_keccak(unhex(case["data"])) == unhex(case["digest"])


def test_keccak_of_nothing_is_the_published_digest() -> None:
    assert plain_keccak(b"").hex() == (
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )


@pytest.mark.parametrize("case", GOLDEN["tensors"], ids=lambda c: f"{c['shape']}x{c['width']}")
def test_tensor(case: dict[str, Any]) -> None:
    values = integers(case["values"])
    width, size = case["width"], 1 << case["leaf_log2"]
    packed = b"".join(value.to_bytes(width, "big", signed=True) for value in values)
    assert packed == unhex(case["packed"])
    root = plain_tensor(values, width, case["leaf_log2"])
    assert root == unhex(case["root"])
    data = b""
    for branch in case["branches"]:
        leaf = unhex(branch["leaf"])
        assert len(leaf) == size
        data += leaf
        assert _climb(plain_hash(b"\0", leaf), branch) == root
    assert data == packed + bytes(len(data) - len(packed))


def _climb(digest: bytes, branch: dict[str, Any]) -> bytes:
    index = branch["index"]
    for sibling in branch["siblings"]:
        pair = (unhex(sibling), digest) if index % 2 else (digest, unhex(sibling))
        digest = plain_hash(b"\x01", *pair)
        index //= 2
    return digest


@pytest.mark.parametrize("case", GOLDEN["trees"], ids=lambda case: str(len(case["leaves"])))
def test_tree(case: dict[str, Any]) -> None:
    leaves = [unhex(leaf) for leaf in case["leaves"]]
    root = plain_tree(leaves, unhex(case["filler"])) if leaves else unhex(case["filler"])
    assert root == unhex(case["root"])
    assert len(case["branches"]) == len(leaves)
    for leaf, branch in zip(leaves, case["branches"], strict=True):
        assert _climb(leaf, branch) == root


class Reader:
    """Reads Solidity's ABI by offsets; strict about nothing but what the test compares."""

    def __init__(self, data: bytes, base: int = 0) -> None:
        self.data, self.base = data, base

    def word(self, index: int, *, signed: bool = False) -> int:
        at = self.base + 32 * index
        return int.from_bytes(self.data[at : at + 32], "big", signed=signed)

    def follow(self, index: int) -> Reader:
        return Reader(self.data, self.base + self.word(index))

    def words(self, *, signed: bool = False) -> list[int]:
        return [self.word(i + 1, signed=signed) for i in range(self.word(0))]

    def structs(self) -> list[Reader]:
        items = Reader(self.data, self.base + 32)
        return [items.follow(i) for i in range(self.word(0))]

    def text(self) -> str:
        start = self.base + 32
        return self.data[start : start + self.word(0)].decode()


OPERATOR_ATTRIBUTES = {
    "MatMul": (1, ()),
    "Conv": (2, ("strides", "pads", "dilations", "group", "x_zero_point")),
    "Affine": (3, ()),
    "Add": (4, ("a_multiplier", "b_multiplier", "offset")),
    "Mul": (5, ("a_zero_point", "b_zero_point")),
    "LookupTable": (6, ("x_min",)),
    "MaxPool": (7, ("kernel", "strides", "pads", "dilations")),
    "SumPool": (8, ("kernel", "strides", "pads", "dilations", "x_zero_point")),
    "Transpose": (9, ("perm",)),
    "Concat": (10, ("axis",)),
    "Pad": (11, ("before", "after", "value")),
}
REQUANTISED = {"MatMul", "Conv", "Affine", "Add", "Mul", "SumPool"}


@pytest.mark.parametrize("case", GOLDEN["programs"], ids=lambda case: case["name"])
def test_node_descriptors(case: dict[str, Any]) -> None:
    schema = case["header"]["schema"]
    widths = {
        0: [node["width"] for node in case["nodes"]],
        1: [item["width"] for item in case["weights"]],
        2: [item["width"] for item in case["tables"]],
        3: [item["width"] for item in schema["inputs"]],
    }
    for index, node in enumerate(case["nodes"]):
        desc = Reader(unhex(node["desc"])).follow(0)
        opcode, names = OPERATOR_ATTRIBUTES[node["operator"]]
        if node["operator"] in REQUANTISED:
            names += ("shift", "zero_point", "lo", "hi")
        assert list(node["attributes"]) == list(names)
        flat: list[int] = []
        for name in names:
            value = node["attributes"][name]
            flat += integers(value) if isinstance(value, list) else [int(value)]
        assert (desc.word(0), desc.word(1)) == (index, opcode)
        operands = [
            {
                "kind": item.word(0),
                "id": item.word(1),
                "width": item.word(2),
                "shape": item.follow(3).words(),
            }
            for item in desc.follow(2).structs()
        ]
        assert operands == [
            {
                "kind": item["kind"],
                "id": item["id"],
                "width": widths[item["kind"]][item["id"]],
                "shape": item["shape"],
            }
            for item in node["operands"]
        ]
        assert desc.follow(3).words() == node["shape"]
        assert desc.word(4) == node["width"]
        assert desc.follow(5).words(signed=True) == flat


def test_descriptors_cover_every_operator() -> None:
    seen = {node["operator"] for case in GOLDEN["programs"] for node in case["nodes"]}
    assert seen == set(OPERATOR_ATTRIBUTES)


def _schema_bytes(schema: dict[str, Any]) -> bytes:
    """`abi.encode(Schema)` written by hand, offset by offset."""

    def pad(data: bytes) -> bytes:
        return data + bytes(-len(data) % 32)

    def word(value: int) -> bytes:
        return (value % (1 << 256)).to_bytes(32, "big")

    def words(values: list[int]) -> bytes:
        return word(len(values)) + b"".join(map(word, values))

    def tensor(spec: dict[str, Any]) -> bytes:
        name = spec["name"].encode()
        text = word(len(name)) + pad(name)
        bits = int.from_bytes(struct.pack(">d", float.fromhex(spec["scale"])), "big")
        head = word(7 * 32) + word(7 * 32 + len(text))
        head += b"".join(
            word(value)
            for value in (spec["width"], spec["lo"], spec["hi"], bits, spec["zero_point"])
        )
        return head + text + words(spec["shape"])

    def tensors(specs: list[dict[str, Any]]) -> bytes:
        bodies = [tensor(spec) for spec in specs]
        offsets, at = b"", 32 * len(bodies)
        for body in bodies:
            offsets += word(at)
            at += len(body)
        return word(len(bodies)) + offsets + b"".join(bodies)

    inputs, outputs = tensors(schema["inputs"]), tensors(schema["outputs"])
    head = word(schema["node_count"]) + word(schema["max_height"])
    head += word(160) + word(160 + len(inputs)) + word(160 + len(inputs) + len(outputs))
    return word(32) + head + inputs + outputs + words(schema["output_nodes"])


@pytest.mark.parametrize("case", GOLDEN["programs"], ids=lambda case: case["name"])
def test_program_root(case: dict[str, Any]) -> None:
    header = case["header"]
    leaf_log2 = header["leaf_log2"]
    descs = [plain_hash(b"\x02", unhex(node["desc"])) for node in case["nodes"]]
    assert plain_tree(descs, bytes(32)) == unhex(header["graph_root"])
    for name in ("weights", "tables"):
        roots = [
            plain_tensor(integers(item["values"]), item["width"], leaf_log2) for item in case[name]
        ]
        expected = plain_named(roots) if roots else bytes(32)
        assert expected == unhex(header[f"{name}_root"])
    heights = []
    for node in case["nodes"]:
        elements = 1
        for size in node["shape"]:
            elements *= size
        leaves, height = max(1, -(-elements * node["width"] // (1 << leaf_log2))), 0
        while 1 << height < leaves:
            height += 1
        heights.append(height)
    assert header["schema"]["max_height"] == max(heights)
    assert header["schema"]["node_count"] == len(case["nodes"])
    schema_hash = plain_hash(b"\x0c", _schema_bytes(header["schema"]))
    assert schema_hash == unhex(case["schema_hash"])
    root = plain_hash(
        b"\x04",
        struct.pack(">HB", header["spec_version"], leaf_log2),
        *(unhex(header[f"{name}_root"]) for name in ("graph", "weights", "tables")),
        schema_hash,
    )
    assert root == unhex(case["program_root"])


@pytest.mark.parametrize("case", GOLDEN["values"], ids=lambda case: case["program"])
@pytest.mark.parametrize("kind", ["input", "output"])
def test_roots_of_values(case: dict[str, Any], kind: str) -> None:
    program = next(item for item in GOLDEN["programs"] if item["name"] == case["program"])
    specs = program["header"]["schema"][f"{kind}s"]
    roots = [
        plain_tensor(integers(values), spec["width"], program["header"]["leaf_log2"])
        for spec, values in zip(specs, case[f"{kind}s"], strict=True)
    ]
    expected = roots[0] if len(roots) == 1 else plain_named(roots)
    assert expected == unhex(case[f"{kind}_root"])


@pytest.mark.parametrize("case", GOLDEN["statements"], ids=lambda case: case["digest"][:10])
def test_statement(case: dict[str, str]) -> None:
    members = ("program_root", "input_root", "output_root", "context")
    digest = plain_hash(b"\x0a", *(unhex(case[name]) for name in members))
    assert digest == unhex(case["digest"])


@pytest.mark.parametrize("case", GOLDEN["traces"], ids=lambda case: str(len(case["tensor_roots"])))
def test_trace(case: dict[str, Any]) -> None:
    roots = [unhex(root) for root in case["tensor_roots"]]
    assert plain_named(roots, b"\x05") == unhex(case["trace_root"])


def test_salted() -> None:
    case = GOLDEN["salted"]
    assert plain_hash(b"\x0b", unhex(case["salt"]), unhex(case["root"])) == unhex(case["salted"])


def test_the_library_still_makes_these_vectors() -> None:
    spec = importlib.util.spec_from_file_location(
        "make_commitments", VECTORS / "make_commitments.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vectors: Callable[[], dict[str, Any]] = module.vectors
    assert vectors() == GOLDEN
