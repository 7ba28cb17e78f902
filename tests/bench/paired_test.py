#!/usr/bin/env python3
"""The statistics of the benchmarks: ratios, intervals, the order of measurement."""

import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench/run"))
import paired  # noqa: E402  (the path is set just above)


class PairedRatio(unittest.TestCase):
    def test_finds_a_ratio_that_drift_hides_from_averages(self):
        rng = random.Random(1)
        base = [100 * (1 + 0.5 * i / 12) for i in range(12)]  # the machine speeds up by half
        subject = [1.05 * b * rng.uniform(0.995, 1.005) for b in base]
        ratio = paired.paired_ratio(subject, base)
        self.assertAlmostEqual(ratio.median, 1.05, delta=0.005)
        self.assertLess(ratio.low, ratio.median)
        self.assertGreater(ratio.high, ratio.median)
        self.assertGreater(ratio.low, 1.03)

    def test_interval_holds_the_truth_about_as_often_as_it_says(self):
        rng = random.Random(2)
        hits = 0
        for _ in range(100):
            low, high = paired.bootstrap_interval([rng.gauss(1, 0.1) for _ in range(24)], resamples=400)
            hits += low <= 1 <= high
        self.assertGreaterEqual(hits, 88)

    def test_one_outlier_does_not_move_the_median(self):
        base = [10.0] * 12
        self.assertEqual(paired.paired_ratio([11.0] * 11 + [1000.0], base).median, 1.1)

    def test_same_data_gives_the_same_interval(self):
        values = [random.Random(3).random() + 1 for _ in range(12)]
        self.assertEqual(paired.bootstrap_interval(values), paired.bootstrap_interval(values))

    def test_refuses_lists_that_do_not_pair(self):
        with self.assertRaises(ValueError):
            paired.paired_ratio([1, 2], [1])
        with self.assertRaises(ValueError):
            paired.paired_ratio([1], [0])
        with self.assertRaises(ValueError):
            paired.bootstrap_interval([])


class Interleave(unittest.TestCase):
    def test_order_is_a_b_b_a(self):
        order = [variant for _, variant in paired.interleave(["A", "B"], 4)]
        self.assertEqual(order, list("ABBAABBA"))

    def test_every_variant_is_measured_once_a_block(self):
        for block in range(3):
            seen = [v for b, v in paired.interleave(["A", "B", "C"], 3) if b == block]
            self.assertEqual(sorted(seen), ["A", "B", "C"])


class Percentile(unittest.TestCase):
    def test_is_the_nearest_rank(self):
        values = list(range(1, 101))
        self.assertEqual(paired.percentile(values, 50), 51)
        self.assertEqual(paired.percentile(values, 99), 100)
        self.assertEqual(paired.percentile([7], 99), 7)


if __name__ == "__main__":
    unittest.main()
