"""ezkl's reusable verifier contract: written by the installed ezkl, compiled once into the cache.

Its source is ezkl's and not part of this project. It is the same text for every circuit, so one
small circuit is enough to obtain it. What comes out is believed only if it is what was looked at:
source, code and size are pinned here, and the code's hash again by the contract that calls it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from verifiable.backends.base import Options
from verifiable.backends.ezkl.format import EZKL_VERSION
from verifiable.backends.ezkl.phases import Phases, require_ezkl
from verifiable.backends.ezkl.settings import MIN_LOGROWS, Plan
from verifiable.backends.ezkl.solc import SOLC_VERSION, compile_contract, compiler_command
from verifiable.cache import Cache
from verifiable.errors import SetupError
from verifiable.statement.hashing import keccak

__all__ = [
    "CODE_BYTES",
    "CODE_HASH",
    "CONTRACT_NAME",
    "SOURCE_SHA256",
    "VERIFIER_KIND",
    "VerifierCode",
    "held_verifier",
    "make_verifier",
]

VERIFIER_KIND = "ezkl-verifier"
CONTRACT_NAME = "Halo2VerifierReusable"

SOURCE_SHA256 = "b426d5f31e2f9d327baac7d9415dd135df06a6d2628f971ae7446c4bffbcd80f"
"""Of the source that ezkl 23.0.5 writes."""

CODE_HASH = bytes.fromhex("9001f52e7f1976554d034420221e76077b8578a8a8cd2883a703c2ae63b58352")
"""keccak-256 of the contract's code; it has no immutables, so it is the same everywhere."""

CODE_BYTES = 10_846

_SOURCE, _CREATION, _CODE = "verifier.sol", "creation.bin", "code.bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierCode:
    """The compiled contract.

    Attributes:
        creation: what a deployment executes; the constructor takes no arguments.
        code: what is at the contract's address then.
        folder: where it is kept.
    """

    creation: bytes
    code: bytes
    folder: Path


def held_verifier(cache_dir: Path | None) -> VerifierCode | None:
    """The compiled contract, if it is in the cache; what is not the pinned one is removed.

    Raises:
        SetupError: others may write to the cache.
    """
    cache = Cache(cache_dir)
    folder = cache.find(VERIFIER_KIND, _cache_key())
    if folder is None:
        return None
    try:
        return _pinned(folder)
    except SetupError:
        cache.discard(VERIFIER_KIND, _cache_key())
        return None


def make_verifier(options: Options) -> VerifierCode:
    """Obtain the contract: from the cache, or from ezkl and a compiler.

    Raises:
        MissingDependency: ezkl, Node or the compiler is missing, or another version.
        SetupError: ezkl wrote another source, or it compiles to other code, than the pinned.
        ResourceLimit, Cancelled.
    """
    held = held_verifier(options.cache_dir)
    if held is not None:
        return held
    compiler_command()  # its absence is told before ezkl works for seconds
    require_ezkl()
    cache = Cache(options.cache_dir)
    with cache.work_folder() as folder:
        phases = Phases(folder=folder, options=options, error=SetupError)
        source = _write_source(phases)
    found = hashlib.sha256(source).hexdigest()
    if found != SOURCE_SHA256:
        raise _other("source", "wrong-verifier-source", found, SOURCE_SHA256)
    creation, code = compile_contract(source, name=CONTRACT_NAME)
    with cache.fill(VERIFIER_KIND, _cache_key()) as partial:
        (partial / _SOURCE).write_bytes(source)
        (partial / _CREATION).write_bytes(creation)
        (partial / _CODE).write_bytes(code)
        _pinned(partial)
    made = held_verifier(options.cache_dir)
    if made is None:
        raise SetupError(
            "the contract vanished from the cache",
            where=str(cache.root),
            hint="run the command again; is another process clearing the cache?",
            code="keys-unavailable",
        )
    return made


def _cache_key() -> str:
    """Name of the cache entry: of source and compiler, which the code follows from."""
    text = f"{EZKL_VERSION} {SOURCE_SHA256} {SOLC_VERSION} {CODE_HASH.hex()}"
    return hashlib.sha256(text.encode()).hexdigest()


def _pinned(folder: Path) -> VerifierCode:
    """The contract in a folder.

    Raises:
        SetupError: it is not the pinned one.
    """
    try:
        creation, code = (folder / _CREATION).read_bytes(), (folder / _CODE).read_bytes()
    except OSError as cause:
        raise _other("code", "wrong-verifier-code", str(cause.strerror), "a file") from cause
    if keccak(code) != CODE_HASH or len(code) != CODE_BYTES or not creation.endswith(code):
        found = f"{len(code)} bytes, {keccak(code).hex()}"
        raise _other("code", "wrong-verifier-code", found, f"{CODE_BYTES} bytes, {CODE_HASH.hex()}")
    return VerifierCode(creation=creation, code=code, folder=folder)


def _write_source(phases: Phases) -> bytes:
    """Have ezkl write the source, for a circuit that adds 1 to one value."""
    folder = phases.folder
    (folder / "graph.onnx").write_bytes(_smallest_graph())
    plan = Plan(logrows=MIN_LOGROWS, base=2, digits=2, visibility="public", cells=1)
    paths = {
        "model": "graph.onnx",
        "settings": "settings.json",
        "circuit": "circuit.ezkl",
        "srs": "kzg.srs",
        "vk": "vk.key",
        "pk": "pk.key",
        "source": _SOURCE,
    }
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("gen_settings", {"run_args": plan.run_args}),
        ("compile", {}),
        ("gen_srs", {"logrows": MIN_LOGROWS}),
        ("setup", {}),
        ("verifier_source", {}),
    )
    for name, more in steps:
        phases.run(name, "having ezkl write its verifier contract", {"job": name, **paths, **more})
    try:
        return (folder / _SOURCE).read_bytes()
    except OSError as cause:
        raise _other("source", "wrong-verifier-source", "none", SOURCE_SHA256) from cause


def _smallest_graph() -> bytes:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    node = helper.make_node("Add", ["x", "one"], ["y"], name="add")
    graph = helper.make_graph([node], "circuit", ends[:1], ends[1:], [one])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _other(what: str, code: str, found: str, expected: str) -> SetupError:
    return SetupError(
        f"the {what} of ezkl's verifier contract is not the one that this release knows",
        where=f"ezkl {EZKL_VERSION}, solc {SOLC_VERSION}",
        why=f"{found} instead of {expected}",
        hint="use the pinned versions of ezkl and solc; another contract may accept anything",
        code=code,
    )
