"""Run the programs of `evm_programs` on anvil and on an engine, and write both down alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from evm_programs import SENDER, STRANGER, Program, Step, address_of, helper
from reference_node import NodeError, Rpc

from verifiable.chain.engine import BlockEnv, Engine, TxEnv

SLOTS = range(10)
ACCOUNTS = (STRANGER, helper(50), helper(60))
"""Whose balance is compared after each program: no fee goes to them."""

Run = dict[str, Any]


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _target(step: Step, contract: bytes) -> bytes | None:
    return contract if isinstance(step.to, str) else step.to


def run_on_anvil(rpc: Rpc, programs: Sequence[Program]) -> list[Run]:
    """What anvil makes of each program."""
    return [_anvil_program(rpc, address_of(at), program) for at, program in enumerate(programs)]


def _anvil_program(rpc: Rpc, contract: bytes, program: Program) -> Run:
    for address, code in {contract: program.code, **program.others}.items():
        if code:
            rpc("anvil_setCode", _hex(address), _hex(code))
            rpc("anvil_setNonce", _hex(address), "0x1")
    if program.wei:
        rpc("anvil_setBalance", _hex(contract), hex(program.wei))
    steps = []
    for step in program.steps:
        target = _target(step, contract)
        message = {
            "from": _hex(SENDER),
            "data": _hex(step.data),
            "value": hex(step.value),
            "gas": hex(step.gas),
            **({} if target is None else {"to": _hex(target)}),
        }
        if step.access_list:
            message["accessList"] = [
                {"address": _hex(address), "storageKeys": [f"0x{slot:064x}" for slot in slots]}
                for address, slots in step.access_list
            ]
        try:
            output = rpc("eth_call", message, "latest")
        except NodeError as error:
            output = error.args[0].get("data") or "0x"
        transaction = rpc("eth_sendTransaction", message)
        while (receipt := rpc("eth_getTransactionReceipt", transaction)) is None:
            time.sleep(0.01)
        ok = receipt["status"] == "0x1"
        steps.append(
            {
                "ok": ok,
                "gasUsed": int(receipt["gasUsed"], 16),
                "output": output,
                "created": (receipt["contractAddress"] if ok else None),
                "logs": [
                    {"address": log["address"], "topics": log["topics"], "data": log["data"]}
                    for log in receipt["logs"]
                ],
            }
        )

    def state(address: bytes) -> dict[str, int]:
        words = {
            slot: int(rpc("eth_getStorageAt", _hex(address), hex(slot), "latest"), 16)
            for slot in SLOTS
        }
        return {str(slot): word for slot, word in words.items() if word}

    created = [bytes.fromhex(step["created"][2:]) for step in steps if step["created"]]
    return {
        "name": program.name,
        "steps": steps,
        "storage": {_hex(address): state(address) for address in (contract, *program.others)},
        "created": {
            _hex(address): {
                "code": rpc("eth_getCode", _hex(address), "latest")[:100],
                "nonce": int(rpc("eth_getTransactionCount", _hex(address), "latest"), 16),
                "storage": state(address),
            }
            for address in created
        },
        "balances": {
            _hex(address): int(rpc("eth_getBalance", _hex(address), "latest"), 16)
            for address in (contract, *program.others, *created, *ACCOUNTS)
        },
    }


def run_on_engine(engine: Engine, block: BlockEnv, programs: Sequence[Program]) -> list[Run]:
    """What an engine makes of each program; its calls are compared beside its transactions."""
    return [
        _engine_program(engine, block, address_of(at), program)
        for at, program in enumerate(programs)
    ]


def _engine_program(engine: Engine, block: BlockEnv, contract: bytes, program: Program) -> Run:
    for address, code in {contract: program.code, **program.others}.items():
        if code:
            engine.place(address, code)
    if program.wei:
        engine.fund(contract, program.wei)
    steps = []
    for step in program.steps:
        tx = TxEnv(
            sender=SENDER,
            to=_target(step, contract),
            value=step.value,
            data=step.data,
            nonce=engine.account(SENDER).nonce,
            gas_limit=step.gas,
            gas_price=2 * 10**9,
            priority_fee=10**9,
            access_list=step.access_list,
        )
        called = engine.call(block, tx)
        result = engine.apply(block, tx)
        assert called == result, program.name
        steps.append(
            {
                "ok": result.ok,
                "gasUsed": result.gas_used,
                "output": _hex(result.output),
                "created": _hex(result.created) if result.created else None,
                "logs": [
                    {
                        "address": _hex(log.address),
                        "topics": [_hex(topic) for topic in log.topics],
                        "data": _hex(log.data),
                    }
                    for log in result.logs
                ],
            }
        )

    def state(address: bytes) -> dict[str, int]:
        words = {slot: engine.storage(address, slot) for slot in SLOTS}
        return {str(slot): word for slot, word in words.items() if word}

    created = [bytes.fromhex(step["created"][2:]) for step in steps if step["created"]]
    return {
        "name": program.name,
        "steps": steps,
        "storage": {_hex(address): state(address) for address in (contract, *program.others)},
        "created": {
            _hex(address): {
                "code": _hex(engine.account(address).code)[:100],
                "nonce": engine.account(address).nonce,
                "storage": state(address),
            }
            for address in created
        },
        "balances": {
            _hex(address): engine.account(address).balance
            for address in (contract, *program.others, *created, *ACCOUNTS)
        },
    }
