"""Read the assertion that a proof names, and the game that judges it.

What a game answers means something only if it is genuine, so that comes first; a game that is not
is asked nothing, and the view says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import GAME, Release, read_release
from verifiable.chain.contracts.dispute_structs import AssertionStatus as OnChain
from verifiable.chain.reader import read_view
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak
from verifiable.statement.view import AssertionStatus, AssertionView, ChainView

__all__ = ["assertion_at", "read_assertion"]

_STATUS: Mapping[OnChain, AssertionStatus] = {
    OnChain.PENDING: "pending",
    OnChain.REJECTED: "rejected",
    OnChain.FINALIZED: "final",
}


def read_assertion(chain: Chain, *, game: bytes, assertion_id: bytes) -> ChainView:
    """Read an assertion and its game; see `read_view` and `assertion_at`."""
    return read_view(
        chain,
        assertion=lambda block: assertion_at(chain, block, game=game, assertion_id=assertion_id),
    )


def assertion_at(chain: Chain, block: int, *, game: bytes, assertion_id: bytes) -> AssertionView:
    """An assertion and its game at a block.

    Args:
        game: address of the contract, 20 bytes.
        assertion_id: name of the assertion, 32 bytes.

    Returns:
        With `judges` and `params` None where no game of this release stands, and the status
        `unknown` then, and where it knows no such assertion.

    Raises:
        ChainError: the node failed.
    """
    code = chain.code(game, block)
    release = _release_of(chain, game, block)
    if release is None:
        return AssertionView(
            game=game,
            code_hash=keccak(code) if code else None,
            judges=None,
            params=None,
            assertion_id=assertion_id,
        )
    found = DisputeGame(Contract(chain, GAME, game), release).assertion_of(
        assertion_id, block=block
    )
    known = found.status is not OnChain.NONE
    return AssertionView(
        game=game,
        code_hash=release.code_hash,
        judges=release.code,
        params=release.params,
        assertion_id=assertion_id,
        status=_STATUS.get(found.status, "unknown"),
        statement_digest=found.statement_digest if known else None,
        trace_root=found.trace_root if known else None,
        asserter=found.asserter if known else None,
        asserted_at_s=found.asserted_at,
        open_games=found.open_games,
    )


def _release_of(chain: Chain, game: bytes, block: int) -> Release | None:
    try:
        return read_release(chain, game, block)
    except ChainError as cause:
        if cause.code not in ("no-code", "other-code"):
            raise
        return None
