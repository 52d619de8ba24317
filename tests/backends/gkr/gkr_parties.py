"""Parties to a gkr proof for its tests: honest provers, provers that lie, verifiers that overlook.

A lie is made in one of three places: in the trace (`Case.trace`), in the witness that is made of it
(`Attempt.witness`), or in a message (`lies`: by label and occurrence, what is sent in its place).
Everything else such a prover does is honest, and it goes on where an honest one would stop.

`Overlooking` is a verifier that leaves out some checks. A proof that the verifier refuses by one
check, and that is accepted as soon as that check alone is left out, shows what the check is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from verifiable.argument.kernels import load_kernels
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.rejection import Rejected
from verifiable.argument.side import Reduced
from verifiable.argument.stack_commit import Committed, commit, fill
from verifiable.argument.transcript import AnyTranscript, Transcript
from verifiable.argument.verifier_side import VerifierSide
from verifiable.backends.gkr import witness as witness_module
from verifiable.backends.gkr.format import GkrKey, Payload
from verifiable.backends.gkr.keys import Material, bare_key, prove_ranges, range_work
from verifiable.backends.gkr.plan import make_plan
from verifiable.backends.gkr.protocol import Public, run
from verifiable.backends.gkr.prove import prover_work
from verifiable.backends.gkr.verify import judge_payload
from verifiable.backends.gkr.weight_ranges import plan_ranges, run_ranges, weight_lanes
from verifiable.backends.gkr.witness import build_witness
from verifiable.circuits.walk import Witness
from verifiable.errors import MalformedProof
from verifiable.program.execute import Trace, execute
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import commit_program
from verifiable.statement.policy import Policy
from verifiable.statement.statement import Statement, statement_of

KERNELS = load_kernels()
CONTEXT = bytes(range(32))

Compute = Callable[[], Any]
Name = str | tuple[str, int]
"""A label: every message of it; with a number: that occurrence of it alone."""

Lie = Callable[[Any, "LyingSide"], Any]
"""From the honest message (a tuple of Ext, an array or bytes) to the one that is sent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A program with its key, and one execution of it.

    Attributes:
        weights: the committed stack; None in the mode `public`.
        lanes: the committed weights as columns.
    """

    program: Program
    material: Material
    weights: Committed | None
    lanes: Mapping[str, IntArray]
    trace: Trace

    @property
    def outputs(self) -> list[IntArray]:
        return [self.trace.outputs[spec.name] for spec in self.program.outputs]

    @property
    def statement(self) -> Statement:
        return statement_of(
            commit_program(self.program), self.trace.inputs, self.outputs, context=CONTEXT
        )

    @property
    def public(self) -> Public:
        """What a verifier of this execution holds."""
        key = self.material.key
        spec_values = {
            index: spec.values
            for index, spec in enumerate(self.material.plan.key.constants)
            if spec.values is not None
        }
        own = {index: constant.values for index, constant in enumerate(self.program.weights)}
        return Public(
            key_digest=key.digest,
            statement=self.statement,
            inputs=self.trace.inputs,
            outputs=self.outputs,
            constants=spec_values if key.weights == "committed" else own,
        )

    def with_seed(self, seed: int) -> Case:
        """The same key, another execution."""
        return replace(self, trace=_run(self.program, seed))

    def on(self, *values: npt.ArrayLike) -> Case:
        """The same key, an execution on these inputs."""
        given = {
            spec.name: np.array(value, dtype=np.int64).reshape(spec.shape)
            for spec, value in zip(self.program.inputs, values, strict=True)
        }
        return replace(self, trace=execute(self.program, given))

    def with_values(self, node: int, values: npt.ArrayLike) -> Case:
        """The trace with another result of one node; later nodes keep theirs."""
        changed = list(self.trace.values)
        changed[node] = np.array(values, dtype=np.int64).reshape(changed[node].shape)
        return replace(self, trace=replace(self.trace, values=tuple(changed)))


def _run(program: Program, seed: int) -> Trace:
    rng = np.random.default_rng(seed)
    inputs = {
        spec.name: rng.integers(spec.lo, spec.hi, spec.shape, endpoint=True)
        for spec in program.inputs
    }
    return execute(program, inputs)


def make_case(
    program: Program, mode: str = "public", *, seed: int = 1, ranges: bool = False
) -> Case:
    """Set up a program, and run it on one random input."""
    key = bare_key(program, mode)
    plan = make_plan(key)
    stack, lanes, proof = None, {}, b""
    if plan.weight_layout is not None:
        lanes = weight_lanes(plan, [constant.values for constant in program.weights])
        stack = commit(KERNELS, plan.weight_layout, fill(plan.weight_layout, lanes))
        key = replace(key, weight_root=bytes(stack.root))
        plan = replace(plan, key=key)
        if ranges:
            proof = prove_ranges(KERNELS, plan, stack, lanes, key.encode())
    material = Material(
        vk=key.encode(),
        key=GkrKey.of(key.encode(), mode),
        plan=plan,
        ranges=proof,
        digests=b"" if stack is None else stack.leaf_digests,
    )
    return Case(
        program=program, material=material, weights=stack, lanes=lanes, trace=_run(program, seed)
    )


def under_key_of(key: Case, model: Case) -> Case:
    """A prover of one model's execution, with that model's weights, under the key of another."""
    plan = key.material.plan
    stack, lanes = None, {}
    if plan.weight_layout is not None:
        lanes = weight_lanes(plan, [constant.values for constant in model.program.weights])
        stack = commit(KERNELS, plan.weight_layout, fill(plan.weight_layout, lanes))
    return replace(model, material=key.material, weights=stack, lanes=lanes)


class LyingSide(ProverSide):
    """Sends other messages than it computed, and goes on after checks that do not hold.

    Attributes:
        told: the lies that were sent.
        spans: of every message its label, kind, and first and last byte in the proof.
        reduced: by label what the last sumcheck of that label left.
    """

    def __init__(self, transcript: AnyTranscript, lies: Mapping[Name, Lie]) -> None:
        super().__init__(KERNELS, transcript, lenient=True)
        self._lies = lies
        self._seen: Counter[str] = Counter()
        self.told: set[Name] = set()
        self.spans: list[tuple[str, str, int, int]] = []
        self.reduced: dict[str, Reduced] = {}

    def values(self, label: str, count: int, compute: Compute) -> Any:
        send = super().values
        return self._sent("exts", label, lambda c: send(label, count, c), compute)

    def exts(self, label: str, count: int, compute: Compute) -> Any:
        send = super().exts
        return self._sent("exts", label, lambda c: send(label, count, c), compute)

    def words(self, label: str, count: int, compute: Compute) -> Any:
        send = super().words
        return self._sent("words", label, lambda c: send(label, count, c), compute)

    def digest(self, label: str, compute: Compute) -> Any:
        send = super().digest
        return self._sent("digests", label, lambda c: send(label, c), compute)

    def digests(self, label: str, count: int, compute: Compute) -> Any:
        send = super().digests
        return self._sent("digests", label, lambda c: send(label, count, c), compute)

    def sumcheck(self, label: str, **arguments: Any) -> Reduced:
        reduced = super().sumcheck(label, **arguments)
        self.reduced[label] = reduced
        return reduced

    def _sent(self, kind: str, label: str, send: Callable[[Compute], Any], compute: Compute) -> Any:
        names: tuple[Name, ...] = (label, (label, self._seen[label]))
        self._seen[label] += 1
        found = [name for name in names if name in self._lies]
        self.told |= set(found)

        def told() -> Any:
            message = compute()
            for name in found:
                message = self._lies[name](message, self)
            return message

        start = len(self.proof)
        sent = send(told)
        self.spans.append((label, kind, start, len(self.proof)))
        return sent


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """One run of a prover that may lie.

    Attributes:
        case: the key that the proof is under, and the trace that the witness is made of.
        public: what the proof is said to be about.
        witness: what will be committed; change it before `prove`.
    """

    case: Case
    public: Public
    witness: Witness
    side: LyingSide | None = field(default=None)

    @classmethod
    def of(
        cls,
        case: Case,
        public: Public | None = None,
        *,
        products: Callable[[IntArray], IntArray] = lambda honest: honest,
    ) -> Attempt:
        """A prover with the witness of the case's trace, whose arrays are all its own.

        Args:
            products: what is taken for a node's `acc * M` when columns are filled.
        """
        honest = witness_module._products
        with patch.object(witness_module, "_products", lambda t, n: products(honest(t, n))):
            witness = build_witness(case.material.plan, case.trace)
        witness.columns = {name: values.copy() for name, values in witness.columns.items()}
        witness.virtual = {name: values.copy() for name, values in witness.virtual.items()}
        witness.looked_up = [
            (a.copy(), None if b is None else b.copy()) for a, b in witness.looked_up
        ]
        witness.columns.update(case.lanes)
        return cls(case=case, public=public or case.public, witness=witness)

    def count_again(self) -> None:
        """Set multiplicities to what is looked up now; what is outside its table is left out."""
        plan = self.case.material.plan
        for number, table in enumerate(plan.tables):
            counts = np.zeros(1 << table.log_size, dtype=np.int64)
            for (at, _), (a, _b) in zip(plan.lookups, self.witness.looked_up, strict=True):
                rows = a[(a >= table.start) & (a < table.start + len(counts))] - table.start
                if at == number:
                    counts += np.bincount(rows, minlength=len(counts))
            self.witness.columns[f"multiplicity{number}"] = counts

    def prove(
        self,
        lies: Mapping[Name, Lie] | None = None,
        *,
        transcript: AnyTranscript | None = None,
    ) -> bytes:
        """Run the prover; every lie must have been told."""
        material = self.case.material
        lies = lies or {}
        self.side = LyingSide(transcript or Transcript(), lies)
        work = prover_work(KERNELS, material, self.witness, self.case.weights)
        run(self.side, material.plan, self.public, work)
        assert self.side.told == set(lies), f"never told: {set(lies) - self.side.told}"
        return self.side.proof


class Overlooking(VerifierSide):
    """A verifier that leaves out some checks."""

    def __init__(self, proof: bytes, transcript: AnyTranscript, blind: Sequence[str]) -> None:
        super().__init__(proof, transcript)
        self._blind = blind

    def require(self, check: str, code: str, holds: bool, where: str) -> None:
        if check not in self._blind:
            super().require(check, code, holds, where)


ACCEPTED = "accepted"


def verdict(
    case: Case,
    proof: bytes,
    *,
    public: Public | None = None,
    blind: Sequence[str] = (),
    transcript: AnyTranscript | None = None,
) -> str:
    """What the argument's verifier says: `accepted`, `CHECK code`, or `malformed CODE`."""
    side = Overlooking(proof, transcript or Transcript(), blind)
    try:
        run(side, case.material.plan, public or case.public, None)
    except Rejected as rejected:
        return f"{rejected.check} {rejected.code}"
    except MalformedProof as malformed:
        return f"malformed {malformed.code}"
    return ACCEPTED


