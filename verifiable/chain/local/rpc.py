"""The methods of JSON-RPC: their names, their parameters, and what they do.

Names and meanings are those of geth, and of anvil for development.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from verifiable.chain.engine import Engine
from verifiable.chain.local.answers import (
    block_json,
    data_json,
    log_json,
    pending_json,
    quantity_json,
    receipt_json,
    transaction_json,
)
from verifiable.chain.local.blocks import BASE_FEE, BLOCK_GAS_LIMIT
from verifiable.chain.local.calls import call, estimate
from verifiable.chain.local.clock import forward, set_next
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.chain.local.fields import (
    LATEST,
    PENDING,
    BlockId,
    CallFields,
    parse_address,
    parse_any_number,
    parse_block_id,
    parse_call,
    parse_data,
    parse_flag,
    parse_hash,
    parse_percentiles,
    parse_quantity,
    parse_slot,
)
from verifiable.chain.local.logs import Filters, LogQuery, find_logs, parse_log_query
from verifiable.chain.local.mining import go_back, include, mine_empty, take_snapshot
from verifiable.chain.local.node import Node
from verifiable.chain.local.records import Block
from verifiable.chain.local.refusals import (
    INVALID_PARAMETERS,
    METHOD_NOT_FOUND,
    Refusal,
    invalid_parameters,
)
from verifiable.chain.local.sending import PRIORITY_FEE, sign_for_sender
from verifiable.chain.local.transactions import Transaction, decode_transaction

__all__ = ["METHODS", "Method", "Service", "find_method"]

_MAX_FEE_HISTORY = 1_024


class Service:
    """A node and the filters that were set on it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.filters = Filters()


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method.

    Attributes:
        run: what it does with its parameters; those that were left out are None.
        parsers: one for each parameter. They run before the file is touched.
        required: how many parameters must be there.
        writes: it may change the file.
    """

    run: Callable[..., Any]
    parsers: tuple[Callable[[Any], Any], ...] = ()
    required: int = 0
    writes: bool = False

    def parse(self, params: Sequence[Any]) -> list[Any]:
        """Read the parameters.

        Raises:
            Refusal: (-32602) one is missing, one too many, or one cannot be read.
        """
        if len(params) > len(self.parsers):
            raise invalid_parameters(f"too many arguments, want at most {len(self.parsers)}")
        values: list[Any] = []
        for index, parser in enumerate(self.parsers):
            value = params[index] if index < len(params) else None
            if value is None:
                if index < self.required:
                    raise invalid_parameters(f"missing value for required argument {index}")
                values.append(None)
                continue
            try:
                values.append(parser(value))
            except Refusal as refusal:
                if refusal.code != INVALID_PARAMETERS:
                    raise
                raise invalid_parameters(f"invalid argument {index}: {refusal.message}") from None
        return values


def find_method(name: object) -> Method:
    """A method by its name.

    Raises:
        Refusal: (-32601) there is none.
    """
    found = METHODS.get(name) if isinstance(name, str) else None
    if found is None:
        shown = str(name)[:100]
        raise Refusal(METHOD_NOT_FOUND, f"the method {shown} does not exist/is not available")
    return found


def _raw_transaction(value: Any) -> Transaction:
    return decode_transaction(parse_data(value))


def _version(service: Service) -> str:
    engine, rules = service.node.engine_name, service.node.rules
    return f"localchain/{version('verifiable')}/{engine}/{rules} (development only)"


def _chain_id(service: Service) -> str:
    return quantity_json(service.node.chain_id)


def _network(service: Service) -> str:
    return str(service.node.chain_id)


def _syncing(_service: Service) -> bool:
    return False


def _accounts(_service: Service) -> list[str]:
    return [data_json(account.address) for account in DEV_ACCOUNTS]


def _gas_price(_service: Service) -> str:
    return quantity_json(BASE_FEE + PRIORITY_FEE)


def _priority_fee(_service: Service) -> str:
    return quantity_json(PRIORITY_FEE)


def _fee_history(
    service: Service, count: int, newest: BlockId, percentiles: tuple[float, ...] | None
) -> dict[str, Any]:
    node = service.node
    last = node.require(newest).number
    count = min(count, _MAX_FEE_HISTORY, last + 1)
    if count == 0:
        return {"oldestBlock": "0x0", "gasUsedRatio": []}
    numbers = range(last - count + 1, last + 1)
    blocks = [node.require(number) for number in numbers]
    answer: dict[str, Any] = {
        "oldestBlock": quantity_json(numbers[0]),
        "baseFeePerGas": [quantity_json(BASE_FEE)] * (count + 1),
        "gasUsedRatio": [block.header.gas_used / BLOCK_GAS_LIMIT for block in blocks],
        "baseFeePerBlobGas": ["0x1"] * (count + 1),
        "blobGasUsedRatio": [0.0] * count,
    }
    if percentiles:
        answer["reward"] = [[_tip(node, block)] * len(percentiles) for block in blocks]
    return answer


def _tip(node: Node, block: Block) -> str:
    """A block's one transaction is every percentile of its transactions."""
    included = node.store.transaction_of_block(block.number)
    if included is None:
        return "0x0"
    fee = transaction_json(included, block)["gasPrice"]
    return quantity_json(int(fee, 16) - block.header.base_fee)


