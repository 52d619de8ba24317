"""Both executors: equal on random programs, right on worked examples, strict on inputs."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings

from verifiable.program.execute import execute
from verifiable.testing.strategies import cases


@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_fast_equals_reference(case):
    program, inputs = case
    slow = execute(program, inputs, tier="reference")
    quick = execute(program, inputs, tier="fast")
    for node, want, got in zip(program.nodes, slow.values, quick.values, strict=True):
        assert got.dtype == want.dtype == np.int64
        assert got.shape == want.shape == node.shape
        assert not got.flags.writeable
        np.testing.assert_array_equal(got, want, err_msg=str(node.op))
