"""`python -m tests.cluster.simulate KUBECONFIG`: plays what the test cluster lacks, round after round.

A node's kubelet (`pods`), Argo CD and Flux (`gitops`). They write status and nothing else, except that the kubelet's
last act on a pod that is being deleted, letting it go, is played too.
"""

import contextlib
import logging
import sys
import time
from pathlib import Path

import httpx

from tests.cluster import gitops, pods
from tests.cluster.client import Client, address

PAUSE_SECONDS = 0.25


def main(kubeconfig: str) -> None:
    """Until the process is ended."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    client = Client(address(Path(kubeconfig)))
    players = (pods.Kubelet(client), gitops.ArgoCd(client), gitops.Flux(client))
    players[0].join()
    while True:
        for player in players:
            # An object that changed or went since it was read is met again in the next round.
            try:
                player.round()
            except (httpx.HTTPStatusError, httpx.TransportError) as problem:
                logging.warning("%s: %s", type(player).__name__, problem)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1])
