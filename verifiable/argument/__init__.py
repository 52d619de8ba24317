"""The sumcheck argument: field, kernels, transcript, lookups and the tensor-code opening."""
