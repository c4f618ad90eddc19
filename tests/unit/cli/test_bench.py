"""The table of `kitchen bench`: turns, medians, ratios, reasons, and the three forms of its results."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.bench import report
from cli.bench.command import FIGURES, chosen, figure_of
from cli.bench.figure import Contender, Contest, Ground, Outcome, Quantity, Reading, Size
from cli.bench.kafka_node import apache_kafka, jars_named
from cli.bench.latency import percentile
from cli.bench.machine import Machine
from cli.bench.mqtt import packet
from cli.bench.rounds import measure
from cli.bench.table import rows_of
from cli.main import app
from domain.errors import ConfigurationError, Unavailable

SPEED = Quantity(key="speed", name="events", unit="1/s")
WAIT = Quantity(key="wait", name="wait", unit="ms", more_is_better=False)
MACHINE = Machine(
    cpu="a processor",
    cores=2,
    memory_gb=8,
    kernel="Linux 6",
    python="CPython 3.11",
    release="1.2.3, commit abc",
    load=0.1,
    measured_at="2026-11-22T08:00:00+08:00",
    versions={"sqlite": "3.40", "java": ""},
)


class Staged:
    """A figure that writes down who was asked when."""

    NAME, TITLE = "staged", "A staged figure"

    def __init__(self, *, rounds: int = 3, product: object = None, baseline: object = None) -> None:
        self.asked: list[str] = []
        self.closed = False
        self._rounds, self._product, self._baseline = rounds, product, baseline

    def contest(self, ground: Ground, parts: ExitStack) -> Contest:
        parts.callback(lambda: setattr(self, "closed", True))

        def asked(name: str, trouble: object) -> dict[str, Reading]:
            self.asked.append(name)
            if isinstance(trouble, Exception):
                raise trouble
            return {"speed": Reading(value=100.0 * len(self.asked), cpu_us=5)}

        return Contest(
            quantities=(SPEED, WAIT),
            product=Contender(name="ours", round=lambda: asked("ours", self._product)),
            baselines=(
                Contender(name="bare", round=lambda: asked("bare", self._baseline)),
                Contender(name="elsewhere", absent="not installed"),
            ),
            rounds=self._rounds,
            note="a round is one call",
        )


def measured(figure: Staged, tmp_path: Path) -> Outcome:
    return measure(figure, Ground(scratch=tmp_path, size=Size.TINY))


def outcome(**changes: object) -> Outcome:
    fields: dict[str, object] = {
        "name": "speed",
        "title": "Speed",
        "quantities": (SPEED, WAIT),
        "product": "ours",
        "readings": {
            "ours": {"speed": [Reading(value=v, cpu_us=20) for v in (90, 100, 1200)], "wait": [Reading(value=3)]},
            "bare": {"speed": [Reading(value=v, cpu_us=10) for v in (190, 200, 210)]},
            "other": {"speed": [Reading(value=50)]},
        },
        "absent": {"elsewhere": "no java on the PATH"},
        "note": "three rounds",
    }
    return Outcome(**{**fields, **changes})


def run_of(*outcomes: Outcome) -> report.Run:
    return report.Run(machine=MACHINE, size=Size.QUICK, seconds=12.34, outcomes=outcomes)


def test_product_and_baselines_take_turns(tmp_path: Path) -> None:
    figure = Staged()
    taken = measured(figure, tmp_path)
    assert figure.asked == ["ours", "bare"] * 3
    assert figure.closed
    assert [reading.value for reading in taken.readings["ours"]["speed"]] == [100, 300, 500]
    assert taken.absent == {"elsewhere": "not installed"}


def test_a_baseline_that_breaks_is_left_out_with_its_reason(tmp_path: Path) -> None:
    figure = Staged(baseline=Unavailable("it fell over"))
    taken = measured(figure, tmp_path)
    assert figure.asked == ["ours", "bare", "ours", "ours"]
    assert taken.absent["bare"] == "it fell over"
    assert "bare" not in taken.readings
    assert not taken.failed


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (Unavailable("it did not come up"), "it did not come up"),
        (OSError("no file handles"), "OSError('no file handles')"),
        (ExceptionGroup("tasks", [Unavailable("the broker is away")]), "the broker is away"),
    ],
)
def test_a_product_that_breaks_fails_its_own_figure_only(tmp_path: Path, trouble: Exception, told: str) -> None:
    figure = Staged(product=trouble)
    taken = measured(figure, tmp_path)
    assert taken.failed == told
    assert figure.closed
    assert run_of(taken, outcome()).failed == ["staged"]


def test_a_row_has_medians_spread_and_ratios() -> None:
    rows = rows_of(outcome())
    assert [(row.measure, row.baseline_is) for row in rows] == [("events", "bare"), ("events", "other"), ("wait", "")]
    first = rows[0]
    assert (first.product.median, first.product.least, first.product.most, first.product.rounds) == (100, 90, 1200, 3)
    assert first.ratio == 0.5
    assert first.cpu_ratio == 2
    assert rows[1].ratio == 2
    assert rows[1].cpu_ratio is None, "the other one tells no CPU time"
    assert rows[2].ratio is None


def test_what_is_skipped_or_failed_is_said_with_its_reason() -> None:
    assert report.remarks(outcome()) == ["Skipped: elsewhere: no java on the PATH", "Product: ours. three rounds."]
    assert report.remarks(Outcome(name="x", title="X", failed="it did not come up")) == ["Not measured: it did not come up"]


def test_json_holds_machine_rows_and_every_round() -> None:
    told = json.loads(json.dumps(report.as_json(run_of(outcome()))))
    assert told["machine"]["cpu"] == "a processor"
    assert (told["size"], told["seconds"]) == ("quick", 12.3)
    (figure,) = told["figures"]
    assert figure["skipped"] == {"elsewhere": "no java on the PATH"}
    assert figure["product_is"] == "ours"
    row = figure["rows"][0]
    assert row["product"] == {"median": 100, "least": 90, "most": 1200, "rounds": 3, "cpu_us": 20}
    assert (row["baseline_is"], row["ratio"], row["cpu_ratio"], row["more_is_better"]) == ("bare", 0.5, 2, True)
    assert [reading["value"] for reading in figure["rounds"]["ours"]["speed"]] == [90, 100, 1200]


def test_a_page_keeps_its_words_and_gets_new_results(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Ours\n\nBefore.\n\n{report.BEGIN}\nold\n{report.END}\n\nAfter.\n")
    report.write_markdown(run_of(outcome()), page)
    report.write_markdown(run_of(outcome()), page)
    text = page.read_text()
    assert text.startswith("# Ours\n\nBefore.\n")
    assert text.endswith("\n\nAfter.\n")
    assert "old" not in text
    assert text.count("### Speed") == 1
    assert "| events | 1/s ↑ | 100 (90.0–1,200) | 200 (190–210) | 0.500× | 20.0 | 10.0 | bare |" in text
    assert "a processor, 2 cores" in text


def test_a_page_without_a_place_for_results_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "other.md"
    page.write_text("# Something else\n")
    with pytest.raises(ConfigurationError, match="no place for results"):
        report.write_markdown(run_of(outcome()), page)
    assert page.read_text() == "# Something else\n"


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.00043, "0.000430"), (0.0667, "0.0667"), (5.5, "5.50"), (99.94, "99.9"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    assert report.number_text(value) == shown


@pytest.mark.parametrize(("rank", "value"), [(50, 50), (95, 95), (99, 99), (100, 100)])
def test_a_percentile_is_one_of_the_values(rank: int, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), rank) == value
    assert percentile([7], rank) == 7


@pytest.mark.parametrize(("size", "head"), [(0, "3000"), (127, "307f"), (128, "308001"), (16_384, "30808001")])
def test_a_packet_says_its_length_as_mqtt_has_it(size: int, head: str) -> None:
    assert packet(0x30, b"x" * size) == bytes.fromhex(head) + b"x" * size


def test_every_figure_can_be_asked_for_and_no_other() -> None:
    assert chosen([]) == list(FIGURES)
    assert chosen(["start,gateway", " sweep "]) == ["gateway", "sweep", "start"]
    for name in FIGURES:
        figure = figure_of(name)
        assert name == figure.NAME
        assert figure.TITLE
    for words in (["everything"], ["--only", "everything"], ["sweep", "--only", "everything"]):
        refused = CliRunner().invoke(app, ["bench", *words])
        assert refused.exit_code == 1, words
        assert "no such figure: everything" in refused.output, words


def test_kafka_is_skipped_with_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert jars_named(None, {}) is None
    assert jars_named(None, {"KITCHEN_BENCH_KAFKA_JARS": "/jars"}) == Path("/jars")
    assert jars_named(tmp_path, {"KITCHEN_BENCH_KAFKA_JARS": "/jars"}) == tmp_path
    with pytest.raises(Unavailable, match="no Kafka jars"), apache_kafka(tmp_path, tmp_path):
        pass
    (tmp_path / "kafka_2.13-4.1.0.jar").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no java on the PATH"), apache_kafka(tmp_path, tmp_path):
        pass