def _balance(service: Service, address: bytes, block: BlockId | None) -> str:
    return quantity_json(_engine(service, block).account(address).balance)


def _nonce(service: Service, address: bytes, block: BlockId | None) -> str:
    return quantity_json(_engine(service, block).account(address).nonce)


def _code(service: Service, address: bytes, block: BlockId | None) -> str:
    return data_json(_engine(service, block).account(address).code)


def _storage(service: Service, address: bytes, slot: int, block: BlockId | None) -> str:
    return data_json(_engine(service, block).storage(address, slot).to_bytes(32, "big"))


def _engine(service: Service, block: BlockId | None) -> Engine:
    node = service.node
    return node.engine(node.require(LATEST if block is None else block).state)


def _call(service: Service, fields: CallFields, block: BlockId | None) -> str:
    return data_json(call(service.node, fields, LATEST if block is None else block))


def _estimate(service: Service, fields: CallFields, block: BlockId | None) -> str:
    return quantity_json(estimate(service.node, fields, LATEST if block is None else block))


def _send_raw(service: Service, tx: Transaction) -> str:
    return data_json(include(service.node, tx))


def _send(service: Service, fields: CallFields) -> str:
    return data_json(include(service.node, sign_for_sender(service.node, fields)))


def _block_number(service: Service) -> str:
    return quantity_json(service.node.head.number)


def _block_by_number(service: Service, block: BlockId, full: bool | None) -> Any:
    node = service.node
    if block == PENDING:
        return pending_json(node)
    found = node.find(block)
    return None if found is None else block_json(node, found, full=bool(full))


def _block_by_hash(service: Service, hash: bytes, full: bool | None) -> Any:
    found = service.node.find(hash)
    return None if found is None else block_json(service.node, found, full=bool(full))


def _transaction(service: Service, hash: bytes) -> Any:
    node = service.node
    included = node.store.transaction_by_hash(hash)
    if included is None:
        return None
    return transaction_json(included, node.require(included.number))


def _receipt(service: Service, hash: bytes) -> Any:
    node = service.node
    included = node.store.transaction_by_hash(hash)
    if included is None:
        return None
    return receipt_json(node, included, node.require(included.number))


def _logs(service: Service, query: LogQuery) -> list[dict[str, Any]]:
    return [log_json(log) for log in find_logs(service.node, query)]


def _new_filter(service: Service, query: LogQuery) -> str:
    return quantity_json(service.filters.add(service.node, query))


def _new_block_filter(service: Service) -> str:
    return quantity_json(service.filters.add(service.node, None))


def _filter_changes(service: Service, identifier: int) -> list[Any]:
    news = service.filters.changes(service.node, identifier)
    return [data_json(item.hash) if isinstance(item, Block) else log_json(item) for item in news]


def _filter_logs(service: Service, identifier: int) -> list[dict[str, Any]]:
    return [log_json(log) for log in service.filters.logs(service.node, identifier)]


def _uninstall_filter(service: Service, identifier: int) -> bool:
    return service.filters.remove(identifier)