def assert_only(
    check: str, code: str, case: Case, proof: bytes, *, public: Public | None = None
) -> None:
    """The proof is refused by one check, and by no other."""
    assert verdict(case, proof, public=public) == f"{check} {code}"
    assert verdict(case, proof, public=public, blind=[check]) == ACCEPTED


def ranges_verdict(
    case: Case, ranges: bytes, *, blind: Sequence[str] = (), transcript: AnyTranscript | None = None
) -> str:
    """What the verifier of the weights' ranges says; see `verdict`."""
    side = Overlooking(ranges, transcript or Transcript(), blind)
    plan = case.material.plan
    try:
        run_ranges(side, plan, plan_ranges(plan), case.material.key.digest, None)
    except Rejected as rejected:
        return f"{rejected.check} {rejected.code}"
    except MalformedProof as malformed:
        return f"malformed {malformed.code}"
    return ACCEPTED


def proven_ranges(
    case: Case, *, transcript: AnyTranscript | None = None
) -> tuple[bytes, LyingSide]:
    """The honest proof of a case's ranges, and the side that made it."""
    plan, side = case.material.plan, LyingSide(transcript or Transcript(), {})
    assert case.weights is not None
    ranges = plan_ranges(plan)
    work = range_work(KERNELS, ranges, case.weights, dict(case.lanes))
    run_ranges(side, plan, ranges, case.material.key.digest, work)
    return side.proof, side


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadProof:
    """As much of a proof file as `judge` reads."""

    payload: bytes
    statement: Statement


def payload_of(case: Case, proof: bytes, **changes: Any) -> bytes:
    """A payload of the case's key, with some parts changed."""
    material = case.material
    payload = Payload(
        weights=material.key.weights, vk=material.vk, ranges=material.ranges, proof=proof
    )
    return replace(payload, **changes).encode()


def judged(case: Case, payload: bytes, **changes: Any) -> dict[str, str]:
    """Judge a payload as the backend does: the codes of all checks that are not ok or skipped."""
    held: dict[str, Any] = {
        "commitment": commit_program(case.program),
        "inputs": list(case.trace.inputs),
        "outputs": case.outputs,
        "key": case.material.key.to_key(),
        "policy": Policy(),
        "program": case.program,
        "statement": case.statement,
    }
    assert set(changes) <= set(held)
    held.update(changes)
    proof: Any = PayloadProof(payload=payload, statement=held.pop("statement"))
    judgement = judge_payload(proof, **held)
    return {c.id: c.code for c in judgement.checks if not c.ok and c.status != "skipped"}


@cache
def honest(case: Case) -> bytes:
    """The honest proof of a case."""
    return Attempt.of(case).prove()
