"""Proving on a chain: from a node, a game and an account to a proof whose evidence lies there.

`prove(..., backend="optimistic", rpc_url=..., game=..., account=...)` ends here. Nothing of the
chain part is imported until then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from verifiable.anchoring import game_address
from verifiable.backends.base import (
    Backend,
    ChainJudge,
    ChainProof,
    ChainProver,
    ChainSession,
    Options,
)
from verifiable.errors import InvalidInput, ProvingError
from verifiable.program.program import IntArray, Program
from verifiable.progress import ProgressEvent
from verifiable.sources import PathLike
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.policy import INSECURE_ALLOWANCES, Policy
from verifiable.verification import evaluate

if TYPE_CHECKING:
    from verifiable.chain.signing import Signer

__all__ = ["ChainGiven", "prove_on_chain"]

_NAMES = MappingProxyType(
    {
        "rpc_url": "--rpc-url",
        "game": "--game",
        "account": "--account",
        "password_file": "--password-file",
        "journal": "--journal",
        "trace_dir": "--trace-dir",
        "trace_url": "--trace-url",
        "session": "the session",
    }
)
"""By keyword, the option of the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainGiven:
    """What `prove` was told of a chain; see there.

    Attributes:
        session: an open one; then nothing else is given.
    """

    rpc_url: str | None = None
    game: bytes | str | None = None
    account: Signer | str | None = None
    password_file: PathLike | None = None
    journal: PathLike | None = None
    trace_dir: PathLike | None = None
    trace_url: str | None = None
    session: ChainSession | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The keywords that were given."""
        return tuple(name for name in _NAMES if getattr(self, name) is not None)

    def refuse(self, backend: Backend) -> None:
        """Refuse what was given, for a backend that proves without a chain.

        Raises:
            InvalidInput: `unknown-option`.
        """
        for name in self.named:
            raise InvalidInput(
                f"this is nothing that the backend {backend.id} takes: it proves without a chain",
                where=name,
                hint=f"leave {_NAMES[name]} out, or choose a backend that takes it",
                code="unknown-option",
            )


def prove_on_chain(
    backend: ChainProver,
    program: Program,
    commitment: ProgramCommitment,
    inputs: Mapping[str, IntArray],
    *,
    given: ChainGiven,
    context: bytes,
    saturated: bool,
    options: Options,
) -> tuple[ChainProof, float]:
    """Assert what a program computes, and look at the chain once more before it is believed.

    Args:
        inputs: quantised, by name.
        given: which chain, and whose account.

    Returns:
        The proof, and the seconds that looking took.

    Raises:
        ProvingError: `assert-on-chain`: no node is named; `own-proof-refused`.
        InvalidInput, AccountError, ChainError, ResourceLimit, MissingDependency, Cancelled.
    """
    with _session_of(given, options) as session:
        made = backend.prove_on_chain(
            program,
            commitment,
            inputs,
            context=context,
            saturated=saturated,
            session=session,
            options=options,
        )
        began_s = time.perf_counter()
        _judge(backend, made, session, program, inputs, options)
        return made, time.perf_counter() - began_s


@contextmanager
def _session_of(given: ChainGiven, options: Options) -> Iterator[ChainSession]:
    """The session that is given, or one that is opened for the length of the block."""
    if given.session is not None:
        if len(given.named) > 1:
            raise InvalidInput(
                "a session is open already, so there is no chain to name",
                where=", ".join(name for name in given.named if name != "session"),
                hint="give the session alone",
                code="two-sessions",
            )
        yield given.session
        return
    if given.rpc_url is None:
        raise ProvingError(
            "this backend proves by a bonded assertion on a chain, and no node is named",
            where="rpc_url",
            hint="name a node and an account, by --rpc-url and --account for instance",
            code="assert-on-chain",
        )
    from verifiable.chain.endpoint import open_chain

    at = None if given.game is None else game_address(given.game)
    with open_chain(given.rpc_url) as chain:
        from verifiable.chain.accounts import signer_from
        from verifiable.dispute.journal import Journal
        from verifiable.dispute.session import AssertingSession, find_game, journal_name

        signer = given.account
        if signer is None or isinstance(signer, str):
            signer = signer_from(
                chain_id=chain.chain_id,
                account=signer,
                password_file=None if given.password_file is None else Path(given.password_file),
            ).signer
        game = find_game(chain, at)
        path = journal_name(chain, signer) if given.journal is None else given.journal
        with Journal(path) as journal:
            yield AssertingSession(
                game,
                signer,
                journal,
                trace_dir=given.trace_dir,
                trace_uri=given.trace_url or "",
                progress=options.progress,
                cancel=options.cancel,
                patience_s=options.time_limit_s,
            )


def _judge(
    backend: ChainProver,
    made: ChainProof,
    session: ChainSession,
    program: Program,
    inputs: Mapping[str, IntArray],
    options: Options,
) -> None:
    """Judge the proof as any verifier will; that its assertion is not final yet is no fault.

    Raises:
        ProvingError: `own-proof-refused`.
    """
    options.progress(ProgressEvent(phase="verify", message="the finished proof"))
    view = session.look(made.place)
    keys = {}
    if isinstance(backend, ChainJudge) and view.assertion is not None:
        root = made.proof.statement.program_root
        key = backend.key_on_chain(root, view.chain_id, view.assertion)
        keys = {} if key is None else {made.proof.backend: key}
    verdict = evaluate(
        made.proof,
        Policy(
            backends={made.proof.backend: None},
            allow_insecure=frozenset(INSECURE_ALLOWANCES),
            allow_saturated=True,
            minimum_soundness_bits=0,
        ),
        view=view,
        program=program,
        inputs=inputs,
        keys=keys,
        cache_dir=options.cache_dir,
    )
    bad = next((check for check in verdict.checks if check.status == "failed"), None)
    if bad is not None:
        raise ProvingError(
            "the finished proof does not verify",
            where=f"{bad.id} {bad.name}",
            why=f"expected {bad.expected}, found {bad.found}",
            hint="the assertion stands all the same: look at it by `verifiable dispute status`",
            code="own-proof-refused",
        )
