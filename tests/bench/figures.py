"""Small arithmetic of the benchmarks: percentiles, scaled sizes, progress lines. Knows nothing of what is measured."""

import math
import os
import sys
import time
from collections.abc import Callable, Sequence

MS = 1000.0


def scaled(size: int, *, at_least: int = 2) -> int:
    """`size` times BENCH_SCALE (1 unless set; a smoke run uses less)."""
    return max(at_least, round(size * float(os.environ.get("BENCH_SCALE", "1"))))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float], *, digits: int = 3) -> dict[str, float]:
    """Median and 95th percentile."""
    return {"p50": round(percentile(values, 0.5), digits), "p95": round(percentile(values, 0.95), digits)}


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Seconds that each of `times` calls took."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


def say(text: str) -> None:
    """One line of progress, beside the result."""
    print(text, file=sys.stderr, flush=True)
