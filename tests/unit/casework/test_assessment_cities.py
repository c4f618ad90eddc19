"""The reference distributions of two cities, from raw facts through the whole assessment; and the reports of one of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.assessment_facts import FactImport
from casework.report import report
from casework.report_seal import extract, public_bytes, seal, verify
from cli.demo_market import market
from cli.demo_street import street
from domain.errors import BadInput
from store.assessments import Run
from tests.unit.casework.assessing import CLERK, MONTH, TOLD_AT, Place, configuration, place
from web.report_page import report_file, report_page

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(scope="module")
def zhenhai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Run]]:
    with place(tmp_path_factory.mktemp("zhenhai")) as found:
        drawn = street(MONTH, configuration().schemes["zhenhai"])
        drawn.store(found.store)
        assert not FactImport(found.store, configuration().ratings).take(drawn.rows, CLERK, TOLD_AT).problems
        yield found, found.run()


def test_the_street_of_zhenhai_is_as_in_july_2023(zhenhai: tuple[Place, Run]) -> None:
    here, run = zhenhai
    with here.store.reading() as uow:
        assert uow.assessments.counts(run.id) == {"green": 40, "blue": 85, "yellow": 20, "red": 2}
        results = uow.assessments.results(run.id)
        assert len({each.score for each in results}) > 100  # nobody is like another
        for each in results:
            assert dict(uow.assessments.inputs(run.id, each.uscc).origins)["indicators.I05"]["how"] == "counted"


def test_every_result_can_be_made_again_from_what_is_kept(zhenhai: tuple[Place, Run]) -> None:
    here, run = zhenhai
    with here.store.reading() as uow:
        usccs = [each.uscc for each in uow.assessments.results(run.id)][::20]
    for uscc in usccs:
        kept, again = here.assessor.recompute(run.id, uscc)
        assert kept == again


def test_the_markets_of_xiangshan_are_as_in_august_2023(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        drawn = market(MONTH, configuration().schemes["xiangshan"])
        drawn.store(here.store)
        assert not FactImport(here.store, configuration().ratings).take(drawn.rows, CLERK, TOLD_AT).problems
        run = here.run(scheme="xiangshan")
        with here.store.reading() as uow:
            assert uow.assessments.counts(run.id) == {"blue": 91, "yellow": 113, "orange": 2}
            orange = uow.assessments.results(run.id, grade="orange")
        assert all("cumulative" in each.measures for each in orange)
        reports = [report(here.assessor, run.id, each.uscc) for each in orange]
        # what cost most stands first, names its code, and opens the entry of the ledger and its warning
        assert {told["drivers"][0]["id"] for told in reports} == {"XV04"}
        line = next(each for each in reports[0]["lines"] if each["id"] == "XV04")
        assert len(line["origin"]["evidence"]) == 2


def yellow(zhenhai: tuple[Place, Run]) -> dict:
    here, run = zhenhai
    with here.store.reading() as uow:
        uscc = uow.assessments.results(run.id, grade="yellow")[0].uscc
    return report(here.assessor, run.id, uscc)


def test_a_report_explains_every_lost_point(zhenhai: tuple[Place, Run]) -> None:
    told = yellow(zhenhai)
    lost = sum(float(line["lost"]) for line in told["lines"] if line["lost"] is not None)
    assert lost == pytest.approx(100 - float(told["unrounded"]), abs=1e-4)
    assert len([line for line in told["lines"] if line["id"][0] in "PIG" and len(line["id"]) == 3]) == 48
    assert all(line["origin"].get("how") for line in told["lines"] if line["id"][0] in "PIG" and len(line["id"]) == 3)
    assert told["drivers"][0]["lost"] >= told["drivers"][1]["lost"]
    assert told["regain"]
    assert [each["month"] for each in told["trend"]] == [MONTH]


draw = report_file


@pytest.mark.parametrize("kind", ["json", "html", "pdf"])
def test_a_sealed_report_is_genuine_and_a_changed_one_is_not(zhenhai: tuple[Place, Run], kind: str) -> None:
    sealed = seal(yellow(zhenhai), KEY)
    data = json.dumps(sealed).encode() if kind == "json" else draw(sealed, kind)
    trusted = public_bytes(KEY.public_key())
    found = verify(data, trusted=trusted, draw=draw)
    assert (found.genuine, found.known, found.problem) == (True, True, "")
    assert extract(data) == (json.loads(json.dumps(sealed)), kind)
    if kind == "json":
        forged = data.replace(b'"grade": "yellow"', b'"grade": "green"', 1)
    elif kind == "html":
        forged = data.replace("黄".encode(), "绿".encode(), 1)
    else:
        forged = data.replace(b"%%EOF", b"%%EOF ", 1)
    assert forged != data
    assert not verify(forged, trusted=trusted, draw=draw).genuine
    stranger = Ed25519PrivateKey.generate()
    assert "another key" in verify(json.dumps(seal(yellow(zhenhai), stranger)).encode(), trusted=trusted).problem


def test_a_file_without_a_report_is_refused() -> None:
    for data in (b"", b"{}", b"%PDF-1.4\n", b"<html></html>", b'<script type="application/json" id="sealed">[]</script>'):
        with pytest.raises(BadInput, match="E001"):
            verify(data)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_pdf_is_the_same_bytes_each_time_and_shows_something(zhenhai: tuple[Place, Run], language: str) -> None:
    sealed = seal(yellow(zhenhai), KEY)
    data = report_file(sealed, "pdf", language)
    assert report_file(sealed, "pdf", language) == data
    document = pypdfium2.PdfDocument(data)
    text = document[0].get_textpage().get_text_range()
    assert sealed["content"]["merchant"]["name"] in text
    assert ("如何恢复分数" if language == "zh" else "How to regain points") in text
    image = document[0].render(scale=1).to_pil().convert("L")
    assert sum(image.histogram()[:160]) > 500  # ink
    document.close()


def test_a_page_lets_no_name_out_of_its_place(zhenhai: tuple[Place, Run]) -> None:
    told = yellow(zhenhai)
    told["merchant"]["name"] = "</script><script>alert(1)</script>"
    page = report_page(seal(told, KEY)).decode()
    assert "<script>alert" not in page
    assert page.count("</script>") == 1
    assert verify(page.encode(), draw=draw).genuine
    assert base64.b64decode(seal(told, KEY)["signature"])
