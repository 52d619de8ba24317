"""What makes a dispute game genuine: this release's code, with whatever rules, judged by its own.

Immutables make a game's code differ by deployment, and whoever deploys could put any bytes in
their places. So the constructor is run again, without sending anything, on the judges and rules
that the game names: the code that it leaves must be the game's, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifiable.chain.artifact import Artifact, load_artifact
from verifiable.chain.calls import BlockTag
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_structs import Params, build, values_of
from verifiable.chain.contracts.genuine import CANONICAL_SALT, Part, check_made
from verifiable.chain.deployment import check_code
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import TxOptions
from verifiable.errors import ChainError, Reverted
from verifiable.statement.game import JudgeCode, game_key
from verifiable.statement.hashing import keccak

__all__ = [
    "CANONICAL_SALT",
    "DEFAULT_PARAMS",
    "DEVELOPMENT_PARAMS",
    "GAME",
    "MAX_DURATION_S",
    "Part",
    "Release",
    "deploy_game",
    "game_parts",
    "read_release",
    "unjudged_nodes",
    "why_unjudged",
]

GAME = load_artifact("DisputeGame")
MAX_DURATION_S = 7 * 24 * 3600
"""`MAX_DURATION` of the contract: no rules let an assertion stay undecided for so long."""

_JUDGE = load_artifact("FaultJudge")
_ROUTER = load_artifact("StepRouter")
_REASONS = (
    "its descriptor is not in the one encoding",
    "no rule for this operator",
    "leaves of another size than 32, 256 or 1024 bytes",
    "another number of operands",
    "an operand from where this one cannot come from",
    "an operand refers to this node or a later one",
    "an element of another width than 1, 2, 4 or 8 bytes",
    "a shape with more than 6 axes, an empty axis or more than 2^31 elements",
    "shapes do not fit the operator or each other",
    "another number of attributes",
    "an attribute is out of its range",
    "a window of a maximum holds padding only",
    "the proof of one element could be too large for one transaction",
)
"""Why a node is not judged, as `IStepVerifier.Unsupported` numbers it."""
_FAMILIES = tuple(
    load_artifact(name)
    for name in ("LinearSteps", "ElementwiseSteps", "WindowSteps", "MovementSteps")
)

_HOUR_S = 3600
_ETHER = 10**18

DEFAULT_PARAMS = Params(
    window=24 * _HOUR_S,
    clock_a=12 * _HOUR_S,
    clock_c=12 * _HOUR_S,
    grace=_HOUR_S,
    max_moves=20,
    bond_a=_ETHER // 2,
    bond_c=_ETHER * 13 // 100,
    reward_bps=5000,
    refund_bps=7500,
    min_commit_age=2,
    gas_price_cap=50 * 10**9,
)
"""For a chain that includes transactions within an hour: final after 68 hours at the latest."""

DEVELOPMENT_PARAMS = Params(
    window=600,
    clock_a=300,
    clock_c=300,
    grace=60,
    max_moves=24,
    bond_a=_ETHER // 2,
    bond_c=_ETHER * 15 // 100,
    reward_bps=5000,
    refund_bps=7500,
    min_commit_age=1,
    gas_price_cap=50 * 10**9,
)
"""For a chain of one's own, where nobody has to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A game of this release.

    Attributes:
        code_hash: keccak-256 of its code, immutables included.
        code: hashes of the code that judges for it.
        params: its rules.
    """

    code_hash: bytes
    code: JudgeCode
    params: Params

    def game_key(self, program_root: bytes) -> bytes:
        """What a registry stores for a program and this game."""
        return game_key(program_root, self.code, self.params)


def read_release(chain: Chain, address: bytes, block: BlockTag = "latest") -> Release:
    """Refuse an address that is not a game of this release, judged by contracts of this release.

    Raises:
        ChainError: `no-code`, `other-code`, or the node failed.
    """
    code = chain.code(address, block)
    check_code(GAME, address, code, code_hash=None, where=chain.source)
    game = Contract(chain, GAME, address)
    judge, router = game.call("verifiers", block=block)
    params = build(Params, game.call("params", block=block))
    _check_judge(chain, _JUDGE, judge, block)
    router_hash = _check_router(chain, router, block)
    check_made(chain, GAME, (judge, router, values_of(params)), address, code, block)
    return Release(
        code_hash=keccak(code),
        code=JudgeCode(judge=_code_hash(_JUDGE), router=router_hash, families=_families_hash()),
        params=params,
    )


def game_parts(params: Params) -> tuple[Part, ...]:
    """What a game with these rules is made of, in the order of deployment; the game comes last."""
    families = tuple(Part(artifact=artifact, arguments=()) for artifact in _FAMILIES)
    judge = Part(artifact=_JUDGE, arguments=())
    router = Part(artifact=_ROUTER, arguments=tuple(family.address for family in families))
    game = Part(artifact=GAME, arguments=(judge.address, router.address, values_of(params)))
    return (*families, judge, router, game)


def deploy_game(
    chain: Chain, signer: Signer, params: Params, *, options: TxOptions | None = None
) -> bytes:
    """Deploy what is missing of a game with these rules; see `DisputeGame.deploy`.

    Returns:
        The game's address.
    """
    parts = game_parts(params)
    for part in parts:
        chain.deploy_deterministic(
            signer, part.artifact, *part.arguments, salt=CANONICAL_SALT, options=options
        )
    return parts[-1].address


def unjudged_nodes(
    chain: Chain,
    game: bytes,
    descriptors: Sequence[bytes],
    leaf_log2: int,
    *,
    block: BlockTag = "latest",
) -> list[str]:
    """Why the contracts of a game do not judge some of a program's nodes; empty if they judge all.

    Args:
        game: address of a genuine game.
        descriptors: `abi.encode(NodeDesc)` of every node, in order.
        leaf_log2: the program's.

    Raises:
        ChainError: the node failed.
    """
    _, router = Contract(chain, GAME, game).call("verifiers", block=block)
    contract = Contract(chain, _ROUTER, router)
    reasons = []
    for node, desc in enumerate(descriptors):
        try:
            contract.call("checkNode", desc, leaf_log2, block=block)
        except Reverted as refusal:
            reasons.append(f"node {node}: {why_unjudged(refusal)}")
    return reasons


def why_unjudged(refusal: Reverted) -> str:
    """Why the router refused a node, in words: `Step_Unsupported` gives a number only."""
    number = refusal.arguments.get("reason")
    if refusal.name != "Step_Unsupported" or not isinstance(number, int):
        return refusal.why or refusal.what
    if not 0 <= number < len(_REASONS):
        return f"{refusal.name}: reason {number}"
    return f"{refusal.name}: {_REASONS[number]}"


def _check_router(chain: Chain, router: bytes, block: BlockTag) -> bytes:
    """Refuse a router that hands nodes to anything but this release's families; its code hash."""
    code = chain.code(router, block)
    check_code(_ROUTER, router, code, code_hash=None, where=chain.source)
    families = Contract(chain, _ROUTER, router).call("families", block=block)
    for artifact, family in zip(_FAMILIES, families, strict=True):
        _check_judge(chain, artifact, family, block)
    check_made(chain, _ROUTER, families, router, code, block)
    return keccak(code)


def _check_judge(chain: Chain, artifact: Artifact, address: bytes, block: BlockTag) -> None:
    code = chain.code(address, block)
    check_code(artifact, address, code, code_hash=_code_hash(artifact), where=chain.source)


def _code_hash(artifact: Artifact) -> bytes:
    """Hash of a contract's code that holds no immutables."""
    if artifact.code_hash is None:
        raise ChainError(f"{artifact.name} has no code hash of its own", code="damaged-artifact")
    return artifact.code_hash


def _families_hash() -> bytes:
    """`familyCodeHashes()` of a router of this release."""
    return keccak(b"".join(_code_hash(artifact) for artifact in _FAMILIES))
