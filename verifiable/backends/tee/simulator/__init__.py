"""A simulated enclave: real wire formats under a root that is nobody's hardware."""
