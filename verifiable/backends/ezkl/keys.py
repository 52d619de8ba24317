"""Setting up: from a program to its verification key, with everything the prover needs cached.

The key follows from the program, the visibility and the reference string alone: anybody who runs
this with the same three gets the same digest. That is what `verify --program` and a lock rely on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from verifiable.backends.base import Options, Setup
from verifiable.backends.ezkl.format import EZKL_VERSION, VISIBILITIES, EzklKey
from verifiable.backends.ezkl.graph import Circuit, build, unsupported
from verifiable.backends.ezkl.instances import CONTEXT_LIMBS, shown_outputs
from verifiable.backends.ezkl.phases import Phases, require_ezkl
from verifiable.backends.ezkl.settings import Plan, canonical_settings, plan_circuit
from verifiable.backends.ezkl.srs import StoredSrs, obtain_srs
from verifiable.backends.ezkl.srs_file import verifier_srs
from verifiable.backends.ezkl.vka import proof_length, vka_digest, vka_job, vka_words
from verifiable.cache import Cache
from verifiable.errors import (
    MalformedFile,
    Problem,
    SetupError,
    UnsupportedModel,
    VerifiableError,
)
from verifiable.program.execute import execute
from verifiable.program.program import IntArray, Program

__all__ = ["KEYS_KIND", "Material", "load_material", "set_up"]

KEYS_KIND = "ezkl-keys"

_CIRCUIT, _SETTINGS, _VK, _PK, _VKA, _KEY = (
    "circuit.ezkl",
    "settings.json",
    "vk.key",
    "pk.key",
    "vka.bin",
    "key.json",
)
_KNOWN_SETTINGS = frozenset(("srs", "srs_file"))
_SRS_CHOICES = ("public", "local-insecure")

_SAMPLE_ROWS = 16

_SECONDS_PER_CELL_SETUP = 1.1e-4
"""Observed on two shared cores; for the progress bar and the estimate only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a setup left in the cache.

    Attributes:
        key: the verification key.
        circuit, pk: files for the prover.
        settings, vk: bytes that go into every payload.
        vka: words of the verification key artifact, which a contract takes beside a proof.
        cells: expected advice cells, for estimates of time.
        logrows: of the circuit.
    """

    key: EzklKey
    circuit: Path
    pk: Path
    settings: bytes
    vk: bytes
    vka: bytes
    cells: int
    logrows: int


def set_up(program: Program, options: Options) -> Setup:
    """Derive the key of a program, or find it in the cache.

    Raises:
        UnsupportedModel, SetupError, ResourceLimit, MissingDependency, Cancelled.
    """
    began = time.monotonic()
    _check_options(options)
    require_ezkl()
    circuit = supported_circuit(program)
    plan = plan_circuit(circuit, options.visibility)
    srs = obtain_srs(plan.logrows, options)
    cache = Cache(options.cache_dir)
    name = _cache_key(circuit, plan, srs)
    material = _held(cache, name, plan, srs)
    cached = material is not None
    if material is None:
        with cache.fill(KEYS_KIND, name) as partial:
            phases = Phases(folder=partial, options=options, error=SetupError)
            _derive(program, circuit, plan, srs, phases, name)
        material = _held(cache, name, plan, srs)
        if material is None:
            raise SetupError(
                "the keys vanished from the cache",
                where=str(cache.root),
                hint="run the command again; is another process clearing the cache?",
                code="keys-unavailable",
            )
    return Setup(
        key=replace(material.key.to_key(), from_cache=cached),
        setup_s=time.monotonic() - began,
        cached=cached,
        folder=material.circuit.parent,
    )


def _held(cache: Cache, name: str, plan: Plan, srs: StoredSrs) -> Material | None:
    """The cached material of this very circuit; None, and removed, if it is another's.

    A verifier believes it as if it had just derived it, so nothing is taken on the word of where
    it lies.

    Raises:
        SetupError: others may write to the cache.
    """
    folder = cache.find(KEYS_KIND, name)
    if folder is None:
        return None
    try:
        material = load_material(folder)
    except SetupError:
        material = None
    if material is not None:
        found = material.key
        expected = (EZKL_VERSION, srs.s_g2, plan.visibility, plan.logrows)
        if (found.ezkl_version, found.s_g2, found.visibility, material.logrows) == expected:
            return material
    cache.discard(KEYS_KIND, name)
    return None


def supported_circuit(program: Program) -> Circuit:
    """The circuit of a program.

    Raises:
        UnsupportedModel: with every node that ezkl cannot prove.
    """
    problems = unsupported(program)
    if problems:
        raise UnsupportedModel(
            [
                Problem(
                    code="ezkl-unsupported",
                    node=program.nodes[item.node].name or f"node {item.node}",
                    what=item.why,
                    hint=item.hint,
                )
                for item in problems
            ],
            where="backend ezkl",
        )
    return build(program)


def load_material(folder: Path) -> Material:
    """Read a setup's folder.

    Raises:
        SetupError: it is incomplete, or was derived from something else than its name says.
    """
    try:
        about = json.loads((folder / _KEY).read_text(encoding="utf-8"))
        material = Material(
            key=EzklKey.from_fields(about["key"]),
            circuit=folder / _CIRCUIT,
            pk=folder / _PK,
            settings=(folder / _SETTINGS).read_bytes(),
            vk=(folder / _VK).read_bytes(),
            vka=vka_words((folder / _VKA).read_bytes()),
            cells=about["cells"],
            logrows=about["logrows"],
        )
        origin = about["derived_from"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MalformedFile) as cause:
        raise _unusable(folder, "incomplete") from cause
    if origin != folder.name:
        raise _unusable(folder, "those of another circuit")
    found = (hashlib.sha256(data).digest() for data in (material.vk, material.settings))
    named = (material.key.vk_sha256, material.key.settings_sha256)
    if tuple(found) != named or vka_digest(material.vka) != material.key.vka_digest:
        raise _unusable(folder, "not the files that their key names")
    return material


def _unusable(folder: Path, what: str) -> SetupError:
    return SetupError(
        f"the keys in the cache are {what}",
        where=str(folder),
        hint="clear the cache and set up again",
        code="keys-unavailable",
    )


def _check_options(options: Options) -> None:
    unknown = sorted(set(options.settings) - _KNOWN_SETTINGS)
    if unknown:
        raise VerifiableError(
            f"ezkl has no option {unknown[0]!r}",
            hint=f"its options are: {', '.join(sorted(_KNOWN_SETTINGS))}",
            code="unknown-option",
        )
    source = options.settings.get("srs", _SRS_CHOICES[0])
    if source not in _SRS_CHOICES:
        raise VerifiableError(
            f"there is no source of reference strings named {source!r}",
            hint=f"use one of: {', '.join(_SRS_CHOICES)}",
            code="unknown-option",
        )
    if options.visibility not in VISIBILITIES:
        raise VerifiableError(
            f"ezkl has no visibility {options.visibility!r}",
            hint=f"use one of: {', '.join(VISIBILITIES)}",
            code="unknown-option",
        )


def _cache_key(circuit: Circuit, plan: Plan, srs: StoredSrs) -> str:
    """Name of the cache entry: a digest of everything that the keys follow from."""
    described = {
        "ezkl": EZKL_VERSION,
        "graph": hashlib.sha256(graph_bytes(circuit)).hexdigest(),
        "run_args": plan.run_args,
        "srs": srs.sha256,
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def graph_bytes(circuit: Circuit) -> bytes:
    """The circuit's ONNX file; the same bytes for the same program."""
    data: bytes = circuit.model.SerializeToString(deterministic=True)
    return data


