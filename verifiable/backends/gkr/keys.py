"""Setting up: from a program to its verification key, and what the prover keeps beside it.

Everything follows from the program and the weight mode, so anybody gets the same digest. In the
mode `public` there is nothing to commit to and nothing to keep. In the mode `committed` the cache
holds the digests of the encoded columns of the weights (32 bytes a column; the weights themselves
are the program's) and the one-time proof that the weights lie in their ranges.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from verifiable.argument.goldilocks import Ext
from verifiable.argument.kernels import Kernels, ready_kernels
from verifiable.argument.merkle import Root
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.stack import StackLayout
from verifiable.argument.stack_commit import Committed, commit, fill
from verifiable.argument.transcript import Transcript
from verifiable.argument.vectors import Words
from verifiable.argument.verifier_side import VerifierSide
from verifiable.backends.base import Options, Setup
from verifiable.backends.gkr.derive import NO_ROOT, bare_key
from verifiable.backends.gkr.format import VERSION, GkrKey
from verifiable.backends.gkr.phases import Phases
from verifiable.backends.gkr.plan import Plan, make_plan
from verifiable.backends.gkr.protocol import ProverWork
from verifiable.backends.gkr.schedule import check_soundness
from verifiable.backends.gkr.verify import verify_ranges
from verifiable.backends.gkr.vk import WEIGHT_MODES, VerificationKey
from verifiable.backends.gkr.weight_ranges import (
    RangePlan,
    fill_ranges,
    plan_ranges,
    run_ranges,
    weight_lanes,
)
from verifiable.backends.gkr.witness import count_rows, leaf_tables
from verifiable.cache import Cache
from verifiable.errors import MalformedProof, SetupError
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import commit_program

__all__ = ["KEYS_KIND", "Material", "bare_key", "load_material", "set_up", "weights_mode"]

KEYS_KIND = "gkr-keys"

_VK, _RANGES, _DIGESTS = "vk.json", "ranges.bin", "columns.bin"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What a prover holds under one key.

    Attributes:
        vk: the key's bytes.
        key: the key.
        plan: of its proofs.
        ranges: the proof of the weights' ranges; empty in the mode `public`.
        digests: of the encoded columns of the weights; empty in the mode `public`.
    """

    vk: bytes
    key: GkrKey
    plan: Plan
    ranges: bytes
    digests: bytes


def weights_mode(options: Options) -> str:
    """The weight mode that the options ask for.

    Raises:
        SetupError: an unknown mode, or a visibility that this backend does not offer.
    """
    mode = str(options.settings.get("weights", WEIGHT_MODES[0]))
    if mode not in WEIGHT_MODES:
        raise SetupError(
            f"there is no weight mode {mode!r}",
            hint=f"use one of: {', '.join(WEIGHT_MODES)}",
            code="unknown-setting",
        )
    if options.visibility != "public":
        raise SetupError(
            f"the gkr backend cannot prove with {options.visibility} inputs",
            why="its proofs are not zero-knowledge: they leak linear information on the inputs",
            hint="prove with public inputs, or use the ezkl backend",
            code="visibility-unsupported",
        )
    return mode


def set_up(program: Program, options: Options) -> Setup:
    """Derive the key of a program, or find it in the cache.

    Raises:
        UnsupportedModel, SetupError, ResourceLimit, MissingDependency, Cancelled.
    """
    mode = weights_mode(options)
    phases = Phases(options=options, total=4 if mode == "committed" else 1)
    began = time.monotonic()
    root = commit_program(program).program_root
    name = f"{VERSION}-{mode}-{root.hex()}"
    cache = Cache(options.cache_dir)
    folder = _held(cache, name, program, mode, root)
    cached = folder is not None
    if folder is None:
        with cache.fill(KEYS_KIND, name) as partial:
            _derive(program, mode, root, partial, phases)
        folder = cache.find(KEYS_KIND, name)
    if folder is None:
        raise SetupError(
            "the keys vanished from the cache",
            where=str(cache.root),
            hint="run the command again; is another process clearing the cache?",
            code="keys-unavailable",
        )
    vk = (folder / _VK).read_bytes()
    return Setup(
        key=replace(GkrKey.of(vk, mode).to_key(), from_cache=cached),
        # Compiling kernels, which happens once on a machine, is no part of a setup.
        setup_s=time.monotonic() - began - phases.seconds.get("kernels", 0.0),
        cached=cached,
        folder=folder,
    )


def _held(cache: Cache, name: str, program: Program, mode: str, program_root: bytes) -> Path | None:
    """The cached keys of this very program; None, and removed, if they are another's.

    A verifier believes them as if it had just derived them. All but the weights' root is derived
    again, so no more than that is taken on the word of where it lies.

    Raises:
        SetupError: others may write to the cache.
    """
    folder = cache.find(KEYS_KIND, name)
    if folder is None:
        return None
    try:
        held = VerificationKey.decode((folder / _VK).read_bytes())
    except (OSError, MalformedProof):
        held = None
    bare = bare_key(program, mode, program_root)
    if held is not None and replace(held, weight_root=NO_ROOT).encode() == bare.encode():
        return folder
    cache.discard(KEYS_KIND, name)
    return None


