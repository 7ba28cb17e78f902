#!/usr/bin/env python3
"""What the benchmarks write: distances to goals, rows, and the page that people edit around them."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench/run"))
import blocks  # noqa: E402  (the path is set just above)
import report  # noqa: E402


def result(number, measured="1 us"):
    row = report.Row(
        number, f"benchmark {number}", measured, goals=[report.Goal("p50", 1, 2)], details={"n": 1}
    )
    return row.to_dict(blocks.QUICK)


class Goal(unittest.TestCase):
    def test_upper_limit(self):
        self.assertEqual(report.Goal("p50", 2.0, 2.5, unit=" ms").distance(), "p50: met, 20 % to spare")
        self.assertEqual(report.Goal("p50", 3.0, 2.5, unit=" ms").distance(), "p50: **missed by 20 %**")
        self.assertEqual(report.Goal("p50", 25.0, 2.5).distance(), "p50: **missed by 10x**")

    def test_lower_limit(self):
        self.assertTrue(report.Goal("RR", 1.04, 1.03, at_least=True).met)
        self.assertFalse(report.Goal("RR", 1.02, 1.03, at_least=True).met)

    def test_nothing_at_all_is_a_limit_too(self):
        self.assertIn("met", report.Goal("lost", 0, 0).distance())
        self.assertIn("missed by 3", report.Goal("lost", 3, 0).distance())


class Page(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.page = pathlib.Path(folder.name) / "page.md"
        self.results = pathlib.Path(folder.name) / "results.json"

    def test_words_around_the_table_stay(self):
        self.page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
        report.write_page([result(4)], self.page)
        text = self.page.read_text()
        self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
        self.assertNotIn("old", text)
        self.assertIn("| 4 | benchmark 4 | 1 us |", text)

    def test_a_new_result_replaces_that_of_its_number_only(self):
        report.merged([result(1), result(2)], self.results)
        both = report.merged([result(2, "2 us")], self.results)
        self.assertEqual([(r["number"], r["measured"]) for r in both], [(1, "1 us"), (2, "2 us")])

    def test_cells_cannot_break_the_table(self):
        line = report.table([result(1, "a|b\nc")]).splitlines()[2]
        self.assertIn("a\\|b c", line)

    def test_what_is_missing_is_said_in_the_row(self):
        row = report.Row(1, "x", missing=["P1 not measured: no compiler"])
        self.assertIn("P1 not measured: no compiler", row.to_dict(blocks.QUICK)["distance"])


if __name__ == "__main__":
    unittest.main()
