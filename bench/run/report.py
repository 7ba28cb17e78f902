"""Result rows: one a benchmark, with the distance to its goals; as text, JSON and docs/benchmarks.md."""

import dataclasses
import json
import time

import machine

RESULTS = machine.ROOT / "bench/results.json"
PAGE = machine.ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- results: written by scripts/bench -->", "<!-- end of results -->"
COLUMNS = (
    "#",
    "what",
    "measured",
    "floor",
    "peer",
    "ratio [95 %]",
    "goal",
    "distance to the goal",
    "kernel",
    "commit",
)


@dataclasses.dataclass(frozen=True)
class Goal:
    """A limit on one number."""

    name: str
    value: float
    limit: float
    at_least: bool = False  # else: at most
    unit: str = ""

    @property
    def met(self):
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def text(self):
        return f"{self.name} {'>=' if self.at_least else '<='} {self.limit:g}{self.unit}"

    def distance(self):
        if self.limit == 0:
            return f"{self.name}: " + ("met" if self.met else f"missed by {self.value:g}{self.unit}")
        times = self.value / self.limit
        far = f"{times:.0f}x" if times > 3 else f"{abs(times - 1) * 100:.0f} %"
        return f"{self.name}: " + (f"met, {far} to spare" if self.met else f"**missed by {far}**")


@dataclasses.dataclass
class Row:
    """One benchmark's outcome. `details`: everything else worth keeping, name -> number or text."""

    number: int
    what: str
    measured: str = ""
    floor: str = ""
    peer: str = ""
    ratio: str = ""
    goals: list = dataclasses.field(default_factory=list)
    missing: list = dataclasses.field(default_factory=list)  # what could not be had, and why
    details: dict = dataclasses.field(default_factory=dict)

    def to_dict(self, plan):
        goals = [dataclasses.asdict(goal) | {"met": goal.met} for goal in self.goals]
        return {
            "number": self.number,
            "what": self.what,
            "measured": self.measured,
            "floor": self.floor,
            "peer": self.peer,
            "ratio": self.ratio,
            "goal": "; ".join(goal.text() for goal in self.goals),
            "distance": "; ".join([goal.distance() for goal in self.goals] + self.missing),
            "goals": goals,
            "missing": self.missing,
            "details": self.details,
            "kernel": machine.kernel(),
            "commit": machine.commit(),
            "cpu": machine.cpu_model(),
            "load_before": round(machine.busy(), 2),
            "quick": plan.quick,
            "blocks": plan.blocks,
            "block_seconds": plan.seconds,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
        }


def table(results):
    def cell(text):
        return str(text).replace("|", "\\|").replace("\n", " ") or "-"

    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for result in sorted(results, key=lambda r: r["number"]):
        names = (
            "number",
            "what",
            "measured",
            "floor",
            "peer",
            "ratio",
            "goal",
            "distance",
            "kernel",
            "commit",
        )
        lines.append("| " + " | ".join(cell(result[name]) for name in names) + " |")
    return "\n".join(lines)


def details(results):
    lines = []
    for result in sorted(results, key=lambda r: r["number"]):
        if result["details"]:
            lines.append(
                f"\n**{result['number']}. {result['what']}** ({result['blocks']} blocks of "
                f"{result['block_seconds']:g} s, load average a CPU {result['load_before']:g}, "
                f"{result['date']})\n"
            )
            lines += [f"- {name}: {value}" for name, value in result["details"].items()]
    return "\n".join(lines)


def merged(new, path=RESULTS):
    """The stored results with `new` in place of those of the same number; stored again."""
    stored = json.loads(path.read_text()) if path.exists() else []
    numbers = {result["number"] for result in new}
    everything = sorted([r for r in stored if r["number"] not in numbers] + new, key=lambda r: r["number"])
    path.write_text(json.dumps(everything, indent=1) + "\n")
    return everything


def write_page(results, path=PAGE):
    """Puts the tables between the marks of the page; what people wrote around them stays."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{table(results)}\n\n### Details\n{details(results)}\n\n{END}{after}")
