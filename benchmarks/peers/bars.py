"""The bars that the `gkr` backend is held to, and whether a result clears them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Bar", "judge_bars", "ratios"]

GKR = ("gkr-committed", "gkr-public")
MODELS = ("digits_mlp", "digits_cnn", "lenet", "mlp_1m")

Systems = Mapping[str, Mapping[str, Any]]
"""By name of the system its figures, or `skipped` or `failed` with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One demand, measured.

    Attributes:
        name: what is demanded.
        relation: `>=` or `<=`, between `measured` and `limit`.
        measured: None if it could not be, with `why`.
        aim: a wish beyond the bars.
    """

    name: str
    model: str
    system: str
    relation: str
    limit: float
    measured: float | None
    why: str = ""
    aim: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether it is cleared; None if it was not measured."""
        if self.measured is None:
            return None
        if self.relation == ">=":
            return self.measured >= self.limit
        return self.measured <= self.limit

    def to_json(self) -> dict[str, Any]:
        """The members of this and what follows from them."""
        return {**asdict(self), "holds": self.holds}


def ratios(systems: Systems) -> dict[str, dict[str, float]]:
    """By pair of systems, how many times a peer's figure is ours; above 1, ours is the better."""
    found: dict[str, dict[str, float]] = {}
    for ours in GKR:
        for peer in ("ezkl", "jstprove"):
            rows = {
                name: _ratio(systems, peer, ours, read)
                for name, read in {**_RATIOS, **(_JSTPROVE if peer == "jstprove" else {})}.items()
            }
            kept = {name: ratio for name, ratio in rows.items() if ratio is not None}
            if kept:
                found[f"{peer} / {ours}"] = kept
    return found


def judge_bars(models: Mapping[str, Systems]) -> list[Bar]:
    """Every bar, for each model that was measured."""
    return [bar for name, systems in models.items() for bar in _bars(name, systems)]


def _bars(model: str, systems: Systems) -> Iterator[Bar]:
    for ours in GKR:
        if model in _PROVE_RATIO:
            limit = _PROVE_RATIO[model]
            name = "prove, times faster than ezkl"
            yield _ratio_bar(name, model, systems, "ezkl", ours, _prove, limit)
            yield _ratio_bar(name, model, systems, "ezkl", ours, _prove, 500, aim=True)
        name = "setup, times faster than ezkl"
        yield _ratio_bar(name, model, systems, "ezkl", ours, _setup, 100)
        if model in ("lenet", "mlp_1m"):
            name = "peak memory of proving, times less than ezkl"
            yield _ratio_bar(name, model, systems, "ezkl", ours, _memory, 10)
            name = "prove, times faster than JSTprove as it is"
            yield _ratio_bar(name, model, systems, "jstprove", ours, _prove_as_is, 5)
            name = "prove, times faster than JSTprove with its transports fixed"
            yield _ratio_bar(name, model, systems, "jstprove", ours, _prove, 5)
        if model == "lenet":
            yield _bar("prove, seconds", model, systems, ours, _prove, 0.5, aim=True)
            for name, read in (
                ("proof, bytes", _proof),
                ("proof with all that its payload carries, bytes", _payload),
            ):
                yield _bar(name, model, systems, ours, read, 1e6)
                yield _bar(name, model, systems, ours, read, 3e5, aim=True)
        if ours == "gkr-public":
            yield _bar("verify, seconds", model, systems, ours, _verify, 0.25)
        yield _bar("soundness, bits", model, systems, ours, _soundness, 100, relation=">=")


def _bar(
    name: str,
    model: str,
    systems: Systems,
    system: str,
    read: Callable[[Mapping[str, Any]], float | None],
    limit: float,
    *,
    relation: str = "<=",
    aim: bool = False,
) -> Bar:
    measured, why = _read(systems, system, read)
    return Bar(
        name=name,
        model=model,
        system=system,
        relation=relation,
        limit=limit,
        measured=measured,
        why=why,
        aim=aim,
    )


def _ratio_bar(
    name: str,
    model: str,
    systems: Systems,
    peer: str,
    ours: str,
    read: Callable[[Mapping[str, Any]], float | None] | tuple[Any, Any],
    limit: float,
    *,
    aim: bool = False,
) -> Bar:
    why = next((told for name in (peer, ours) if (told := _read(systems, name, _prove)[1])), "")
    return Bar(
        name=name,
        model=model,
        system=ours,
        relation=">=",
        limit=limit,
        measured=_ratio(systems, peer, ours, read),
        why=why,
        aim=aim,
    )


def _ratio(
    systems: Systems,
    peer: str,
    ours: str,
    read: Callable[[Mapping[str, Any]], float | None] | tuple[Any, Any],
) -> float | None:
    theirs_of, ours_of = read if isinstance(read, tuple) else (read, read)
    theirs, _ = _read(systems, peer, theirs_of)
    own, _ = _read(systems, ours, ours_of)
    return None if theirs is None or not own else round(theirs / own, 2)


def _read(
    systems: Systems, system: str, read: Callable[[Mapping[str, Any]], float | None]
) -> tuple[float | None, str]:
    """A figure of a system, or why there is none."""
    figures = systems.get(system)
    if figures is None:
        return None, f"{system} was not asked for"
    for missing in ("skipped", "failed"):
        if missing in figures:
            return None, f"{system} {missing}"
    return read(figures), ""


def _prove(figures: Mapping[str, Any]) -> float:
    return float(figures["prove_s"]["median"])


def _setup(figures: Mapping[str, Any]) -> float:
    return float(figures["setup_s"]["median"])


def _verify(figures: Mapping[str, Any]) -> float:
    return float(figures["verify_s"]["median"])


def _memory(figures: Mapping[str, Any]) -> float:
    return float(figures["peak_rss_mib"])


def _proof(figures: Mapping[str, Any]) -> float:
    return float(figures["proof_bytes"])


def _payload(figures: Mapping[str, Any]) -> float:
    return float(figures["payload_bytes"])


def _soundness(figures: Mapping[str, Any]) -> float | None:
    bits = figures["soundness_bits"]
    return None if bits is None else float(bits)


def _as_is(name: str) -> Callable[[Mapping[str, Any]], float]:
    return lambda figures: float(figures[f"{name}_as_is_s"]["median"])


_prove_as_is = (_as_is("prove"), _prove)
_PROVE_RATIO = {"digits_cnn": 100, "lenet": 100, "mlp_1m": 200}
_RATIOS: Mapping[str, Any] = {
    "setup_s": _setup,
    "prove_s": _prove,
    "verify_s": _verify,
    "proof_bytes": _proof,
    "peak_rss_mib": _memory,
}
_JSTPROVE: Mapping[str, Any] = {
    "prove_as_is_s": _prove_as_is,
    "verify_as_is_s": (_as_is("verify"), _verify),
}
