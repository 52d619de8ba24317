"""Numbers of several runs, as they are stored."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

__all__ = ["series", "slope"]


def series(values: Sequence[float], digits: int = 4) -> dict[str, Any]:
    """Median, smallest, largest and number of the runs."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "runs": len(values),
    }


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Exponent k of the power law `value = c * size^k` that fits best (least squares of logs).

    Raises:
        statistics.StatisticsError: fewer than two sizes.
        ValueError: a size or a value is not above 0.
    """
    logs = [math.log(size) for size in sizes], [math.log(value) for value in values]
    return statistics.linear_regression(*logs).slope
