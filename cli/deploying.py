"""Contracts that belong together, as steps: each is deployed where it does not stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .spending import Step

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.contracts.genuine import Part
    from verifiable.chain.signing import Signer
    from verifiable.chain.transaction import Plan, Receipt, TxOptions

__all__ = ["part_step"]


def part_step(chain: Chain, signer: Signer, part: Part) -> Step:
    """The deployment of one contract by the deployment proxy."""
    from verifiable.chain.contracts.genuine import CANONICAL_SALT
    from verifiable.chain.deployment import DEPLOYMENT_PROXY

    name, arguments = part.artifact.name, part.arguments

    def plan(options: TxOptions) -> Plan:
        return chain.plan_deployment(
            signer.address, part.artifact, *arguments, salt=CANONICAL_SALT, options=options
        )

    def send(options: TxOptions) -> Receipt | None:
        return chain.deploy_deterministic(
            signer, part.artifact, *arguments, salt=CANONICAL_SALT, options=options
        ).receipt

    return Step(
        what=f"deploy {name}",
        call=f"{name} (deployment)",
        to=DEPLOYMENT_PROXY,
        plan=None if arguments else plan,  # a constructor may ask what is not there yet
        send=send,
    )
