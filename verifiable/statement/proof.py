"""The proof file, format v1: a statement, what is public of it, and a backend's evidence.

`docs/formats/proof.md` defines the format. Decoding says nothing on whether the claim is true; use
`verifiable.verification`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from verifiable.errors import MalformedProof, ResourceLimit
from verifiable.files import read_bytes
from verifiable.program.program import IntArray
from verifiable.statement.commitment import ProgramCommitment, TensorSpec
from verifiable.statement.hashing import ProgramRoot, TensorRoot
from verifiable.statement.header import header_to_json, read_header
from verifiable.statement.statement import Statement
from verifiable.statement.strict_json import (
    Field,
    decode_strict,
    encode_base64,
    encode_canonical,
    encode_hex,
    naming_file,
    read_format,
)
from verifiable.statement.versions import parse_version

__all__ = ["PROOF_FORMAT", "PROOF_LIMIT_BYTES", "VISIBILITIES", "Proof"]

PROOF_FORMAT = "application/vnd.verifiable.proof.v1+json"
PROOF_LIMIT_BYTES = 64 << 20
VISIBILITIES = ("public", "hashed")

_KEYS = (
    "format",
    "backend",
    "backend_version",
    "statement",
    "program",
    "visibility",
    "inputs",
    "outputs",
    "saturated",
    "payload",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proof:
    """What a prover hands over. Everything in it is a claim until it was verified.

    Attributes:
        backend: id of the backend that made the evidence.
        backend_version: its version, dotted numbers.
        statement: what is claimed.
        program: the program's header, which must hash to `statement.program_root`.
        visibility: `public`: inputs are in the proof; `hashed`: the verifier must hold them.
        inputs: quantised inputs in the schema's order and shapes (int64), or None if hashed.
        outputs: quantised outputs in the schema's order and shapes (int64).
        saturated: the prover clipped raw input values into the schema's range.
        payload: the backend's own encoding of its evidence.
    """

    backend: str
    backend_version: str
    statement: Statement
    program: ProgramCommitment
    visibility: str = "public"
    inputs: tuple[IntArray, ...] | None
    outputs: tuple[IntArray, ...]
    saturated: bool = False
    payload: bytes

    def encode(self) -> bytes:
        """The proof as the bytes of a file; deterministic."""
        return encode_canonical(
            {
                "format": PROOF_FORMAT,
                "backend": self.backend,
                "backend_version": self.backend_version,
                "statement": {
                    "program_root": encode_hex(self.statement.program_root),
                    "input_root": encode_hex(self.statement.input_root),
                    "output_root": encode_hex(self.statement.output_root),
                    "context": encode_hex(self.statement.context),
                },
                "program": header_to_json(self.program),
                "visibility": self.visibility,
                "inputs": None if self.inputs is None else _flat(self.inputs),
                "outputs": _flat(self.outputs),
                "saturated": self.saturated,
                "payload": encode_base64(self.payload),
            }
        )

    @classmethod
    def decode(cls, data: bytes, *, limit_bytes: int = PROOF_LIMIT_BYTES) -> Proof:
        """Decode a proof file strictly.

        Raises:
            MalformedProof: with the code and the path of what is wrong.
        """
        root = decode_strict(data, limit_bytes=limit_bytes, error=MalformedProof, name="proof")
        # ST-1: another format or version is never read as if it were this one.
        read_format(root, PROOF_FORMAT)
        found = root.object(_KEYS)
        program = read_header(found["program"])
        visibility = found["visibility"].choice(VISIBILITIES)
        inputs = None
        if visibility == "public":
            inputs = _values(found["inputs"], program.schema.inputs)
        elif not found["inputs"].is_null:
            found["inputs"].refuse("hashed inputs are not in the proof", code="wrong-type")
        return cls(
            backend=found["backend"].name(limit_bytes=64),
            backend_version=_version(found["backend_version"]),
            statement=_statement(found["statement"]),
            program=program,
            visibility=visibility,
            inputs=inputs,
            outputs=_values(found["outputs"], program.schema.outputs),
            saturated=found["saturated"].boolean(),
            payload=found["payload"].base64(limit_bytes=limit_bytes),
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, limit_bytes: int = PROOF_LIMIT_BYTES) -> Proof:
        """Read and decode a proof file.

        Raises:
            MalformedProof: it cannot be read, is too large, or is not a proof.
        """
        try:
            data = read_bytes(path, limit_bytes=limit_bytes, error=MalformedProof)
        except ResourceLimit as cause:
            raise MalformedProof(cause.what, where=cause.where, code="too-large") from cause
        with naming_file(path):
            return cls.decode(data, limit_bytes=limit_bytes)


def _version(field: Field) -> str:
    text = field.text(limit_bytes=64)
    if parse_version(text) is None:
        field.refuse(f"version {text!r} is not dotted numbers", code="bad-version")
    return text


def _flat(tensors: tuple[IntArray, ...]) -> list[list[int]]:
    return [tensor.reshape(-1).tolist() for tensor in tensors]


def _values(field: Field, specs: tuple[TensorSpec, ...]) -> tuple[IntArray, ...]:
    items = field.array(limit=len(specs))
    if len(items) != len(specs):
        field.refuse(f"{len(specs)} tensors are expected", code="wrong-count")
    return tuple(item.integers(shape=spec.shape) for item, spec in zip(items, specs, strict=True))


def _statement(field: Field) -> Statement:
    found = field.object(("program_root", "input_root", "output_root", "context"))
    return Statement(
        program_root=ProgramRoot(found["program_root"].digest()),
        input_root=TensorRoot(found["input_root"].digest()),
        output_root=TensorRoot(found["output_root"].digest()),
        context=found["context"].digest(),
    )
