"""Figures: what was measured, of what, round by round; medians and ratios of them; and JSON."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

UNITS = {"rate": "1/s", "server": "µs", "p50": "ms", "p99": "ms", "before": "KiB", "after": "KiB",
         "per connection": "KiB", "start": "µs", "whole run": "µs", "resident": "KiB", "own": "KiB",
         "tail": "of the least"}


@dataclass(frozen=True)
class Key:
    """`case` is what is compared within (a program, a file), `subject` who is compared, `metric`
    one of UNITS."""

    case: str
    subject: str
    metric: str


@dataclass
class Figure:
    rounds: dict[int, float] = field(default_factory=dict)
    fault: str = ""  # why it does not count; the last one

    def median(self) -> float | None:
        return statistics.median(self.rounds.values()) if self.rounds and not self.fault else None

    def spread(self) -> tuple[float, float]:
        return min(self.rounds.values()), max(self.rounds.values())

    def ratio(self, other: Figure | None) -> float | None:
        """The median of the ratios to what another measured in the same rounds."""
        if other is None or self.fault or other.fault:
            return None
        ratios = [value / other.rounds[turn] for turn, value in self.rounds.items()
                  if other.rounds.get(turn)]
        return statistics.median(ratios) if ratios else None


class Section:
    """The figures of one section, in the order in which they came."""

    def __init__(self, when: str, seconds: float):
        self.when, self.seconds = when, seconds
        self.figures: dict[Key, Figure] = {}

    def add(self, turn: int, key: Key, value: float) -> None:
        self.figures.setdefault(key, Figure()).rounds[turn] = value

    def void(self, key: Key, fault: str) -> None:
        """Something went wrong in one of its rounds: the figure counts no more."""
        self.figures.setdefault(key, Figure()).fault = fault

    def get(self, case: str, subject: str, metric: str) -> Figure | None:
        return self.figures.get(Key(case, subject, metric))

    def rounds(self) -> int:
        return max((len(figure.rounds) for figure in self.figures.values()), default=0)

    def cases(self) -> list[str]:
        return list(dict.fromkeys(key.case for key in self.figures))

    def subjects(self, case: str | None = None) -> list[str]:
        return list(dict.fromkeys(key.subject for key in self.figures if case in (None, key.case)))

    def metrics(self) -> list[str]:
        return list(dict.fromkeys(key.metric for key in self.figures))

    def to_json(self) -> dict:
        rows = []
        for key, figure in self.figures.items():
            row = {"case": key.case, "subject": key.subject, "metric": key.metric,
                   "unit": UNITS[key.metric], "median": figure.median(),
                   "rounds": {str(turn): value for turn, value in figure.rounds.items()}}
            rows.append(row | ({"fault": figure.fault} if figure.fault else {}))
        return {"when": self.when, "seconds": self.seconds, "figures": rows}

    @staticmethod
    def from_json(data: dict) -> Section:
        section = Section(data["when"], data["seconds"])
        for row in data["figures"]:
            key = Key(row["case"], row["subject"], row["metric"])
            section.figures[key] = Figure(
                {int(turn): value for turn, value in row["rounds"].items()}, row.get("fault", ""))
        return section


@dataclass
class Results:
    machine: dict[str, str]
    sections: dict[str, Section] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)  # what could not be measured, and why

    def to_json(self) -> dict:
        return {"machine": self.machine, "missing": self.missing,
                "sections": {name: one.to_json() for name, one in self.sections.items()}}

    @staticmethod
    def from_json(data: dict) -> Results:
        return Results(data["machine"], {name: Section.from_json(one)
                                         for name, one in data["sections"].items()},
                       data["missing"])

    def merged_into(self, earlier: Results) -> Results:
        """What was measured now in the place of what was measured before. The machine is that of
        section `cold`; others have their time below them."""
        machine = self.machine if "cold" in self.sections else earlier.machine
        return Results(machine, earlier.sections | self.sections, self.missing)
