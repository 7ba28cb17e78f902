"""Ratios of paired measurements: the median of the ratios, with a bootstrap confidence interval.

Measurements that lie next to each other in time share the machine's mood (frequency, noise of other
guests), so the ratio within a pair is steadier than the ratio of two averages.
"""

import dataclasses
import random
import statistics

RESAMPLES = 4000
CONFIDENCE = 0.95
# The same data gives the same interval in every run of the report.
SEED = 20261121


@dataclasses.dataclass(frozen=True)
class Ratio:
    """How many times `subject` is of `base`, over `pairs` pairs; low..high holds 95 %."""

    median: float
    low: float
    high: float
    pairs: int

    def __str__(self):
        return f"{self.median:.3f}x [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_interval(values, statistic=statistics.median, resamples=RESAMPLES):
    """The percentile interval of `statistic` over resamples of `values` with replacement."""
    if not values:
        raise ValueError("no values to resample")
    rng = random.Random(SEED)
    drawn = sorted(statistic(rng.choices(values, k=len(values))) for _ in range(resamples))
    tail = (1 - CONFIDENCE) / 2
    return drawn[int(tail * resamples)], drawn[min(resamples - 1, int((1 - tail) * resamples))]


def paired_ratio(subject, base):
    """The ratio subject[i] / base[i] over all pairs. Both lists have the same length and order."""
    if len(subject) != len(base):
        raise ValueError(f"{len(subject)} measurements cannot be paired with {len(base)}")
    if any(b <= 0 for b in base):
        raise ValueError("a base measurement is not positive")
    ratios = [s / b for s, b in zip(subject, base)]
    low, high = bootstrap_interval(ratios)
    return Ratio(statistics.median(ratios), low, high, len(ratios))


def interleave(variants, blocks):
    """The order of measurement: A B C, C B A, A B C, ... for `blocks` passes over the variants, so
    that a drift of the machine falls on all alike. Yields (block, variant)."""
    for block in range(blocks):
        for variant in variants if block % 2 == 0 else reversed(variants):
            yield block, variant


def percentile(values, percent):
    """Nearest-rank percentile of a non-empty list."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(percent / 100 * len(ordered)))]
