"""The GitOps driver: the environment is a commit, and Argo CD or Flux carry it into a cluster."""
