"""The programs that run inside environments, and how they are shut in. Nothing here imports Django."""