def load_material(folder: Path) -> Material:
    """What a setup left in a folder.

    Raises:
        SetupError: the files are gone or damaged.
    """
    try:
        vk = (folder / _VK).read_bytes()
        ranges = (folder / _RANGES).read_bytes()
        digests = (folder / _DIGESTS).read_bytes()
    except OSError as cause:
        raise SetupError(
            "the keys cannot be read",
            where=str(folder),
            why=cause.strerror or str(cause),
            hint="set up again",
            code="keys-unavailable",
        ) from cause
    key = VerificationKey.decode(vk)
    return Material(
        vk=vk,
        key=GkrKey.of(vk, key.weights),
        plan=make_plan(key),
        ranges=ranges,
        digests=digests,
    )


def load_weights(
    kernels: Kernels, material: Material, constants: list[IntArray]
) -> tuple[Committed | None, dict[str, IntArray]]:
    """The committed weights as a stack that can be opened, and as columns."""
    plan = material.plan
    if plan.weight_layout is None:
        return None, {}
    lanes = weight_lanes(plan, constants)
    rows = fill(plan.weight_layout, lanes)
    root = Root(plan.key.weight_root)
    return Committed.load(kernels, plan.weight_layout, rows, material.digests, root=root), lanes


def joined(layouts: list[StackLayout], stacks: list[Words]) -> Words:
    """The words of several stacks in address order; rows between them are zero."""
    end = layouts[-1].end_row << layouts[-1].row_bits
    words = np.zeros(end, dtype=np.uint64)
    for place, rows in zip(layouts, stacks, strict=True):
        start = place.first_row << place.row_bits
        words[start : start + rows.size] = rows.reshape(-1)
    return words


def _commit_weights(kernels: Kernels, plan: Plan, lanes: Mapping[str, IntArray]) -> Committed:
    layout = plan.weight_layout
    assert layout is not None  # noqa: S101 - the caller looked
    return commit(kernels, layout, fill(layout, lanes))


def _rooted(key: VerificationKey, plan: Plan, root: Root) -> tuple[VerificationKey, Plan]:
    key = replace(key, weight_root=bytes(root))
    return key, replace(plan, key=key)


def _derive(program: Program, mode: str, program_root: bytes, folder: Path, phases: Phases) -> None:
    phases.enter("plan")
    key = bare_key(program, mode, program_root)
    plan = make_plan(key)
    check_soundness(plan)
    digests, ranges = b"", b""
    if plan.weight_layout is not None:
        phases.enter("kernels")
        kernels = ready_kernels()
        phases.enter("commit")
        lanes = weight_lanes(plan, [constant.values for constant in program.weights])
        committed = _commit_weights(kernels, plan, lanes)
        key, plan = _rooted(key, plan, committed.root)
        digests = committed.leaf_digests
        phases.enter("ranges")
        ranges = prove_ranges(kernels, plan, committed, lanes, key.encode())
        _verify_own(plan, key, ranges)
    phases.end()
    (folder / _VK).write_bytes(key.encode())
    (folder / _RANGES).write_bytes(ranges)
    (folder / _DIGESTS).write_bytes(digests)


def _verify_own(plan: Plan, key: VerificationKey, ranges: bytes) -> None:
    pinned = GkrKey.of(key.encode(), key.weights)
    rejected = verify_ranges(VerifierSide(ranges, Transcript()), plan, pinned)
    if rejected is not None:
        raise SetupError(
            "the proof of the weights' ranges is not accepted by this backend's own verifier",
            why=str(rejected),
            hint="please report this, with the program",
            code="own-proof-rejected",
        )


def prove_ranges(
    kernels: Kernels,
    plan: Plan,
    committed: Committed,
    lanes: dict[str, IntArray],
    vk: bytes,
) -> bytes:
    """The one-time proof that the committed weights lie in their ranges."""
    ranges = plan_ranges(plan)
    side = ProverSide(kernels, Transcript())
    work = range_work(kernels, ranges, committed, lanes)
    run_ranges(side, plan, ranges, GkrKey.of(vk, plan.key.weights).digest, work)
    return side.proof


def range_work(
    kernels: Kernels, ranges: RangePlan, committed: Committed, lanes: dict[str, IntArray]
) -> ProverWork:
    """The prover's part of the range proof."""
    witness = fill_ranges(ranges, lanes)
    numbers = [number for number, _ in ranges.lookups]
    counts = count_rows(ranges.tables, numbers, witness.looked_up)
    for number, found in enumerate(counts):
        witness.columns[f"multiplicity{number}"] = found
    own = {column.name: witness.columns[column.name] for column in ranges.columns}
    stacks: list[Committed] = [committed]

    def commit_own() -> Root:
        stacks.append(commit(kernels, ranges.layout, fill(ranges.layout, own)))
        return stacks[1].root

    def leaves(alpha: Ext, beta: Ext) -> tuple[Words, Words]:
        return leaf_tables(
            kernels, ranges.leaves, ranges.tables, numbers, witness.looked_up, counts, alpha, beta
        )

    return ProverWork(
        witness=witness,
        commit=commit_own,
        leaves=leaves,
        stack=lambda: joined([s.layout for s in stacks], [s.rows for s in stacks]),
        committed=lambda: stacks,
    )
