"""The plot of a growth result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt

__all__ = ["plot_growth"]

_PANELS = (
    ("prove_s", "prove, seconds"),
    ("verify_s", "verify, seconds"),
    ("proof_bytes", "proof, bytes"),
    ("peak_rss_mib", "peak memory of the prover, MiB"),
)
_COLOURS = {"mlp": "#0072b2", "cnn": "#d55e00"}
_MARKERS = {"gkr-committed": ("o", "-"), "gkr-public": ("s", "--")}


def plot_growth(result: Mapping[str, Any], path: Path) -> None:
    """Draw time, proof size and memory against parameters + activations, all axes logarithmic."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), sharex=True, layout="constrained")
    points = [point for point in result["points"] if "prove_s" in point]
    lines = list(dict.fromkeys((point["kind"], point["system"]) for point in points))
    for axis, (name, title) in zip(axes.flat, _PANELS, strict=True):
        for kind, system in lines:
            rows = [p for p in points if (p["kind"], p["system"]) == (kind, system)]
            sizes = [row["parameters"] + row["activations"] for row in rows]
            values = [row[name]["median"] if name.endswith("_s") else row[name] for row in rows]
            marker, style = _MARKERS.get(system, ("x", ":"))
            axis.plot(
                sizes,
                values,
                color=_COLOURS[kind],
                linestyle=style,
                marker=marker,
                markersize=4.5,
                linewidth=1.4,
                label=f"{kind}, {system}",
            )
        _slope_guide(axis)
        axis.set(xscale="log", yscale="log", title=title)
        axis.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    for axis in axes[1]:
        axis.set_xlabel("parameters + activations")
    axes[0, 0].legend(frameon=False, fontsize=9)
    figure.suptitle(f"{result['environment']['cpu']}, {result['environment']['cpu_count']} cores")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _slope_guide(axis: Any) -> None:
    """A faint line of slope 1 through the last point of the first line, for the eye."""
    if not axis.lines:
        return
    sizes, values = axis.lines[0].get_xdata(), axis.lines[0].get_ydata()
    x, y = float(sizes[-1]), float(values[-1])
    start = float(min(sizes))
    axis.plot(
        [start, x],
        [y * start / x, y],
        color="#999999",
        linewidth=0.9,
        linestyle=":",
        label="linear, for comparison",
    )
    low = min(min(line.get_ydata()) for line in axis.lines[:-1])
    axis.set_ylim(bottom=max(low / 2, y * start / x / 2))