def _mine(service: Service, time_s: int | None) -> str:
    node = service.node
    if time_s is not None:
        _set_next_time(service, time_s)
    mine_empty(node)
    return "0x0"


def _increase_time(service: Service, seconds: int) -> int:
    node = service.node
    travel = forward(node.store.travel(), seconds, now_s=node.now())
    node.store.set_travel(travel)
    return travel.offset_s


def _set_next_time(service: Service, time_s: int) -> None:
    node = service.node
    parent_s = node.head.header.time_s
    node.store.set_travel(set_next(node.store.travel(), time_s, parent_s=parent_s))


def _snapshot(service: Service) -> str:
    return quantity_json(take_snapshot(service.node))


def _revert(service: Service, identifier: int) -> bool:
    return go_back(service.node, identifier)


def _set_balance(service: Service, address: bytes, wei: int) -> None:
    node = service.node
    node.engine().fund(address, wei)
    node.store.set_head_state(node.changed())


_STATE = (parse_address, parse_block_id)

METHODS: Mapping[str, Method] = {
    "web3_clientVersion": Method(run=_version),
    "eth_chainId": Method(run=_chain_id),
    "net_version": Method(run=_network),
    "eth_syncing": Method(run=_syncing),
    "eth_accounts": Method(run=_accounts),
    "eth_gasPrice": Method(run=_gas_price),
    "eth_maxPriorityFeePerGas": Method(run=_priority_fee),
    "eth_feeHistory": Method(
        run=_fee_history,
        parsers=(parse_any_number, parse_block_id, parse_percentiles),
        required=2,
    ),
    "eth_getBalance": Method(run=_balance, parsers=_STATE, required=1),
    "eth_getTransactionCount": Method(run=_nonce, parsers=_STATE, required=1),
    "eth_getCode": Method(run=_code, parsers=_STATE, required=1),
    "eth_getStorageAt": Method(
        run=_storage, parsers=(parse_address, parse_slot, parse_block_id), required=2
    ),
    "eth_call": Method(run=_call, parsers=(parse_call, parse_block_id), required=1),
    "eth_estimateGas": Method(run=_estimate, parsers=(parse_call, parse_block_id), required=1),
    "eth_sendRawTransaction": Method(
        run=_send_raw, parsers=(_raw_transaction,), required=1, writes=True
    ),
    "eth_sendTransaction": Method(run=_send, parsers=(parse_call,), required=1, writes=True),
    "eth_blockNumber": Method(run=_block_number),
    "eth_getBlockByNumber": Method(
        run=_block_by_number, parsers=(parse_block_id, parse_flag), required=1
    ),
    "eth_getBlockByHash": Method(run=_block_by_hash, parsers=(parse_hash, parse_flag), required=1),
    "eth_getTransactionByHash": Method(run=_transaction, parsers=(parse_hash,), required=1),
    "eth_getTransactionReceipt": Method(run=_receipt, parsers=(parse_hash,), required=1),
    "eth_getLogs": Method(run=_logs, parsers=(parse_log_query,), required=1),
    "eth_newFilter": Method(run=_new_filter, parsers=(parse_log_query,), required=1),
    "eth_newBlockFilter": Method(run=_new_block_filter),
    "eth_getFilterChanges": Method(run=_filter_changes, parsers=(parse_quantity,), required=1),
    "eth_getFilterLogs": Method(run=_filter_logs, parsers=(parse_quantity,), required=1),
    "eth_uninstallFilter": Method(run=_uninstall_filter, parsers=(parse_quantity,), required=1),
    "evm_mine": Method(run=_mine, parsers=(parse_any_number,), writes=True),
    "evm_increaseTime": Method(
        run=_increase_time, parsers=(parse_any_number,), required=1, writes=True
    ),
    "evm_setNextBlockTimestamp": Method(
        run=_set_next_time, parsers=(parse_any_number,), required=1, writes=True
    ),
    "evm_snapshot": Method(run=_snapshot, writes=True),
    "evm_revert": Method(run=_revert, parsers=(parse_any_number,), required=1, writes=True),
    "anvil_setBalance": Method(
        run=_set_balance, parsers=(parse_address, parse_any_number), required=2, writes=True
    ),
}
