"""Honest and false assertions through the typed client, without any agent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from verifiable.backends.optimistic.openings import StepOpener
from verifiable.chain.accounts import KeySigner
from verifiable.chain.client import Chain
from verifiable.chain.contracts.dispute_events import Asserted
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import (
    CommitKind,
    ElementProof,
    FaultKind,
    Header,
    Opening,
    Statement,
)
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.program import operators as ops
from verifiable.program.execute import Trace, execute
from verifiable.program.program import (
    Constant,
    Input,
    Node,
    Operand,
    Output,
    Program,
    Source,
)
from verifiable.statement.commitment import ProgramCommitment, commit_program
from verifiable.statement.hashing import EMPTY_LEAF, Domain, domain_hash, keccak, merkle_branch
from verifiable.statement.statement import ZERO_CONTEXT, statement_of

ALICE = KeySigner(DEV_ACCOUNTS[0].private_key)
CAROL = KeySigner(DEV_ACCOUNTS[1].private_key)
STRANGER = KeySigner(DEV_ACCOUNTS[7].private_key)
SALT = keccak(b"a salt")


def small_program(seed: int = 0) -> Program:
    """A dense layer and a transposition: 4 inputs in [-100, 100], 3 outputs in [-50, 50]."""
    rng = np.random.default_rng(seed)
    weights = (
        Constant.of("weight", rng.integers(-128, 128, (3, 4))),
        Constant.of("bias", rng.integers(-5000, 5000, 3)),
        Constant.of("multiplier", [3]),
    )
    requant = ops.Requantisation(shift=8, zero_point=2, lo=-50, hi=50)
    return Program(
        inputs=(Input(name="x", shape=(1, 4), lo=-100, hi=100, scale=0.1, zero_point=-3),),
        outputs=(Output(name="y", node=1, shape=(3, 1), scale=0.25, zero_point=2),),
        nodes=(
            Node(
                op=ops.MatMul(requant=requant),
                operands=(
                    Operand(source=Source.INPUT, index=0, shape=(1, 4)),
                    *(
                        Operand(source=Source.WEIGHT, index=index, shape=shape)
                        for index, shape in enumerate(((3, 4), (3,), (1,)))
                    ),
                ),
                shape=(1, 3),
                width=1,
            ),
            Node(
                op=ops.Transpose(perm=(1, 0)),
                operands=(Operand(source=Source.TRACE, index=0, shape=(1, 3)),),
                shape=(3, 1),
                width=1,
            ),
        ),
        weights=weights,
    )


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One trace, true or not, and what is asserted of it."""

    trace: Trace
    statement: Statement
    opener: StepOpener

    @property
    def program(self) -> Program:
        return self.trace.program

    @property
    def commitment(self) -> ProgramCommitment:
        return commit_program(self.program)

    @property
    def trace_root(self) -> bytes:
        return self.opener.trace_root


def execution_of(program: Program, trace: Trace, *, context: bytes = ZERO_CONTEXT) -> Execution:
    outputs = [trace.values[output.node].reshape(output.shape) for output in program.outputs]
    statement = statement_of(commit_program(program), list(trace.inputs), outputs, context=context)
    return Execution(trace=trace, statement=statement, opener=StepOpener(trace))


def honest(program: Program, *, seed: int = 0, context: bytes = ZERO_CONTEXT) -> Execution:
    rng = np.random.default_rng(seed)
    inputs = {spec.name: rng.integers(spec.lo, spec.hi + 1, spec.shape) for spec in program.inputs}
    return execution_of(program, execute(program, inputs), context=context)


def lying(execution: Execution) -> Execution:
    """The same execution with element 1 of node 0 off by one, and what follows from it."""
    first = execution.trace.values[0].copy()
    first.flat[1] += 1 if first.flat[1] < 50 else -1
    values = (first, first.T.copy())
    trace = Trace(program=execution.program, inputs=execution.trace.inputs, values=values)
    return execution_of(execution.program, trace, context=execution.statement.context)


def trace_rows(execution: Execution) -> list[bytes]:
    """Leaves of the trace's tree."""
    return [
        domain_hash(
            Domain.TRACE_TENSOR,
            node.to_bytes(4, "big"),
            execution.opener.tree(Source.TRACE, node).root,
        )
        for node in range(len(execution.program.nodes))
    ]


def outputs_of(execution: Execution) -> list[Opening]:
    """Root of each output, and its branch into the trace."""
    rows = trace_rows(execution)
    return [
        Opening(
            root=execution.opener.tree(Source.TRACE, output.node).root,
            branch=merkle_branch(rows, output.node, EMPTY_LEAF),
        )
        for output in execution.program.outputs
    ]


def mine(chain: Chain, blocks: int) -> None:
    for _ in range(blocks):
        chain._node.ask("evm_mine", [])


def pass_time(chain: Chain, seconds: int) -> None:
    """Mine a block so many seconds after the last one."""
    chain._node.ask("evm_setNextBlockTimestamp", [chain.block().time_s + seconds])
    chain._node.ask("evm_mine", [])


def commit_to(
    game: DisputeGame, signer: KeySigner, kind: CommitKind, subject: bytes, payload: bytes
) -> None:
    game.commit(signer, game.commit_digest(kind, signer.address, subject, payload, SALT))
    mine(game.chain, game.release.params.min_commit_age)


def admit(game: DisputeGame, execution: Execution) -> None:
    if not game.program_of(execution.statement.program_root).node_count:
        game.admit_program(ALICE, Header.of(execution.commitment))


def make_assertion(
    game: DisputeGame, execution: Execution, *, signer: KeySigner = ALICE, uri: str = ""
) -> Asserted:
    """Admit the program, commit, assert."""
    admit(game, execution)
    statement = execution.statement
    commit_to(game, signer, CommitKind.RESULT, statement.digest, execution.trace_root)
    receipt = game.assert_result(
        signer, statement, execution.trace_root, outputs_of(execution), uri, SALT
    )
    (event,) = game.events_in(receipt)
    assert isinstance(event, Asserted)
    return event


def finalise(game: DisputeGame, assertion_id: bytes) -> None:
    pass_time(game.chain, game.release.params.window)
    game.finalize(CAROL, assertion_id)


def element_proof(execution: Execution, node: int, element: int) -> ElementProof:
    found = execution.opener.open(node, element)
    return ElementProof(
        node=node,
        desc=found.desc,
        desc_branch=tuple(found.desc_branch),
        out_root=found.out_root,
        out_branch=tuple(found.out_branch),
        elem=element,
        leaf=found.leaf,
        leaf_branch=tuple(found.leaf_branch),
        operands=tuple(
            Opening(root=root, branch=tuple(branch))
            for root, branch in zip(found.operand_roots, found.operand_branches, strict=True)
        ),
        witness=found.witness,
    )


def reject(
    game: DisputeGame, assertion_id: bytes, execution: Execution, node: int, element: int
) -> None:
    """Prove that an element of the asserted trace is wrong."""
    proof = element_proof(execution, node, element).encode()
    commit_to(game, CAROL, CommitKind.ELEMENT, assertion_id, keccak(proof))
    game.prove_fault(CAROL, assertion_id, FaultKind.ELEMENT, proof, SALT)
