"""The key of a program and a game, from what was read of the game.

A verifier computes the game key itself: from the program's root, from the hashes of the code that
judges, which a reader has compared with this release's, and from the rules that the code holds.
"""

from __future__ import annotations

from verifiable.backends.optimistic.format import VERSION, OptimisticKey
from verifiable.statement.game import game_key
from verifiable.statement.view import AssertionView

__all__ = ["key_of"]


def key_of(program_root: bytes, chain_id: int, seen: AssertionView) -> OptimisticKey | None:
    """The key of a program and the game of a view; None if the game is not genuine."""
    if seen.code_hash is None or seen.judges is None or seen.params is None:
        return None
    return OptimisticKey(
        version=VERSION,
        chain_id=chain_id,
        game=seen.game,
        code_hash=seen.code_hash,
        game_key=game_key(program_root, seen.judges, seen.params),
    )
