"""Which dispute game counts, where the evidence of a proof lies in one: not the proof's own word.

A lock holds the key of a game, or a pinned record does, or the caller names a game by its address
and holds the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from verifiable.anchoring import key_in_game
from verifiable.backends.base import ChainJudge, Key
from verifiable.backends.registry import backend_ids, get_backend
from verifiable.errors import InvalidInput, MissingDependency
from verifiable.program.program import Program
from verifiable.sources import ProgramSource
from verifiable.statement.commitment import commit_program
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.view import ChainView

__all__ = ["accepting", "chain_judge", "key_on_chain", "refuse_other_games"]


def chain_judge(proof: Proof) -> ChainJudge | None:
    """The proof's backend, if its evidence lies on a chain."""
    if proof.backend not in backend_ids():
        return None
    try:
        backend = get_backend(proof.backend)
    except MissingDependency:
        return None  # the verifier says so, if the policy accepts it
    return backend if isinstance(backend, ChainJudge) else None


def accepting(
    policy: Policy,
    proof: Proof,
    judge: ChainJudge | None,
    rpc_url: str | None,
    program: ProgramSource | None,
) -> Policy:
    """The policy of who names a game to trust: evidence that lies in games counts.

    Raises:
        InvalidInput: the game could not be used.
    """
    if judge is None:
        raise InvalidInput(
            "a game is named, but the evidence of this proof lies on no chain",
            where="game",
            hint="leave --game out",
            code="nothing-to-read",
        )
    if rpc_url is None or program is None:
        raise InvalidInput(
            "the key of a game is derived from the program and from what a node says",
            where="game",
            hint="give --program and --rpc-url too, or a lock that holds the key",
            code="game-needs-program",
        )
    return replace(policy, backends={proof.backend: None, **policy.backends})


def refuse_other_games(
    game: bytes, proof: Proof, lock: Lock | None, known: Mapping[str, Key]
) -> None:
    """Refuse a game that is named beside the key of another: which was meant, nobody can tell.

    Raises:
        InvalidInput: `two-games`.
    """
    entry = None if lock is None else lock.entry(proof.statement.program_root)
    given = [] if entry is None else [entry.backends.get(proof.backend, {})]
    given += [known[proof.backend].fields] if proof.backend in known else []
    for fields in given:
        if fields and fields.get("game") != game.hex():
            raise InvalidInput(
                "a game is named, and the lock or the key names another one",
                where="game",
                hint="leave --game out, or write the lock again",
                code="two-games",
            )


def key_on_chain(
    judge: ChainJudge,
    proof: Proof,
    policy: Policy,
    view: ChainView | None,
    program: Program | None,
    game: bytes | None,
    rpc_url: str | None,
    chain_id: int | None,
) -> Key | None:
    """The key of the game that the caller names, or of the one that a pinned record must hold.

    None if neither says which game counts: the proof's own word does not.
    """
    if game is not None and program is not None and rpc_url is not None:
        committed = commit_program(program, leaf_log2=proof.program.leaf_log2)
        if committed.program_root != proof.statement.program_root:
            return None
        return key_in_game(judge, program, committed, url=rpc_url, game=game, chain_id=chain_id)
    if policy.registry is None or view is None or view.assertion is None:
        return None
    # RG-9 compares it with the record's: the registrant vouches for the game, not the proof
    return judge.key_on_chain(proof.statement.program_root, view.chain_id, view.assertion)
