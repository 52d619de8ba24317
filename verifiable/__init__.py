"""Verifiable inference: prove that an output is what a committed model computes."""
