"""The monthly assessment over the API: told facts, the run, one's own report and nobody else's, an objection."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import configs
from casework.assessment_wiring import assessor_of
from casework.report_seal import seal, verify
from configs import demo_directory
from domain.time import SHANGHAI
from tests.unit.web.kitchen import MERCHANT, OTHER, Kitchen

IN_WINDOW = datetime(2026, 12, 1, 10, tzinfo=SHANGHAI)


@pytest.fixture
def assessing(kitchen: Kitchen) -> Kitchen:
    known = configs.load(demo_directory())
    assessor = assessor_of(kitchen.store, known, demo_directory())
    sealing = partial(seal, key=Ed25519PrivateKey.generate())
    kitchen.app.state.parts = replace(kitchen.app.state.parts, assessor=assessor, seal=sealing)
    return kitchen


async def test_a_month_over_the_api(assessing: Kitchen) -> None:
    officer, owner = await assessing.bearer("supervisor"), await assessing.bearer("merchant")
    with assessing.store.reading() as uow:
        scheme = uow.merchants.get(MERCHANT).scheme
    fact = "violations" if scheme == "xiangshan" else "I17"
    row = {"uscc": MERCHANT, "fact": fact, "value": [] if fact == "violations" else 1, "month": "2026-11", "source": "台账"}
    told = (await officer.post("/api/v1/facts", json={"rows": [row, row | {"fact": "I99"}]})).json()
    assert (told["added"], told["problems"][0]["row"], told["problems"][0]["column"]) == (1, 2, "fact")
    assert (await owner.post("/api/v1/facts", json={"rows": [row]})).status_code == 403
    live = (await owner.get(f"/api/v1/merchants/{MERCHANT}/rating")).json()
    assert (live["live"], live["scheme"]) == (True, scheme)

    assessing.clock.at = IN_WINDOW
    officer, owner = await assessing.bearer("supervisor"), await assessing.bearer("merchant")
    assert (await owner.post("/api/v1/assessments", json={"scheme": scheme, "month": "2026-11"})).status_code == 403
    run = (await officer.post("/api/v1/assessments", json={"scheme": scheme, "month": "2026-11"})).json()["id"]
    assert (await owner.get(f"/api/v1/assessments/{run}")).status_code == 404  # nothing is shown before the window
    assessing.app.state.parts.assessor.drive(run, IN_WINDOW)
    shown = (await owner.get(f"/api/v1/assessments/{run}/results")).json()["items"]
    assert [each["merchant"] for each in shown] == [MERCHANT]
    report = await owner.get(f"/api/v1/assessments/{run}/merchants/{MERCHANT}/report")
    assert verify(report.content).content["run"] == run
    page = await owner.get(f"/api/v1/assessments/{run}/merchants/{MERCHANT}/report?form=html&lang=en")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    pdf = await owner.get(f"/api/v1/assessments/{run}/merchants/{MERCHANT}/report?form=pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert (await owner.get(f"/api/v1/assessments/{run}/merchants/{OTHER}/report")).status_code == 404
    filed = (await owner.post(f"/api/v1/assessments/{run}/objections", json={"note": "有误"})).json()
    rejected = {"upheld": False, "reason": "查无依据"}
    assert (await owner.post(f"/api/v1/assessment-objections/{filed['id']}/decide", json=rejected)).status_code == 403
    assert (await officer.post(f"/api/v1/assessments/{run}/publish")).status_code == 409
    changes = (await officer.get(f"/api/v1/assessments/{run}/changes")).json()
    assert all(each["before"] is None for each in changes["moved"])