def _derive(
    program: Program, circuit: Circuit, plan: Plan, srs: StoredSrs, phases: Phases, name: str
) -> None:
    folder = phases.folder
    (folder / "graph.onnx").write_bytes(graph_bytes(circuit))
    found = phases.run(
        "settings",
        "laying out the circuit",
        {
            "job": "gen_settings",
            "model": "graph.onnx",
            "settings": "raw.json",
            "run_args": plan.run_args,
        },
        estimate_s=1.0,
    )
    settings = canonical_settings(found)
    (folder / _SETTINGS).write_bytes(settings)
    # ezkl rewrites the settings file that it compiles with, in random order again.
    (folder / "compile.json").write_bytes(settings)
    phases.run(
        "compile",
        "compiling the circuit",
        {
            "job": "compile",
            "model": "graph.onnx",
            "settings": "compile.json",
            "circuit": _CIRCUIT,
        },
        estimate_s=1.0,
    )
    _check_circuit(program, phases)
    phases.run(
        "keys",
        "deriving the proving and verification keys",
        {
            "job": "setup",
            "circuit": _CIRCUIT,
            "vk": _VK,
            "pk": _PK,
            "srs": str(srs.path.resolve()),
        },
        estimate_s=setup_seconds(plan),
    )
    vk = (folder / _VK).read_bytes()
    (folder / "two_rows.srs").write_bytes(verifier_srs(srs.s_g2))
    phases.run(
        "vka",
        "writing the verification key for contracts",
        vka_job(vk=_VK, settings=_SETTINGS, srs="two_rows.srs", vka=_VKA),
        estimate_s=0.5,
    )
    words = vka_words((folder / _VKA).read_bytes())
    key = EzklKey.of(
        vk=vk,
        settings=settings,
        s_g2=srs.s_g2,
        visibility=plan.visibility,
        vka_digest=vka_digest(words),
        proof_length=proof_length(words),
    )
    about = {
        "key": dict(key.to_key().fields),
        "derived_from": name,
        "cells": plan.cells,
        "logrows": plan.logrows,
        "srs_label": srs.label,
    }
    kept = {_CIRCUIT, _SETTINGS, _VK, _PK, _VKA, _KEY}
    (folder / _KEY).write_text(json.dumps(about, sort_keys=True, indent=1), encoding="utf-8")
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink() if path.is_file() else shutil.rmtree(path)


