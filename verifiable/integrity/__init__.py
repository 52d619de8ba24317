"""Whether the models of a repository are those of its lock: what `verifiable check` does."""
