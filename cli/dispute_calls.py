"""The dispute game on an open chain: where it is, its deployment as steps, its state as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .chain_options import address
from .deploying import part_step
from .spending import Step, address_text, hex_text

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.contracts.dispute_game import DisputeGame
    from verifiable.chain.signing import Signer
    from verifiable.dispute.game_log import AssertionState, GameLog, GameState
    from verifiable.statement.game import Params

__all__ = [
    "assertion_document",
    "deployment_steps",
    "find_game",
    "from_block_option",
    "game_document",
    "game_option",
    "params_document",
    "usual_params",
]

game_option = click.option(
    "--game",
    "game_address",
    callback=address,
    metavar="ADDRESS",
    help="The dispute game's contract, instead of the one with the usual rules.",
)
from_block_option = click.option(
    "--from-block",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Where to begin to read: a block before everything that matters.",
)


def usual_params(chain: Chain) -> Params:
    """The rules of the game that everybody means if nobody says which."""
    from verifiable.dispute import session

    return session.usual_params(chain)


def find_game(chain: Chain, at: bytes | None) -> DisputeGame:
    """Find the game's contract, whose code is then known to be this release's.

    Args:
        at: None for the one with the usual rules.

    Raises:
        ChainError: (code `no-game`) there is none; or other code stands there.
    """
    from verifiable.dispute import session

    return session.find_game(chain, at)


def deployment_steps(chain: Chain, signer: Signer, params: Params) -> tuple[list[Step], bytes]:
    """The deployments that a game with these rules lacks, and its address."""
    from verifiable.chain.contracts.dispute_release import game_parts

    parts = game_parts(params)
    missing = [part for part in parts if not chain.code(part.address)]
    return [part_step(chain, signer, part) for part in missing], parts[-1].address


def params_document(params: Params) -> dict[str, object]:
    """The rules of a game for a JSON result."""
    return {
        "window_s": params.window,
        "clock_asserter_s": params.clock_a,
        "clock_challenger_s": params.clock_c,
        "grace_s": params.grace,
        "max_moves": params.max_moves,
        "bond_asserter_wei": params.bond_a,
        "bond_challenger_wei": params.bond_c,
        "reward_bps": params.reward_bps,
        "refund_bps": params.refund_bps,
        "min_commit_age_blocks": params.min_commit_age,
        "gas_price_cap_wei": params.gas_price_cap,
    }


def assertion_document(log: GameLog, found: AssertionState) -> dict[str, object]:
    """An assertion with its games for a JSON result."""
    end = found.asserted_at + log.params.window
    fault = None
    if found.fault is not None:
        kind, node, place = found.fault
        fault = {"kind": kind.name.lower(), "node": node, "place": place}
    return {
        "assertion": hex_text(found.id),
        "status": found.status.name.lower(),
        "asserter": address_text(found.asserter),
        "statement_digest": hex_text(found.digest),
        "program_root": hex_text(found.statement.program_root),
        "input_root": hex_text(found.statement.input_root),
        "output_root": hex_text(found.statement.output_root),
        "context": hex_text(found.statement.context),
        "trace_root": hex_text(found.trace_root),
        "trace_uri": found.trace_uri,
        "asserted_at": found.asserted_at,
        "window_ends_at": end,
        "window_left_s": max(0, end - log.now()) if found.pending else None,
        "rejected_by": address_text(found.winner) if found.winner else None,
        "fault": fault,
        "games": [game_document(log, game) for game in log.games_of(found.id)],
    }


def game_document(log: GameLog, game: GameState) -> dict[str, object]:
    """A game for a JSON result; clocks as they stood when the present turn began."""
    return {
        "game_id": game.id,
        "status": game.status.name.lower(),
        "challenger": address_text(game.challenger),
        "phase": game.phase.name.lower(),
        "turn": "asserter" if game.asserter_turn else "challenger",
        "node": game.node,
        "height": game.height,
        "index": game.index,
        "clock_asserter_s": game.clock_a,
        "clock_challenger_s": game.clock_c,
        "expires_at": game.expires_at if game.open else None,
        "left_s": max(0, game.expires_at - log.now()) if game.open else None,
    }
