"""The gateway's table: what goes in comes out, a tombstone takes away, and nothing unreadable does harm."""

import json
from datetime import UTC, datetime

import pytest

from devices.registers import Registers, device_record, merchant_record, told_record
from tests.unit.devices.things import CAMERA, KEY, LATER, MERCHANT, REGION, REVOKED, SIGNING, USCC, device

BOUND = device(
    "sen-00000001",
    key=KEY,
    name="冰箱",
    bound_from=datetime(2026, 1, 1, tzinfo=UTC),
    bound_until=datetime(2027, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("known", [CAMERA, SIGNING, REVOKED, LATER, BOUND], ids=lambda d: d.id)
def test_a_device_comes_back_from_its_record(known):
    key, value = device_record(known)
    registers = Registers()
    registers.apply(key, json.dumps(value).encode())
    assert registers.device(known.id) == known


def test_a_merchant_is_known_by_its_record():
    registers = Registers()
    registers.apply(*merchant_record(MERCHANT))
    assert registers.knows(USCC)
    assert registers.region(USCC) == REGION
    assert len(registers) == 1


def test_a_tombstone_takes_away():
    registers = Registers([MERCHANT], [CAMERA])
    registers.apply(f"merchant:{USCC}", None)
    registers.apply(f"device:{CAMERA.id}", None)
    assert not registers.knows(USCC)
    assert registers.device(CAMERA.id) is None


@pytest.mark.parametrize("value", [b"junk", b"[]", b"{}", b'{"id": "cam-0a1b2c3d", "uscc": 7}', b"7", b"\xff"])
def test_a_record_that_cannot_be_read_leaves_what_was_known(value):
    registers = Registers([MERCHANT], [CAMERA])
    for key in (f"device:{CAMERA.id}", f"merchant:{USCC}", "what:ever"):
        registers.apply(key, value)
    assert registers.device(CAMERA.id) == CAMERA
    assert registers.knows(USCC)


FIRST, SECOND = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 20, 0, 0, 0, 500, tzinfo=UTC)


def test_the_register_is_told_when_every_record_of_the_telling_has_come_in_whatever_order():
    records = [told_record(1, 1, FIRST), merchant_record(MERCHANT, FIRST), device_record(CAMERA, FIRST)]
    for shift in range(3):
        registers = Registers()
        for record in records[shift:] + records[:shift]:
            assert not registers.told
            registers.apply(*record)
        assert registers.told


def test_records_of_an_older_telling_do_not_make_a_newer_one_whole():
    registers = Registers()
    for record in (merchant_record(MERCHANT, FIRST), device_record(CAMERA, FIRST), told_record(1, 1, SECOND)):
        registers.apply(*record)
    assert not registers.told
    registers.apply(*merchant_record(MERCHANT, SECOND))
    registers.apply(*device_record(CAMERA, SECOND))
    assert registers.told


def test_what_was_told_again_since_counts_and_what_was_taken_away_does_not():
    registers = Registers()
    for record in (merchant_record(MERCHANT, SECOND), device_record(CAMERA, SECOND), told_record(1, 1, FIRST)):
        registers.apply(*record)
    assert registers.told
    registers.apply(f"device:{CAMERA.id}", None)
    assert not registers.told


def test_records_of_old_that_name_no_telling_are_counted_alone():
    registers = Registers([MERCHANT])
    registers.apply(*told_record(1, 1))
    assert not registers.told
    registers.apply(*device_record(CAMERA))
    assert registers.told


@pytest.mark.parametrize("value", [b"7", b'{"merchants": "many"}', b"[1]"])
def test_an_ending_that_cannot_be_read_ends_nothing(value):
    registers = Registers()
    registers.apply("told", value)
    assert not registers.told
