"""Commitments (domain.md D.3, X-02, X-07)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit import commitments as c
from domain.errors import BadInput, Forbidden, IllegalTransition
from tests.unit.credit.people import CLOCK, DAY, LEADER, MERCHANT, NOW, OFFICER, STRANGER, USCC, at

TEMPLATE = c.Template(
    name="commitment",
    version="1",
    title={"zh": "承诺书", "en": "Commitment"},
    clauses=(c.Clause(id="one", text={"zh": "守法", "en": "We obey."}, codes=("XV12",)),),
)
S = c.CommitmentState


def a_commitment(state=S.PUBLISHED, **changes):
    known = {
        "id": "c",
        "uscc": USCC,
        "template": "commitment",
        "template_version": "1",
        "state": state,
        "signed_at": NOW,
        "ends_by": at(11, 16, 0, year=2027),
    }
    return c.Commitment(**{**known, **changes})


def drafted():
    return c.Commitment(id="c", uscc=USCC, template="commitment", template_version="1")


def test_signing_keeps_who_when_and_what():
    moved = c.sign(drafted(), TEMPLATE, signer=" 张三 ", actor=MERCHANT, now=NOW)
    signed = moved.case
    assert (signed.state, signed.signer, signed.signed_at) == (S.SIGNED, "张三", NOW)
    assert signed.content_hash == TEMPLATE.content_hash()
    assert signed.ends_by == at(11, 16, 0, year=2027), "a year, first instant it no longer holds"
    told = moved.transition
    assert (told.before, told.after, told.actor, told.at) == ("draft", "signed", "m", NOW)


def test_the_hash_is_of_every_word():
    other = replace(TEMPLATE, clauses=(replace(TEMPLATE.clauses[0], text={"zh": "守法", "en": "We try."}),))
    assert other.content_hash() != TEMPLATE.content_hash()


@pytest.mark.parametrize(
    ("actor", "signer", "version", "error"),
    [
        (STRANGER, "x", "1", Forbidden),
        (MERCHANT, "  ", "1", BadInput),
        (MERCHANT, "x", "0", BadInput),
        (OFFICER, "x", "1", Forbidden),
    ],
)
def test_only_the_merchant_signs_the_template_of_today_by_name(actor, signer, version, error):
    with pytest.raises(error):
        c.sign(replace(drafted(), template_version=version), TEMPLATE, signer=signer, actor=actor, now=NOW)


def test_publication_is_due_within_a_day():
    signed = a_commitment(S.SIGNED)
    assert not c.publication_overdue(signed, TEMPLATE, NOW + DAY)
    assert c.publication_overdue(signed, TEMPLATE, NOW + DAY + timedelta(seconds=1))
    assert not c.publication_overdue(c.publish(signed, actor=CLOCK, now=NOW).case, TEMPLATE, NOW + 2 * DAY)


def test_a_breach_stands_beside_it_and_it_stays_public():
    broken = c.record_breach(a_commitment(), "v1", actor=OFFICER, reason="expired meat sold", now=NOW).case
    again = c.record_breach(broken, "v2", actor=OFFICER, reason="again", now=NOW).case
    assert (again.state, again.breaches) == (S.BREACH_RECORDED, ("v1", "v2"))
    assert again.state in c.LIVE
    assert c.record_breach(again, "v2", actor=OFFICER, reason="told twice", now=NOW).case.breaches == ("v1", "v2")


def test_a_false_one_is_revoked_by_a_leader_and_its_signer_blocked_for_a_year():
    found = c.find_false(a_commitment(), actor=OFFICER, reason="the certificate is forged", evidence_ids=["e"], now=NOW).case
    with pytest.raises(Forbidden):
        c.revoke(found, TEMPLATE, actor=OFFICER, reason="forged", now=NOW)
    revoked = c.revoke(found, TEMPLATE, actor=LEADER, reason="forged", now=NOW).case
    assert revoked.state is S.REVOKED
    until = at(11, 17, 0, year=2027)
    assert c.blocked([revoked], until - timedelta(seconds=1)) == until
    assert c.blocked([revoked, a_commitment()], until) is None


def test_nothing_is_found_false_without_evidence_or_reason():
    for evidence, reason in (([], "x"), (["e"], " ")):
        with pytest.raises(BadInput):
            c.find_false(a_commitment(), actor=OFFICER, reason=reason, evidence_ids=evidence, now=NOW)


@pytest.mark.parametrize(("version", "state"), [("1", S.RENEWED), ("2", S.SUPERSEDED)])
def test_a_new_signature_takes_its_place(version, state):
    successor = a_commitment(id="d", template_version=version)
    moved = c.replaced(a_commitment(), successor, actor=MERCHANT, now=NOW).case
    assert (moved.state, moved.replaced_by) == (state, "d")
    with pytest.raises(BadInput):
        c.replaced(a_commitment(), a_commitment(S.SIGNED, id="d"), actor=MERCHANT, now=NOW)


def test_it_expires_when_its_time_has_run_out_and_its_signer_is_reminded_before():
    live = a_commitment()
    assert c.reminders(live, TEMPLATE) == (date(2027, 10, 16), date(2027, 11, 8)), "30 and 7 days before 15 November"
    assert c.expire(live, actor=CLOCK, now=live.ends_by - timedelta(seconds=1)) is None
    moved = c.expire(live, actor=CLOCK, now=live.ends_by)
    assert moved is not None
    assert moved.case.state is S.EXPIRED
    assert c.reminders(moved.case, TEMPLATE) == ()


def test_units_without_a_live_commitment_are_flagged():
    live, expired = a_commitment(), a_commitment(S.EXPIRED, uscc="u2")
    assert c.uncommitted([USCC, "u2", "u3"], [live, expired], NOW) == ("u2", "u3")
    assert c.uncommitted([USCC], [live], live.ends_by) == (USCC,)


@given(
    st.lists(
        st.tuples(st.sampled_from(list(c.CommitmentCommand)), st.sampled_from([MERCHANT, OFFICER, LEADER, CLOCK])), max_size=12
    )
)
def test_whatever_is_tried_the_machine_moves_only_along_its_table(tried):
    case = drafted()
    for command, actor in tried:
        before = case
        try:
            case = c.LIFE.move(case, command, actor=actor, reason="x", now=NOW).case
        except (IllegalTransition, Forbidden):
            assert case is before
        else:
            assert c.LIFE.steps[before.state][command] is case.state
            assert actor.role in c.LIFE.who[command]
            assert case.version == before.version + 1
    assert c.CommitmentCommand.REVOKE not in c.LIFE.commands(case.state, CLOCK.role), "the clock revokes nothing"