def _check_circuit(program: Program, phases: Phases) -> None:
    """Compare the circuit with the executor on a few inputs before any key is derived from it.

    A circuit that computes something else would let its own wrong results be proven.

    Raises:
        SetupError: they differ.
    """
    rows = sample_rows(program)
    found = phases.run(
        "check",
        "comparing the circuit with the executor",
        {
            "job": "witness",
            "rows": [
                [row[spec.name].reshape(-1).tolist() for spec in program.inputs]
                + [[0] * CONTEXT_LIMBS]
                for row in rows
            ],
            "circuit": _CIRCUIT,
            "witness": "witness.json",
        },
        estimate_s=2.0,
    )
    for row, witness in zip(rows, found, strict=True):
        outputs = execute(program, row, cancel=phases.options.cancel).outputs
        expected = shown_outputs([outputs[spec.name] for spec in program.outputs])
        if witness["outputs"] != expected:
            raise SetupError(
                "the circuit computes other values than the executor",
                where="ezkl, phase check",
                why=f"{witness['outputs']!r:.200} instead of {expected!r:.200}",
                hint="this is a fault of this package or of ezkl; report it with the program",
                code="circuit-mismatch",
            )


def sample_rows(program: Program) -> list[dict[str, IntArray]]:
    """Sixteen inputs of a program, always the same: lowest, highest, mixed ends, uniform."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, IntArray]] = [{} for _ in range(_SAMPLE_ROWS)]
    for spec in program.inputs:
        ends = np.array([spec.lo, spec.hi], dtype=np.int64)
        for index, row in enumerate(rows):
            if index < 2:
                row[spec.name] = np.full(spec.shape, ends[index])
            elif index < _SAMPLE_ROWS // 2:
                row[spec.name] = rng.choice(ends, spec.shape)
            else:
                row[spec.name] = rng.integers(
                    spec.lo, spec.hi, spec.shape, dtype=np.int64, endpoint=True
                )
    return rows


def setup_seconds(plan: Plan) -> float:
    """Expected time of the key derivation."""
    return 0.4 + plan.cells * _SECONDS_PER_CELL_SETUP
