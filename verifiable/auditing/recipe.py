"""How a program says that it was compiled: the scales and options in its metadata.

Nothing of the metadata is committed to, and nothing of it is believed: it only selects what is
derived from the model, and what comes out must be the committed program.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from verifiable.errors import InvalidInput, MalformedModel
from verifiable.program.compile import CompileOptions
from verifiable.program.nesting import check_nesting
from verifiable.program.program import Program
from verifiable.program.quantise import QuantiseOptions

__all__ = ["recipe_of"]

_MEMBERS = ("cut_output", "per_channel", "shapes", "weights")
_MAX_RANK = 8


def recipe_of(program: Program | None, *, quantised: bool) -> CompileOptions:
    """The options under which a model gives a program.

    Args:
        program: whose metadata have them; None: those by default.
        quantised: the model comes quantised, and needs no scales.

    Raises:
        InvalidInput: (code `audit-needs-scales`) a float model, and nothing that has scales.
        MalformedModel: (code `malformed-recipe`) the metadata are not what `compile` writes.
    """
    scales = None if program is None else program.metadata.get("scales")
    if scales is None and not quantised:
        raise InvalidInput(
            "a float model gives a program only with the scales of its activations",
            where="program",
            why="no program is given" if program is None else "its metadata hold no scales",
            hint="give the program that `verifiable compile` wrote: its metadata hold them",
            code="audit-needs-scales",
        )
    if program is None:
        return CompileOptions()
    members = _members(program.metadata.get("options", ""))
    weights, per_channel = members["weights"], members["per_channel"]
    cut_output, shapes = members["cut_output"], members["shapes"]
    if type(per_channel) is not bool or type(cut_output) is not bool:
        raise _malformed("a switch is neither true nor false")
    if weights == "int8":
        quantisation = QuantiseOptions(per_channel=per_channel, weights="int8")
    elif weights == "int16":
        quantisation = QuantiseOptions(per_channel=per_channel, weights="int16")
    else:
        raise _malformed("an unknown type of weights")
    return CompileOptions(
        quantisation=quantisation,
        shapes=_shapes(shapes),
        cut_output=cut_output,
        scales=None if quantised else scales,
    )


def _members(text: str) -> Mapping[str, object]:
    try:
        check_nesting(text, 3)
        found = json.loads(text)
    except ValueError as cause:
        raise _malformed(f"the options are not JSON: {cause}") from cause
    if not isinstance(found, dict) or tuple(sorted(found)) != _MEMBERS:
        raise _malformed(f"the options are not {', '.join(_MEMBERS)}")
    return found


def _shapes(value: object) -> Mapping[str, tuple[int, ...]]:
    if not isinstance(value, dict):
        raise _malformed("the shapes are no mapping")
    found: dict[str, tuple[int, ...]] = {}
    for name, sizes in value.items():
        if (
            not isinstance(sizes, list)
            or len(sizes) > _MAX_RANK
            or any(type(size) is not int or size < 1 for size in sizes)
        ):
            raise _malformed("a shape is no list of positive integers")
        found[name] = tuple(sizes)
    return MappingProxyType(found)


def _malformed(why: str) -> MalformedModel:
    return MalformedModel(
        "the program does not say how it was compiled",
        where="metadata, options",
        why=why,
        hint="compile it with this release, or restore the file that `verifiable compile` wrote",
        code="malformed-recipe",
    )
