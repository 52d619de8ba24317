"""One client for every chain: the embedded one, a development node, a public network.

What holds everywhere: the chain's id is compared before anything else and is part of every
signature; an address without the expected code is refused; a transaction is signed once; the
reason of a refusal is decoded; and nothing but our own errors comes out, whatever a node answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from verifiable.chain.answers import (
    HASH_BYTES,
    read_address,
    read_block,
    read_bytes,
    read_hash,
    read_member,
    read_number,
)
from verifiable.chain.artifact import Artifact
from verifiable.chain.calls import BlockTag, block_param, call, message
from verifiable.chain.contract import Contract
from verifiable.chain.deployment import (
    DEPLOYMENT_PROXY,
    DEPLOYMENT_PROXY_CODE,
    check_code,
    create2_address,
    create_address,
    initcode,
)
from verifiable.chain.logs import Topics, find_logs
from verifiable.chain.receipts import (
    Waiting,
    find_receipt,
    lost_sight,
    wait_for_receipt,
    why_it_failed,
)
from verifiable.chain.reverts import ErrorTable, error_table, shipped_errors
from verifiable.chain.rpc import Node, NodeRefusal, Provider, bad_answer
from verifiable.chain.sending import make_plan, submit
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import (
    Deployment,
    LogRecord,
    PendingTransaction,
    Plan,
    Receipt,
    SentCall,
    TxOptions,
    replacement_of,
)
from verifiable.errors import ChainError
from verifiable.progress import Progress, silent
from verifiable.statement.view import DEVELOPMENT_CHAIN_ID, BlockRef

__all__ = [
    "BlockTag",
    "Chain",
    "Contract",
    "Deployment",
    "LogRecord",
    "PendingTransaction",
    "Plan",
    "Receipt",
    "TxOptions",
]

_MAX_CODE_BYTES = 1 << 16
_DEVELOPMENT_CLIENTS = ("anvil/", "hardhat", "ethereumjs testrpc", "ganache", "localchain/")


class Chain:
    """A chain behind a node.

    Args:
        provider: of web3.py; only its `make_request` is used.
        url: names the node in messages; without secrets.
        chain_id: the id that it must have; None: any.
        timeout_s: seconds to wait for a transaction.
        progress: is told while a transaction is waited for.
        sleep: waits so many seconds between two looks or tries.

    Attributes:
        chain_id: the node's.
        source: the node, for people.
        timeout_s: as given.

    Raises:
        ChainError: `chain-unreachable`, `wrong-chain`, `bad-answer`.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        url: str = "",
        chain_id: int | None = None,
        timeout_s: float = 120.0,
        progress: Progress = silent,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._node = Node(provider, source=url, sleep=sleep)
        self.source = url
        self.timeout_s = timeout_s
        self.progress = progress
        self._errors: ErrorTable | None = None
        self.chain_id = read_number(self._node.ask("eth_chainId"), "eth_chainId")
        if chain_id not in (None, self.chain_id):
            raise ChainError(
                f"the node is on chain {self.chain_id}, not on chain {chain_id}",
                where=url,
                hint="check --rpc-url and --chain",
                code="wrong-chain",
            )
        self._node.patient = self.chain_id != DEVELOPMENT_CHAIN_ID

    def __repr__(self) -> str:
        return f"Chain({self.chain_id} at {self.source!r})"

    # --- reading

    def call(
        self,
        to: bytes,
        data: bytes,
        *,
        sender: bytes | None = None,
        block: BlockTag = "latest",
        what: str = "the call failed",
    ) -> bytes:
        """Run a message on the state after a block; nothing changes.

        Returns:
            The return data; empty too where there is no code.

        Raises:
            Reverted: the execution failed.
            ChainError: the node failed.
        """
        fields = message(sender=sender, to=to, data=data)
        return call(self._node, fields, block, errors=self.errors, what=what)

    def created_code(self, code: bytes, *, block: BlockTag = "latest") -> bytes:
        """The code that a creation would leave on the state after a block; nothing is created.

        Args:
            code: what the creation executes, see `initcode`.

        Raises:
            Reverted: the constructor failed.
            ChainError: the node failed.
        """
        fields = message(sender=None, to=None, data=code)
        return call(self._node, fields, block, errors=self.errors, what="the creation failed")

    def is_development_node(self) -> bool:
        """Whether the node calls itself one for development; one that does not say is none."""
        try:
            version = self._node.ask("web3_clientVersion", [])
        except NodeRefusal:
            return False
        return isinstance(version, str) and version.lower().startswith(_DEVELOPMENT_CLIENTS)

    def code(self, address: bytes, block: BlockTag = "latest") -> bytes:
        """Code at an address; empty if there is none."""
        method = "eth_getCode"
        answer = self._ask_at(method, [f"0x{address.hex()}"], block)
        return read_bytes(answer, method, limit_bytes=_MAX_CODE_BYTES)

    def storage(self, address: bytes, slot: int, block: BlockTag = "latest") -> int:
        """One word of a contract's storage."""
        method = "eth_getStorageAt"
        return read_number(
            self._ask_at(method, [f"0x{address.hex()}", hex(slot)], block), method, bits=256
        )

    def balance(self, address: bytes, block: BlockTag = "latest") -> int:
        """Wei of an account."""
        method = "eth_getBalance"
        return read_number(self._ask_at(method, [f"0x{address.hex()}"], block), method, bits=256)

    def transaction_count(self, address: bytes, block: BlockTag = "latest") -> int:
        """How many transactions of an account are in blocks: the nonce of the next one."""
        method = "eth_getTransactionCount"
        return read_number(self._ask_at(method, [f"0x{address.hex()}"], block), method)

    def block(self, tag: BlockTag = "latest") -> BlockRef:
        """A block by number or tag.

        Raises:
            ChainError: `no-finalized-block`: the node has none, as on a chain that is young or
                does not know finality; `no-such-block`; or the node failed.
        """
        method = "eth_getBlockByNumber"
        params = [block_param(tag), False]
        try:
            answer = self._node.ask(method, params, lagging=isinstance(tag, int))
        except NodeRefusal:
            if tag not in ("finalized", "safe"):
                raise
            answer = None
        if answer is not None:
            return read_block(answer, method, number=tag if isinstance(tag, int) else None)
        if tag in ("finalized", "safe"):
            raise ChainError(
                f"the chain has no {tag} block",
                where=self.source,
                why="it is young, or its node does not know finality",
                hint="wait, or use another node",
                code="no-finalized-block",
            )
        raise ChainError(f"there is no block {tag}", where=self.source, code="no-such-block")

    def logs(
        self,
        address: bytes,
        topics: Topics = (),
        *,
        from_block: int,
        to_block: BlockTag = "latest",
    ) -> list[LogRecord]:
        """Logs of an address in a range of blocks, in order; see `find_logs`."""
        last = to_block if isinstance(to_block, int) else self.block(to_block).number
        return find_logs(
            self._node, address=address, topics=topics, from_block=from_block, to_block=last
        )

    def contract(
        self, artifact: Artifact, address: bytes, *, code_hash: bytes | None = None
    ) -> Contract:
        """A contract at an address.

        Args:
            artifact: what must stand there; values of immutables are not compared.
            code_hash: keccak-256 that its code must have besides; None: any.

        Raises:
            ChainError: `no-code`, `other-code`, or the node failed.
        """
        check_code(artifact, address, self.code(address), code_hash=code_hash, where=self.source)
        self.learn_errors(artifact)
        return Contract(self, artifact, address)

    @property
    def errors(self) -> ErrorTable:
        """The errors that are decoded: of all shipped contracts, and of those learned."""
        return shipped_errors() if self._errors is None else self._errors

    def learn_errors(self, artifact: Artifact) -> None:
        """Decode the errors of a contract that is not shipped.

        Raises:
            ChainError: `selector-clash`: one has the selector of another error.
        """
        self._errors = error_table([artifact], self.errors)

    # --- sending

    def plan(
        self,
        sender: bytes,
        *,
        to: bytes | None,
        data: bytes,
        value: int = 0,
        options: TxOptions | None = None,
        what: str = "the transaction would fail",
    ) -> Plan:
        """What a transaction would cost; nothing is signed or sent.

        Args:
            sender: its account; no key is needed.
            to: the callee, None to create a contract from `data`.
            options: what is set by hand.
            what: says what failed if it would.

        Raises:
            Reverted: it would fail.
            ChainError: the node failed, or the transaction cannot be made.
        """
        return make_plan(
            self._node,
            chain_id=self.chain_id,
            sender=sender,
            to=to,
            data=data,
            value=value,
            options=options or TxOptions(),
            errors=self.errors,
            what=what,
        )

    def send(
        self,
        signer: Signer,
        *,
        to: bytes | None,
        data: bytes,
        value: int = 0,
        options: TxOptions | None = None,
        what: str = "the transaction would fail",
    ) -> Receipt:
        """Sign a transaction, send it, and wait for it as `options` say.

        Returns:
            The receipt, of status 1; `pending` with `wait=False`.

        Raises:
            Reverted: it would fail and was not sent, or was sent and failed (`transaction`).
            PendingTransaction: it was sent, and what became of it is not known.
            ChainError: the node failed or refused it.
            AccountError: the key cannot be used.
        """
        return self._send(signer, to, data, value, options or TxOptions(), what)[0]

    def receipt(self, transaction: bytes) -> Receipt | None:
        """The receipt of a transaction, of status 0 or 1; None while no block holds it."""
        return find_receipt(self._node, transaction)

    def sent(self, transaction: bytes) -> SentCall | None:
        """What a transaction asked for, in a block or pending; None if the node does not know it.

        Raises:
            ChainError: `bad-answer`: it is another transaction, or none; or the node failed.
        """
        method = "eth_getTransactionByHash"
        found = self._node.ask(method, [f"0x{transaction.hex()}"])
        if found is None:
            return None
        if read_hash(read_member(found, "hash", method), method) != transaction:
            raise bad_answer(method, "is another transaction")
        to = read_member(found, "to", method)
        return SentCall(
            sender=read_address(read_member(found, "from", method), method),
            to=None if to is None else read_address(to, method),
            value=read_number(read_member(found, "value", method), method, bits=256),
            data=read_bytes(read_member(found, "input", method), method),
        )

    def replacement(self, transaction: bytes, options: TxOptions | None = None) -> TxOptions:
        """Options that replace a pending transaction, of this process or of another.

        Raises:
            ChainError: `no-such-transaction`: the node does not know it, or a block holds it.
        """
        method = "eth_getTransactionByHash"
        found = self._node.ask(method, [f"0x{transaction.hex()}"])
        if found is None or read_member(found, "blockHash", method) is not None:
            raise ChainError(
                f"there is no pending transaction 0x{transaction.hex()}",
                where=self.source,
                why="the node does not know it" if found is None else "a block holds it already",
                code="no-such-transaction",
            )
        tip = read_member(found, "maxPriorityFeePerGas", method)
        price = read_member(found, "gasPrice" if tip is None else "maxFeePerGas", method)
        sender = read_bytes(read_member(found, "from", method), method, limit_bytes=20)
        plan = Plan(
            chain_id=self.chain_id,
            sender=sender,
            to=None,
            value=0,
            data=b"",
            nonce=read_number(read_member(found, "nonce", method), method),
            gas=0,
            max_fee=read_number(price, method, bits=128),
            priority_fee=None if tip is None else read_number(tip, method, bits=128),
        )
        return replacement_of(plan, options)

    # --- deploying

    def plan_deployment(
        self,
        sender: bytes,
        artifact: Artifact,
        *arguments: Any,
        salt: bytes | None = None,
        options: TxOptions | None = None,
    ) -> Plan:
        """What a deployment would cost; with a salt, one through the deployment proxy."""
        code = initcode(artifact, arguments)
        plan = self.plan(
            sender,
            to=None if salt is None else DEPLOYMENT_PROXY,
            data=code if salt is None else salt + code,
            options=options,
            what=f"the deployment of {artifact.name} would fail",
        )
        names = {str(place): value for place, value in enumerate(arguments)}
        return plan.described(f"{artifact.name} (deployment)", names)

    def deploy(
        self, signer: Signer, artifact: Artifact, *arguments: Any, options: TxOptions | None = None
    ) -> Deployment:
        """Create a contract at an address that depends on account and nonce.

        Raises:
            ChainError: as `send`; or `no-code`, `other-code`: what stands at the address
                afterwards is not the contract.
        """
        self.learn_errors(artifact)
        receipt, plan = self._send(
            signer,
            None,
            initcode(artifact, arguments),
            0,
            options or TxOptions(),
            f"the deployment of {artifact.name} failed",
        )
        address = create_address(plan.sender, plan.nonce)
        if not receipt.pending:
            if receipt.contract_address != address:
                raise ChainError(
                    f"the receipt names another address than 0x{address.hex()}",
                    where=self.source,
                    hint="the node is faulty, or it is none: use another one",
                    code="bad-answer",
                )
            self._check_deployed(artifact, address, receipt)
        return Deployment(address=address, receipt=receipt)

    def deploy_deterministic(
        self,
        signer: Signer,
        artifact: Artifact,
        *arguments: Any,
        salt: bytes = bytes(HASH_BYTES),
        options: TxOptions | None = None,
    ) -> Deployment:
        """Create a contract at an address that depends on its code and the salt only.

        Returns:
            With `receipt` None if the contract stands there already.

        Raises:
            ChainError: as `deploy`; `no-deployment-proxy`: the chain lacks the proxy.
        """
        self.learn_errors(artifact)
        code = initcode(artifact, arguments)
        address = create2_address(DEPLOYMENT_PROXY, salt, code)
        found = self.code(address)
        if found:
            check_code(artifact, address, found, code_hash=None, where=self.source)
            return Deployment(address=address, receipt=None)
        if self.code(DEPLOYMENT_PROXY) != DEPLOYMENT_PROXY_CODE:
            raise ChainError(
                f"the chain has no deployment proxy at 0x{DEPLOYMENT_PROXY.hex()}",
                where=self.source,
                hint="deploy at an ordinary address, and give that address to others",
                code="no-deployment-proxy",
            )
        receipt = self.send(
            signer,
            to=DEPLOYMENT_PROXY,
            data=salt + code,
            options=options,
            what=f"the deployment of {artifact.name} failed",
        )
        if not receipt.pending:
            self._check_deployed(artifact, address, receipt)
        return Deployment(address=address, receipt=receipt)

    def _check_deployed(self, artifact: Artifact, address: bytes, receipt: Receipt) -> None:
        try:
            code = self.code(address, receipt.block_number)
        except ChainError as cause:
            raise lost_sight(self._node, receipt.transaction_hash, cause) from None
        check_code(artifact, address, code, code_hash=None, where=self.source)

    def _send(
        self,
        signer: Signer,
        to: bytes | None,
        data: bytes,
        value: int,
        options: TxOptions,
        what: str,
    ) -> tuple[Receipt, Plan]:
        """Send and wait; the receipt with the plan as it was sent."""
        sent = submit(
            self._node,
            signer,
            Plan(
                chain_id=self.chain_id,
                sender=signer.address,
                to=to,
                value=value,
                data=data,
                nonce=0,
                gas=0,
                max_fee=0,
                priority_fee=None,
            ),
            options=options,
            errors=self.errors,
            what=what,
        )
        if not options.wait:
            return Receipt(transaction_hash=sent.transaction), sent.plan
        waiting = Waiting(timeout_s=self.timeout_s, progress=self.progress)
        receipt = wait_for_receipt(self._node, sent.transaction, sent.plan, options, waiting)
        if receipt.status != 1:
            raise why_it_failed(self._node, receipt, sent.plan, errors=self.errors)
        return receipt, sent.plan

    def _ask_at(self, method: str, params: list[Any], block: BlockTag) -> Any:
        """Ask for state after a block, with patience for nodes that lag behind."""
        return self._node.ask(method, [*params, block_param(block)], lagging=True)
