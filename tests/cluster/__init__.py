"""A real Kubernetes control plane for the contract tests: built from source, started on loopback, stopped whole."""
