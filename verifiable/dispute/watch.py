"""The loop around agents: step, wait, and keep time in sight, through whatever a node does.

A node that fails is asked again, and after it the others that were named. What an agent has to do
is done as soon as it is seen; the loop says so aloud when time gets short all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from verifiable.chain.rpc import Provider
from verifiable.dispute.agent import Agent, Deadline
from verifiable.dispute.sender import Move
from verifiable.errors import ChainError
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent

__all__ = ["AnyNode", "Round", "watch"]

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_WARN_S = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of the loop did.

    Attributes:
        moves: transactions, in order.
        failures: of agents whose node failed, to be tried again.
        deadlines: of all agents, the nearest first.
    """

    moves: tuple[Move, ...]
    failures: tuple[ChainError, ...]
    deadlines: tuple[Deadline, ...]


class AnyNode:
    """Several nodes of one chain as one provider: the first that answers.

    Args:
        providers: in the order of preference.

    A node that failed is asked last until another one fails. A refusal is an answer.
    """

    def __init__(self, providers: Sequence[Provider]) -> None:
        if not providers:
            raise ValueError("at least one node is needed")
        self._providers = list(providers)
        self._chain_ids: dict[int, Any] = {}

    def make_request(self, method: Any, params: Any) -> Any:
        """Send one request to the first node that answers.

        Raises:
            Exception: that of the last node, if none answers.
        """
        failure: Exception = ChainError("no node was asked")
        for provider in tuple(self._providers):
            try:
                self._check_chain(provider)
                return provider.make_request(method, params)
            except Exception as cause:  # whatever a provider raises means that it failed
                failure = cause
                self._providers.remove(provider)
                self._providers.append(provider)
                if method == "eth_sendTransaction":
                    break  # the node may have signed it
        raise failure

    def _check_chain(self, provider: Provider) -> None:
        """Ask each node once for its chain: an answer from another one would be believed."""
        if id(provider) in self._chain_ids:
            return
        answer = provider.make_request("eth_chainId", [])
        found = answer.get("result") if isinstance(answer, dict) else None
        if self._chain_ids and found not in self._chain_ids.values():
            raise ChainError("the nodes are on different chains", code="wrong-chain")
        self._chain_ids[id(provider)] = found


def watch(
    agents: Sequence[Agent],
    *,
    poll_s: float = 12.0,
    rounds: int | None = None,
    forever: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    on_round: Callable[[Round], None] | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> bool:
    """Let agents play until all are done.

    Args:
        poll_s: seconds between two looks at the chain.
        rounds: how many looks at most; None: until all are done.
        forever: go on when all are done: others may assert, or open games.
        sleep: waits so many seconds.
        on_round: is told what each round did.
        progress: is told moves, failures and the time left.

    Returns:
        Whether all agents are done.

    Raises:
        Cancelled: by the caller. The next start goes on.
        VerifiableError: what waiting does not mend: a key, a journal, a program.
    """
    began_s = time.monotonic()
    pause_s = _FIRST_PAUSE_S
    count = 0
    while rounds is None or count < rounds:
        if cancel is not None:
            cancel.check("watch")
        count += 1
        played, finished = _round(agents)
        _tell(played, progress, time.monotonic() - began_s)
        if on_round is not None:
            on_round(played)
        if finished and not forever:
            return True
        if played.failures:
            sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S, max(poll_s, _FIRST_PAUSE_S))
        else:
            pause_s = _FIRST_PAUSE_S
            sleep(_until_next(played, poll_s))
    return False


def _round(agents: Sequence[Agent]) -> tuple[Round, bool]:
    moves: list[Move] = []
    failures: list[ChainError] = []
    deadlines: list[Deadline] = []
    finished = True
    for agent in agents:
        before = len(agent.moves)
        try:
            agent.step()
            deadlines += agent.deadlines()
            finished = agent.done and finished
        except ChainError as failure:
            failures.append(failure)
            finished = False
        moves += agent.moves[before:]
    made = Round(
        moves=tuple(moves),
        failures=tuple(failures),
        deadlines=tuple(sorted(deadlines, key=lambda deadline: deadline.at)),
    )
    return made, finished


def _until_next(played: Round, poll_s: float) -> float:
    """Seconds until the next look: the interval, or less if something becomes possible before."""
    ahead = [deadline.left_s for deadline in played.deadlines if deadline.left_s > 0]
    return float(min([poll_s, *(left + 1 for left in ahead)]))


def _tell(played: Round, progress: Progress, elapsed_s: float) -> None:
    for move in played.moves:
        text = f"{move.text or move.name}: {move.gas_used} gas in block {move.block_number}"
        progress(ProgressEvent(phase="move", message=text, elapsed_s=elapsed_s))
    for failure in played.failures:
        progress(ProgressEvent(phase="node", message=str(failure), elapsed_s=elapsed_s))
    for deadline in played.deadlines[:3]:
        phase = "hurry" if deadline.mine and deadline.left_s < _WARN_S else "clock"
        text = f"{deadline.text}: {deadline.left_s} s left"
        progress(ProgressEvent(phase=phase, message=text, elapsed_s=elapsed_s))
