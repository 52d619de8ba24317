"""Where the sample models lie, and what a proof of one comes with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import verifiable

REPOSITORY = Path(__file__).resolve().parents[1]
MODELS = REPOSITORY / "models"


@dataclass(frozen=True, kw_only=True)
class Proven:
    """A program, a proof of it under a local setup, and their files."""

    program: verifiable.Program
    proof: verifiable.Proof
    program_path: Path
    proof_path: Path
    cache_dir: Path
