"""Attestation by hardware, real or simulated: one verifier for both.

The verifier's configured root decides what evidence is worth; nothing in the evidence does.
"""
