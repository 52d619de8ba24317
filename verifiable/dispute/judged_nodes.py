"""Whether the contracts of a game can judge every node of a program.

What contracts accept follows from their code, so a program that passed need not be asked about
again: agents of one process remember it by the hashes of code and program.
"""

from __future__ import annotations

from verifiable.chain.artifact import load_artifact
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import why_unjudged
from verifiable.dispute.material import Material
from verifiable.errors import Problem, Reverted, UnsupportedModel
from verifiable.statement.game import JudgeCode

__all__ = ["check_nodes"]

_PASSED: set[tuple[JudgeCode, bytes]] = set()


def check_nodes(game: DisputeGame, material: Material) -> None:
    """Refuse a program with a node that the contract could not judge: lies about it would stand.

    Raises:
        UnsupportedModel: with all such nodes.
        ChainError: the node failed.
    """
    asked = (game.release.code, material.program_root)
    if asked in _PASSED:
        return
    _, address = game.verifiers()
    router = Contract(game.chain, load_artifact("StepRouter"), address)
    problems = []
    for node, desc in enumerate(material.descriptors):
        try:
            router.call("checkNode", desc, material.leaf_log2)
        except Reverted as refusal:
            problems.append(
                Problem(
                    code="node-not-judged",
                    node=f"node {node} ({material.program.nodes[node].op.name})",
                    what=why_unjudged(refusal),
                )
            )
    if problems:
        raise UnsupportedModel(problems)
    _PASSED.add(asked)
