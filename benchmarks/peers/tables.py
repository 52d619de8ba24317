"""A stored result as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["growth_tables", "peers_tables"]

_COLUMNS = (
    "system",
    "setup s",
    "prove s (min-max, runs)",
    "verify s",
    "proof bytes",
    "payload bytes",
    "key files bytes",
    "peak MiB",
    "bits",
    "prove / execute",
)

_BAR_COLUMNS = ("bar", "model", "system", "measured", "limit", "holds")
_GROWTH_COLUMNS = ("setup s", "prove s", "verify s", "proof bytes", "peak MiB", "prove / execute")
_EXPONENTS = ("prove_s", "verify_s", "proof_bytes", "memory_mib", "setup_s")


def peers_tables(result: Mapping[str, Any]) -> str:
    """One table a model, then the ratios and the bars."""
    parts = [_machine(result["environment"])]
    for name, model in result["models"].items():
        program = model["program"]
        parts.append(
            f"## {name}\n\n{program['parameters']:,} parameters, {program['activations']:,} "
            f"activations; native execution {program['execute_s']['median'] * 1e3:.3f} ms\n\n"
            + _table(_COLUMNS, (_row(key, value) for key, value in model["systems"].items()))
        )
        if model["ratios"]:
            parts.append(_ratios(model["ratios"]))
    parts.append(
        "## Bars\n\n"
        + _table(
            ("bar", "model", "system", "measured", "limit", "holds"), map(_bar, result["bars"])
        )
    )
    jit = result["jit"]
    if "cold" in jit:
        parts.append(
            f"Compiling all kernels took {jit['cold']['warm_s']} s in an empty cache, and loading "
            f"them in a new process {jit['cached']['warm_s']} s."
        )
    return "\n\n".join(parts) + "\n"


def growth_tables(result: Mapping[str, Any]) -> str:
    """One table of points and one of exponents."""
    points = [
        (
            point["kind"],
            point["system"],
            f"{point['parameters']:,}",
            f"{point['activations']:,}",
            *_growth_figures(point),
        )
        for point in result["points"]
    ]
    exponents = [
        (
            fit["kind"],
            fit["system"],
            *(
                f"{fit['exponents'][name]:.2f} ({fit['exponents_of_the_largest'][name]:.2f})"
                for name in _EXPONENTS
            ),
            "yes" if fit["at_most_linear"] else "NO",
        )
        for fit in result["fits"]
    ]
    return "\n\n".join(
        (
            _machine(result["environment"]),
            _table(("family", "system", "parameters", "activations", *_GROWTH_COLUMNS), points),
            "Exponents against parameters + activations over all sizes (over the largest three):",
            _table(("family", "system", *_EXPONENTS, "proving at most linear"), exponents),
            "",
        )
    )


def _growth_figures(point: Mapping[str, Any]) -> Sequence[str]:
    for missing in ("skipped", "failed"):
        if missing in point:
            return (f"{missing}: {point[missing]}", *[""] * (len(_GROWTH_COLUMNS) - 1))
    prove_s, execute_s = point["prove_s"]["median"], point["execute_s"]["median"]
    return (
        f"{point['setup_s']['median']:.3f}",
        f"{prove_s:.3f}",
        f"{point['verify_s']['median']:.3f}",
        f"{point['proof_bytes']:,}",
        f"{point['peak_rss_mib']:,.0f}",
        f"{prove_s / execute_s:,.0f}x",
    )


def _machine(environment: Mapping[str, Any]) -> str:
    packages = environment["packages"]
    versions = ", ".join(f"{name} {value}" for name, value in packages.items() if value)
    return (
        f"{environment['cpu']}, {environment['cpu_count']} processors, Python "
        f"{environment['python']}, {versions}, commit {environment['commit'][:12]}"
    )


def _row(name: str, system: Mapping[str, Any]) -> Sequence[str]:
    for missing in ("skipped", "failed"):
        if missing in system:
            return (name, f"{missing}: {system[missing]}", *[""] * (len(_COLUMNS) - 2))
    prove = system["prove_s"]
    overhead = system.get("prove_over_execute")
    bits = system["soundness_bits"]
    return (
        name,
        f"{system['setup_s']['median']:.3f}",
        f"{prove['median']:.3f} ({prove['min']:.3f}-{prove['max']:.3f}, {prove['runs']})",
        f"{system['verify_s']['median']:.3f}",
        f"{system['proof_bytes']:,}",
        f"{system.get('payload_bytes', system['proof_bytes']):,}",
        f"{system['key_bytes']:,}",
        f"{system['peak_rss_mib']:,.0f}",
        "not stated" if bits is None else f"{bits:g}",
        "" if overhead is None else f"{overhead:,.0f}x",
    )


def _ratios(ratios: Mapping[str, Mapping[str, float]]) -> str:
    names = list(dict.fromkeys(name for row in ratios.values() for name in row))
    rows = (
        (pair, *(f"{row[name]:,.1f}" if name in row else "" for name in names))
        for pair, row in ratios.items()
    )
    return _table(("ratio", *names), rows)


def _bar(bar: Mapping[str, Any]) -> Sequence[str]:
    measured = bar["why"] if bar["measured"] is None else f"{bar['measured']:,.4g}"
    holds = {True: "yes", False: "NO", None: "not measured"}[bar["holds"]]
    name = f"{bar['name']} (aim)" if bar["aim"] else bar["name"]
    limit = f"{bar['relation']} {bar['limit']:,g}"
    return (name, bar["model"], bar["system"], measured, limit, holds)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', ' ') for cell in line)} |" for line in lines)
