"""The operator catalogue, and the arguments of the gkr backend: one file an operator."""
