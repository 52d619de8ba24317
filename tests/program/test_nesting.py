"""Deep JSON is refused before it is parsed, whatever the interpreter's recursion limit is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from verifiable.program.nesting import check_nesting


@pytest.mark.parametrize(
    ("text", "depth"), [("", 0), ("1", 0), ("[]", 1), ('{"a":[1,{}]}', 3), ('["[[[{"]', 1),
                        ('["\\"[["]', 1), ('"unfinished [[', 0)],
)  # fmt: skip
def test_brackets_inside_strings_do_not_count(text: str, depth: int) -> None:
    check_nesting(text, depth)
    if depth:
        with pytest.raises(ValueError, match="nested deeper"):
            check_nesting(text, depth - 1)


def test_deep_scales_are_refused_under_a_high_recursion_limit() -> None:
    code = (
        "import sys; sys.setrecursionlimit(10**6)\n"
        "from verifiable.errors import MalformedInput\n"
        "from verifiable.program.scales import decode_scales\n"
        "try: decode_scales('[' * 10**6)\n"
        "except MalformedInput: sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
