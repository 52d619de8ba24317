"""The benchmarks are scripts beside the package; their modules are found in their folder."""

from __future__ import annotations

import sys

from sample_models import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
