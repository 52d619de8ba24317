"""What is claimed: commitments, statements, proofs, policies and verdicts."""
