"""The Kubernetes driver: a namespace per environment, written by server-side apply. It knows of no operations."""
