"""Measuring several paths side by side: interleaved blocks, then ratios between them."""

import dataclasses
import statistics

import paired


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long to measure. A quick plan only shows that everything works."""

    blocks: int = 12
    seconds: float = 3.0
    quick: bool = False

    def scaled(self, full, quick):
        """A count of something else than blocks: `full` in a real run, `quick` otherwise."""
        return quick if self.quick else full


QUICK = Plan(blocks=4, seconds=1.0, quick=True)


class Measurements:
    """The samples of each variant, in block order."""

    def __init__(self, samples):
        self._samples = samples  # label -> [load.Sample]

    def labels(self):
        return list(self._samples)

    def p50(self, label):
        return statistics.median(sample.p50_us for sample in self._samples[label])

    def p99(self, label):
        return statistics.median(sample.p99_us for sample in self._samples[label])

    def per_second(self, label):
        return statistics.median(sample.per_second for sample in self._samples[label])

    def gigabits(self, label):
        return statistics.median(sample.bytes_per_second for sample in self._samples[label]) * 8e-9

    def errors(self, label):
        return sum(sample.errors for sample in self._samples[label])

    def speed(self, subject, base):
        """How many times as fast as `base` the subject is, by the p50 of each block: above 1 is faster."""
        return paired.paired_ratio(
            [sample.p50_us for sample in self._samples[base]],
            [sample.p50_us for sample in self._samples[subject]],
        )

    def slowdown(self, subject, base, tail=False):
        """p50 (with `tail`: p99) of the subject over that of `base`: above 1 is slower."""
        pick = (lambda sample: sample.p99_us) if tail else (lambda sample: sample.p50_us)
        return paired.paired_ratio(
            [pick(sample) for sample in self._samples[subject]],
            [pick(sample) for sample in self._samples[base]],
        )


def measure(probes, plan, prepare=None):
    """Runs `probes` (label -> function of seconds that gives a load.Sample) in interleaved blocks.

    `prepare(label)` is called before every block, outside of what is measured."""
    samples = {label: [] for label in probes}
    for _, label in paired.interleave(list(probes), plan.blocks):
        if prepare:
            prepare(label)
        samples[label].append(probes[label](plan.seconds))
    return Measurements(samples)
