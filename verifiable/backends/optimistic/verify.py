"""Judging an assertion on chain: every check by id, nothing believed because the proof says so.

The verifier is offline: a reader has looked at one block of a chain, and these checks compare
what it saw with the trusted key, the statement and the policy. Trusted besides: that somebody
honest watched the game in time, the chain, and the contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from verifiable.backends.base import Judgement, Key
from verifiable.backends.optimistic.format import VERSION, OptimisticKey, Payload
from verifiable.backends.optimistic.keys import key_of
from verifiable.program.program import IntArray, Program
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.hashing import (
    EMPTY_LEAF,
    Domain,
    TensorRoot,
    domain_hash,
    merkle_root,
)
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check
from verifiable.statement.view import DEVELOPMENT_CHAIN_ID, AssertionView, ChainView

__all__ = ["LEAST_GRACE_S", "LEAST_WINDOW_S", "OPTIMISTIC_CHECKS", "judge_assertion"]

LEAST_WINDOW_S = 3600
"""A shorter window is no time for anybody to execute the program and to challenge."""

LEAST_GRACE_S = 300
"""A shorter grace may pass before a transaction is included."""

OP_21 = CheckSpec(
    id="OP-21",
    name="game pinned",
    codes=("wrong-game", "no-game-key"),
    refuses="An assertion in another game, or on another chain, than the key names: one that "
    "nobody may watch.",
)
OP_22 = CheckSpec(
    id="OP-22",
    name="assertion read",
    codes=("assertion-not-read",),
    refuses="Nothing: undecided if the verifier was given no view of the chain, or one of another "
    "chain, game or assertion than the proof names.",
)
OP_23 = CheckSpec(
    id="OP-23",
    name="chain not local",
    codes=("local-chain",),
    refuses="A development chain, whose holder can write history and move its clock, unless the "
    "policy allows it.",
)
OP_24 = CheckSpec(
    id="OP-24",
    name="block final",
    codes=("block-not-final",),
    refuses="A view of a block that a reorganisation may still undo.",
)
OP_26 = CheckSpec(
    id="OP-26",
    name="game contract",
    codes=("game-code-mismatch", "game-without-code", "game-not-genuine", "game-key-mismatch"),
    refuses="A contract that is not the game of the key: no code, other code, other contracts "
    "that judge, other rules, or the key of another program.",
)
OP_27 = CheckSpec(
    id="OP-27",
    name="game rules",
    codes=("rules-too-hasty",),
    refuses="Rules that leave an honest challenger no time, except on a local chain.",
)
OP_28 = CheckSpec(
    id="OP-28",
    name="assertion of this statement",
    codes=("assertion-of-another-statement", "assertion-of-another-trace", "assertion-unknown"),
    refuses="An assertion of another program, input, output or context, or with another trace "
    "than the proof says; undecided if the game knows none of this name.",
)
OP_29 = CheckSpec(
    id="OP-29",
    name="assertion final",
    codes=("assertion-rejected", "assertion-pending"),
    refuses="An assertion that was rejected; undecided while it can still be challenged or "
    "nobody has closed it.",
)
OP_25 = CheckSpec(
    id="OP-25",
    name="execution repeated",
    codes=("recheck-differs", "recheck-impossible"),
    refuses="If the verifier asks for it: an output or a trace other than those of its own "
    "execution; undecided if it lacks the program or the input.",
)
OPTIMISTIC_CHECKS = (OP_21, OP_22, OP_23, OP_24, OP_26, OP_27, OP_28, OP_29, OP_25)


def judge_assertion(
    proof: Proof,
    commitment: ProgramCommitment,
    inputs: Sequence[IntArray] | None,
    key: Key | None,
    policy: Policy,
    program: Program | None,
    *,
    view: ChainView | None,
    recheck: bool,
) -> Judgement:
    """Judge a payload; see `ChainJudge.judge_on_chain`.

    Raises:
        MalformedProof: the payload cannot be decoded.
    """
    payload = Payload.decode(proof.payload)
    checks = _examine_chain(proof, payload, key, policy, view)
    if any(check.status == "failed" for check in checks):
        return Judgement(checks=_completed(checks))
    # Also of an assertion that is pending: who knows that it is wrong can still challenge it.
    checks.append(_examine_execution(proof, payload, commitment, inputs, program, recheck))
    every = _completed(checks)
    if view is None or view.assertion is None or not all(check.ok for check in every):
        return Judgement(checks=every)
    return _judgement(every, view, view.assertion, recheck=recheck)


def _examine_chain(
    proof: Proof, payload: Payload, key: Key | None, policy: Policy, view: ChainView | None
) -> list[Check]:
    """The checks of what lies on the chain, up to the first one that does not pass."""
    pinned = None if key is None else OptimisticKey.from_fields(key.fields)
    checks = [_examine_pin(payload, pinned)]
    if pinned is None or not checks[-1].ok:
        return checks
    checks.append(_examine_view(payload, view))
    if view is None or view.assertion is None or not checks[-1].ok:
        return checks
    seen = view.assertion
    rest: tuple[Callable[[], Check], ...] = (
        lambda: _examine_locality(policy, view),
        lambda: _examine_finality(view),
        lambda: _examine_game(proof, pinned, seen),
        lambda: _examine_rules(seen, view),
        lambda: _examine_statement(proof, payload, seen),
        lambda: _examine_status(seen, view),
    )
    for examine in rest:
        checks.append(examine())
        if not checks[-1].ok:
            break
    return checks


def _completed(checks: Sequence[Check]) -> tuple[Check, ...]:
    """All checks in order; those that were not reached are skipped."""
    done = {check.id: check for check in checks}
    bad = next((check.id for check in checks if not check.ok), "")
    hint = f"{bad} did not pass"
    return tuple(done.get(spec.id) or spec.skipped(hint=hint) for spec in OPTIMISTIC_CHECKS)


def _judgement(
    checks: tuple[Check, ...], view: ChainView, seen: AssertionView, *, recheck: bool
) -> Judgement:
    """What a final assertion establishes, and whom one trusts for it."""
    trusted = (
        "anything if nobody honest executed the program and challenged in time: of everybody who "
        "could watch this game, one is enough",
        "that the node told the truth about the chain, and that the chain kept its rules and took "
        "in challenges in time",
        "anything against a fault in the contracts: they have not been audited",
    )
    own = ("this verifier's own execution gives the same output and trace",)
    return Judgement(
        checks=checks,
        establishes=(
            f"assertion {encode_hex(seen.assertion_id)} of this statement stood unrefuted in game "
            f"{encode_hex(seen.game)} on chain {view.chain_id} (seen at block "
            f"{view.block.number})",
            *(own if recheck else ()),
        ),
        does_not_establish=trusted,
        reveals=("the statement, the trace's root and the asserter's account: on the chain",),
        verified_version=VERSION,
        details=_details(seen),
    )


def _details(seen: AssertionView) -> tuple[str, ...]:
    params = seen.params
    if params is None or seen.asserter is None:
        return ()
    return (
        f"asserted by {encode_hex(seen.asserter)} at {_time(seen.asserted_at_s)} under a bond of "
        f"{params.bond_a} wei, half of which or more burns with a false assertion",
        f"window {params.window} s, clocks {params.clock_a} s and {params.clock_c} s, grace "
        f"{params.grace} s, at most {params.max_moves} moves",
    )


def _examine_pin(payload: Payload, pinned: OptimisticKey | None) -> Check:
    # OP-21: challengers watch some games; whoever makes a proof must not choose which count.
    found = _place(payload.chain_id, payload.game)
    if pinned is None:
        return OP_21.undecided(
            "no-game-key",
            found=found,
            hint="give --lock with a lock that holds the game's key, or --game with the game "
            "that you trust, and --rpc-url with a node",
        )
    expected = _place(pinned.chain_id, pinned.game)
    if (payload.chain_id, payload.game) != (pinned.chain_id, pinned.game):
        return OP_21.failed(
            expected=expected,
            found=found,
            hint="the proof was made in another game than the one that you trust",
        )
    return OP_21.ok(expected=expected, found=found)


def _examine_view(payload: Payload, view: ChainView | None) -> Check:
    # OP-22: what was not read was not seen.
    expected = f"{_place(payload.chain_id, payload.game)}, {encode_hex(payload.assertion_id)}"
    if view is None or view.assertion is None:
        return OP_22.undecided(expected=expected, found="none", hint="name a node: --rpc-url")
    seen = view.assertion
    found = f"{_place(view.chain_id, seen.game)}, {encode_hex(seen.assertion_id)}"
    if found != expected:
        return OP_22.undecided(
            expected=expected, found=found, hint="name a node of the chain that the proof names"
        )
    return OP_22.ok(expected=expected, found=found)


def _examine_locality(policy: Policy, view: ChainView) -> Check:
    # OP-23: on a development chain a window is as long as its holder says.
    expected, found = "a chain that nobody can rewrite", f"chain {view.chain_id}"
    if not view.local:
        return OP_23.ok(expected=expected, found=found)
    if "local_chain" not in policy.allow_insecure:
        return OP_23.failed(
            expected=expected,
            found=found,
            hint="for tests and demos allow it: --allow-local-chain, or allow_insecure in the "
            "policy",
        )
    return OP_23.ok(expected="local chains allowed", found=found)


def _examine_finality(view: ChainView) -> Check:
    # OP-24: a development chain has no finality, and OP-23 has let it through knowingly.
    found = f"block {view.block.number}, {'final' if view.finalized else 'the latest'}"
    if not view.finalized and view.chain_id != DEVELOPMENT_CHAIN_ID:
        return OP_24.failed(
            expected="a final block", found=found, hint="read the chain by its tag `finalized`"
        )
    return OP_24.ok(expected="a final block, or a local chain's latest", found=found)


def _examine_game(proof: Proof, pinned: OptimisticKey, seen: AssertionView) -> Check:
    # OP-26: what a contract says means something only under the code and rules of the key.
    expected = encode_hex(pinned.code_hash)
    if seen.code_hash is None:
        return OP_26.failed(
            "game-without-code",
            expected=expected,
            found="none",
            hint="no contract stands at this address at that block",
        )
    if seen.code_hash != pinned.code_hash:
        return OP_26.failed(
            expected=expected,
            found=encode_hex(seen.code_hash),
            hint="the contract at this address is not the game that the key means",
        )
    derived = key_of(proof.statement.program_root, pinned.chain_id, seen)
    if derived is None:
        return OP_26.failed(
            "game-not-genuine",
            expected="a game of this release, judged by contracts of this release",
            found="another one",
            hint="another release made the key, or the game is a forgery",
        )
    if derived.to_key() != pinned.to_key():
        return OP_26.failed(
            "game-key-mismatch",
            expected=encode_hex(pinned.game_key),
            found=encode_hex(derived.game_key),
            hint="the key is of another program, or of other judging code, rules or version",
        )
    return OP_26.ok(expected=expected, found=encode_hex(seen.code_hash))


def _examine_rules(seen: AssertionView, view: ChainView) -> Check:
    # OP-27: one honest challenger is enough only if it has the time to act.
    params = seen.params
    expected = f"a window of {LEAST_WINDOW_S} s or more, a grace of {LEAST_GRACE_S} s or more"
    window_s, grace_s = (0, 0) if params is None else (params.window, params.grace)
    found = f"a window of {window_s} s, a grace of {grace_s} s"
    if view.local:
        return OP_27.ok(expected="any, on a local chain", found=found)
    if window_s < LEAST_WINDOW_S or grace_s < LEAST_GRACE_S:
        return OP_27.failed(
            expected=expected, found=found, hint="trust a game that gives challengers more time"
        )
    return OP_27.ok(expected=expected, found=found)


def _examine_statement(proof: Proof, payload: Payload, seen: AssertionView) -> Check:
    # OP-28: the digest holds program, input, output and context.
    expected = encode_hex(proof.statement.digest)
    if seen.status == "unknown" or seen.statement_digest is None:
        return OP_28.undecided(
            "assertion-unknown",
            expected=expected,
            found="no assertion of this name",
            hint="one that was made lately counts once its block is final",
        )
    if seen.statement_digest != proof.statement.digest:
        return OP_28.failed(
            expected=expected,
            found=encode_hex(seen.statement_digest),
            hint="the proof names the assertion of another statement",
        )
    if seen.trace_root != payload.trace_root:
        return OP_28.failed(
            "assertion-of-another-trace",
            expected=encode_hex(payload.trace_root),
            found="none" if seen.trace_root is None else encode_hex(seen.trace_root),
            hint="the proof names another trace than its assertion",
        )
    return OP_28.ok(expected=expected, found=encode_hex(seen.statement_digest))


def _examine_status(seen: AssertionView, view: ChainView) -> Check:
    # OP-29: only the game's own word ends the time for challenges.
    if seen.status == "rejected":
        return OP_29.failed(
            expected="final",
            found="rejected",
            hint="it was shown to be wrong, or nobody defended it",
        )
    if seen.status != "final":
        end = seen.asserted_at_s + (0 if seen.params is None else seen.params.window)
        latest = seen.asserted_at_s + (0 if seen.params is None else seen.params.longest_s)
        games = f", {seen.open_games} open" if seen.open_games else ""
        over = view.block.time_s >= end and not seen.open_games
        hint = (
            "its time is over: anybody may finalise it"
            if over
            else f"verify again later; it is decided by {_time(latest)} at the latest"
        )
        return OP_29.undecided(
            "assertion-pending",
            expected="final",
            found=f"pending{games}: can be challenged until {_time(end)}",
            hint=hint,
        )
    return OP_29.ok(expected="final", found=f"final at block {view.block.number}")


def _examine_execution(
    proof: Proof,
    payload: Payload,
    commitment: ProgramCommitment,
    inputs: Sequence[IntArray] | None,
    program: Program | None,
    recheck: bool,
) -> Check:
    # OP-25: who executes needs to believe nobody; finality is demanded all the same.
    if not recheck:
        return OP_25.ok(expected="not demanded", found="not repeated")
    expected = encode_hex(payload.trace_root)
    if program is None or inputs is None:
        lacks = "program" if program is None else "input"
        return OP_25.undecided(
            "recheck-impossible",
            expected=expected,
            found=f"no {lacks}",
            hint=f"give --{lacks}",
        )
    from verifiable.backends.optimistic.trace import commit_execution

    schema = commitment.schema
    named = {spec.name: values for spec, values in zip(schema.inputs, inputs, strict=True)}
    own = commit_execution(program, named, leaf_log2=commitment.leaf_log2, budget_bytes=0)
    roots = [own.roots[node] for node in schema.output_nodes]
    output = _root_of_outputs(roots)
    if output != proof.statement.output_root:
        return OP_25.failed(
            expected=encode_hex(proof.statement.output_root),
            found=encode_hex(output),
            hint="the asserted output is wrong: challenge it while there is time",
        )
    if own.root != payload.trace_root:
        return OP_25.failed(
            expected=expected,
            found=encode_hex(own.root),
            hint="the asserted trace is wrong: challenge it while there is time",
        )
    return OP_25.ok(expected=expected, found="the same output and trace")


def _root_of_outputs(roots: Sequence[TensorRoot]) -> bytes:
    """The output root over the roots of all outputs."""
    if len(roots) == 1:
        return roots[0]
    rows = [
        domain_hash(Domain.NAMED_TENSOR, index.to_bytes(4, "big"), root)
        for index, root in enumerate(roots)
    ]
    return merkle_root(rows, EMPTY_LEAF)


def _place(chain_id: int, game: bytes) -> str:
    return f"game {encode_hex(game)} on chain {chain_id}"


def _time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
