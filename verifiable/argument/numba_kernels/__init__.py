"""The fast kernels: the operations of `Kernels`, compiled by numba and spread over threads."""

from __future__ import annotations

from verifiable.argument.numba_kernels.kernels import NumbaKernels

__all__ = ["NumbaKernels"]
