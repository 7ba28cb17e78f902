"""Runs the benchmarks; scripts/bench sets up and calls this."""

import argparse
import dataclasses
import json
import sys
import traceback

import benchmarks
import blocks
import machine
import namespaces
import report
import workspace


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures Fairlead against floors and peers."
    )
    parser.add_argument(
        "--quick", action="store_true", help="4 blocks of 1 s: shows that all works, ranks nothing"
    )
    parser.add_argument("--only", default="", metavar="N,N", help="just these benchmarks")
    parser.add_argument("--blocks", type=int, help="blocks a variant (12)")
    parser.add_argument("--seconds", type=float, help="seconds a block (3)")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    parser.add_argument(
        "--no-write", action="store_true", help="leave docs/benchmarks.md alone (as --quick does)"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave out what must be fetched and built")
    parser.add_argument("--list", action="store_true", help="name the benchmarks")
    return parser.parse_args()


def plan_of(options):
    plan = blocks.QUICK if options.quick else blocks.Plan()
    return dataclasses.replace(
        plan,
        **{
            name: value for name, value in (("blocks", options.blocks), ("seconds", options.seconds)) if value
        },
    )


def numbers_of(options):
    try:
        numbers = [int(word) for word in options.only.split(",") if word] or list(benchmarks.NUMBERS)
    except ValueError:
        sys.exit(f"scripts/bench: --only '{options.only}': numbers separated by commas are wanted")
    unknown = [number for number in numbers if number not in benchmarks.NUMBERS]
    if unknown:
        sys.exit(
            f"scripts/bench: no benchmark {unknown[0]}; there are {', '.join(map(str, benchmarks.NUMBERS))}"
        )
    return numbers


def main():
    options = arguments()
    if options.list:
        for number in benchmarks.NUMBERS:
            print(f"{number:3} {benchmarks.load(number).WHAT}")
        return 0
    plan = plan_of(options)
    numbers = numbers_of(options)
    machine.leave_peers_out = options.no_peers
    namespaces.sweep()
    workspace.sweep()
    if machine.busy() > 0.3:
        print(
            f"bench: the machine is busy (load average {machine.busy():.1f} a CPU): numbers will be worthless",
            file=sys.stderr,
        )
    results, failed = [], []
    for number in numbers:
        print(f"bench: {number} {benchmarks.load(number).WHAT}", file=sys.stderr, flush=True)
        try:
            results.append(benchmarks.load(number).measure(plan).to_dict(plan))
        except Exception:  # one benchmark's failure does not cost the others' hours
            traceback.print_exc()
            failed.append(number)
            continue
        if options.output == "table":
            print(report.table(results[-1:]), report.details(results[-1:]), sep="\n", flush=True)
    if options.output == "json":
        print(json.dumps(results, indent=1))
    if results and not options.quick and not options.no_write:
        report.write_page(report.merged(results))
    if failed:
        print(f"bench: failed: {', '.join(map(str, failed))}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
