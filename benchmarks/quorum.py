"""What members and verifiers of a quorum wait for.

    python benchmarks/quorum.py            # a minute; writes results/quorum.json
    python benchmarks/quorum.py --show     # the stored result as markdown

Everything is one thread of plain Python, so seconds of the processor are given beside those of the
clock: they do not depend on what else the machine does. What a process remembers of keys and of
proofs of possession is forgotten before each run but for `verify again`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peers.environment import environment
from peers.process import BENCHMARKS

from verifiable.backends.quorum import curve
from verifiable.backends.quorum.format import message_of
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.signing import (
    combine,
    make_member,
    require_possession,
    sign_statement,
)
from verifiable.statement.statement import ProgramRoot, Statement, TensorRoot

RESULT = BENCHMARKS / "results" / "quorum.json"
SIZES = ((2, 3), (3, 5), (7, 10))
RUNS = 3
STATEMENT = Statement(
    program_root=ProgramRoot(b"\x11" * 32),
    input_root=TensorRoot(b"\x22" * 32),
    output_root=TensorRoot(b"\x33" * 32),
)


def main() -> int:
    """Measure, or show a stored result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print the stored result as markdown")
    parser.add_argument("--output", type=Path, default=RESULT)
    wanted = parser.parse_args()
    if wanted.show:
        sys.stdout.write(table(json.loads(wanted.output.read_text(encoding="utf-8"))))
        return 0
    curve.require_curve()
    result: dict[str, Any] = {
        "benchmark": "quorum",
        "environment": environment(),
        "runs": RUNS,
        "threads": 1,
        "quorums": [measure(threshold, size) for threshold, size in SIZES],
    }
    wanted.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(result))
    return 0


def measure(threshold: int, size: int) -> dict[str, Any]:
    """All figures of one quorum."""
    made = [make_member(f"member {index}", bytes((index,)) * 32) for index in range(size)]
    key = QuorumKey.of([member for _, member in made], threshold)
    secrets = [secret for secret, _ in made[:threshold]]
    partials = [sign_statement(secret, key, STATEMENT) for secret in secrets]
    payload = combine(key, STATEMENT, partials)
    signers = [partial.public_key for partial in partials]
    message = message_of(key.digest, STATEMENT.digest)

    def verify() -> None:
        require_possession(key)
        total = curve.aggregate_keys(signers)
        if total is None or not curve.is_signed(total, message, payload.signature):
            raise AssertionError("an honest signature does not verify")

    return {
        "threshold": threshold,
        "members": size,
        "payload_bytes": len(payload.encode()),
        "sign": timed(lambda: sign_statement(secrets[0], key, STATEMENT)),
        "combine": timed(lambda: combine(key, STATEMENT, partials)),
        "possession": timed(lambda: require_possession(key)),
        "verify": timed(verify),
        "verify_again": timed(verify, forget=False),
    }


def timed(job: Callable[[], object], *, forget: bool = True) -> dict[str, float]:
    """Medians of the clock's and the processor's seconds."""
    clock_s, cpu_s = [], []
    for _ in range(RUNS):
        if forget:
            for remembered in (curve.possessions_hold, curve._key_point, curve._signature_point):
                remembered.cache_clear()
        began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        job()
        cpu_s.append(time.thread_time() - began_cpu_s)
        clock_s.append(time.perf_counter() - began_s)
    return {
        "median_s": statistics.median(clock_s),
        "min_s": min(clock_s),
        "cpu_median_s": statistics.median(cpu_s),
    }


def table(result: dict[str, Any]) -> str:
    """The stored result as markdown, in seconds of the processor."""
    names = ("sign", "combine", "possession", "verify", "verify_again")
    lines = [
        "| quorum | " + " | ".join(f"{name.replace('_', ' ')}, s" for name in names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    for row in result["quorums"]:
        figures = " | ".join(f"{row[name]['cpu_median_s']:.2f}" for name in names)
        lines.append(f"| {row['threshold']} of {row['members']} | {figures} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
