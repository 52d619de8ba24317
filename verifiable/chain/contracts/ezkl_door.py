"""The door of the backend `ezkl`, and ezkl's verifier contract behind it.

The verifier's code is not shipped: the installed ezkl writes its source, which is compiled into the
cache (`verifiable router ezkl-verifier`). The door is made with the hash of its code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from verifiable.chain.artifact import Artifact, load_artifact
from verifiable.chain.calls import BlockTag
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.genuine import CANONICAL_SALT, Part, check_made
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import Plan, Receipt, TxOptions

__all__ = [
    "DOOR_ARTIFACT",
    "VERIFIER_CODE_HASH",
    "EzklDoor",
    "ReusableVerifier",
    "check_ezkl_door",
    "ezkl_parts",
    "verifier_artifact",
]

DOOR_ARTIFACT = load_artifact("EzklDoor")

VERIFIER_CODE_HASH = bytes.fromhex(
    "9001f52e7f1976554d034420221e76077b8578a8a8cd2883a703c2ae63b58352"
)
"""keccak-256 of the verifier's code, as `backends/ezkl/verifier_contract.py` pins it."""

_WORD_BYTES = 32


def _member(name: str, *types: str, outputs: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "nonpayable",
        "inputs": [{"name": "", "type": kind} for kind in types],
        "outputs": [{"name": "", "type": kind} for kind in outputs],
    }


def _words(data: bytes) -> list[bytes]:
    return [data[i : i + _WORD_BYTES] for i in range(0, len(data), _WORD_BYTES)]


def verifier_artifact(creation: bytes, code: bytes) -> Artifact:
    """ezkl's verifier contract, with the functions that are used here.

    Args:
        creation: what a deployment executes.
        code: what is at the contract's address then.
    """
    return Artifact(
        name="Halo2VerifierReusable",
        abi=(
            _member("registerVka", "bytes32[]", outputs=("bytes32",)),
            # What it returns is not what it declares; nothing here reads it.
            _member("verifyProof", "bytes", "uint256[]", "bytes32[]"),
        ),
        bytecode=creation,
        runtime=code,
        compiler={},
        sources={},
        license="MIT",
    )


def ezkl_parts(verifier: Artifact, ceremony: bytes) -> tuple[Part, Part]:
    """The verifier and its door, where the deployment proxy puts them, in that order.

    Args:
        verifier: as `verifier_artifact` gives it.
        ceremony: 32 bytes that name the public ceremony; zeros: every proof counts as simulated.
    """
    behind = Part(artifact=verifier, arguments=())
    arguments = (behind.address, VERIFIER_CODE_HASH, ceremony)
    return behind, Part(artifact=DOOR_ARTIFACT, arguments=arguments)


def check_ezkl_door(chain: Chain, address: bytes, block: BlockTag = "latest") -> None:
    """Refuse a door that this release's constructor would not make over the pinned verifier.

    The ceremony is the door's own: it says only which proofs do not count as simulated.

    Raises:
        ChainError: `other-code`, or the node failed.
    """
    door = Contract(chain, DOOR_ARTIFACT, address)
    behind, ceremony = door.call("verifier", block=block), door.call("ceremony", block=block)
    code = chain.code(address, block)
    check_made(chain, DOOR_ARTIFACT, (behind, VERIFIER_CODE_HASH, ceremony), address, code, block)


class ReusableVerifier:
    """ezkl's verifier contract on a chain. Made by `at` or `deploy`.

    Attributes:
        contract: the same contract without types.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    @classmethod
    def at(cls, chain: Chain, artifact: Artifact, address: bytes) -> ReusableVerifier:
        """The verifier at an address.

        Args:
            artifact: as `verifier_artifact` gives it.

        Raises:
            ChainError: `no-code`, `other-code`, or the node failed.
        """
        return cls(chain.contract(artifact, address, code_hash=VERIFIER_CODE_HASH))

    @classmethod
    def deploy(
        cls, chain: Chain, signer: Signer, artifact: Artifact, *, options: TxOptions | None = None
    ) -> ReusableVerifier:
        """Deploy the verifier, unless it stands at its address already.

        Raises:
            ChainError: as `Chain.deploy_deterministic`.
        """
        made = chain.deploy_deterministic(signer, artifact, salt=CANONICAL_SALT, options=options)
        return cls.at(chain, artifact, made.address)

    @property
    def address(self) -> bytes:
        """Its address, 20 bytes."""
        return self.contract.address

    def plan_artifact(
        self, sender: bytes, words: bytes, *, options: TxOptions | None = None
    ) -> Plan:
        """What `register_artifact` would cost.

        Raises:
            ChainError: as `Contract.plan`.
        """
        return self.contract.plan(sender, "registerVka", _words(words), options=options)

    def register_artifact(
        self, signer: Signer, words: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Make a verification key artifact known to the verifier, once; anybody may.

        Args:
            words: of the artifact, one after the other.

        Raises:
            ChainError: as `Contract.send`.
        """
        return self.contract.send(signer, "registerVka", _words(words), options=options)


class EzklDoor:
    """The door of the backend `ezkl` on a chain. Made by `at` or `deploy`.

    Attributes:
        contract: the same contract without types.
    """

    artifact: ClassVar = DOOR_ARTIFACT

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    @classmethod
    def at(cls, chain: Chain, address: bytes) -> EzklDoor:
        """The door at an address; which verifier and ceremony it has is not compared.

        Raises:
            ChainError: `no-code`, `other-code`, or the node failed.
        """
        return cls(chain.contract(DOOR_ARTIFACT, address))

    @classmethod
    def deploy(
        cls,
        chain: Chain,
        signer: Signer,
        verifier: ReusableVerifier,
        *,
        ceremony: bytes,
        options: TxOptions | None = None,
    ) -> EzklDoor:
        """Deploy the door of a verifier, unless it stands at its address already.

        Args:
            verifier: whose code was compared with the pinned one.
            ceremony: 32 bytes that name the public ceremony; zeros: every proof counts as
                simulated.

        Raises:
            Reverted: `EvidenceDoor_WrongCode`.
            ChainError: as `Chain.deploy_deterministic`.
        """
        made = chain.deploy_deterministic(
            signer,
            DOOR_ARTIFACT,
            verifier.address,
            VERIFIER_CODE_HASH,
            ceremony,
            salt=CANONICAL_SALT,
            options=options,
        )
        return cls.at(chain, made.address)

    @property
    def address(self) -> bytes:
        """Its address, 20 bytes."""
        return self.contract.address

    def verifier(self) -> bytes:
        """Address of the verifier that it asks."""
        found: bytes = self.contract.call("verifier")
        return found

    def ceremony(self) -> bytes:
        """Which reference string is not a simulation, 32 bytes."""
        found: bytes = self.contract.call("ceremony")
        return found
