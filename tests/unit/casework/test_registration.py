"""Seeding from the configuration: doing it again changes nothing, and what the files drop loses its rights."""

from __future__ import annotations

from dataclasses import replace

from devices.registers import Registers
from domain.events import Lane
from tests.unit.casework.people import scene_roll, without_device
from tests.unit.casework.scene import CAMERA, SCALE, USCC, Scene, configuration


def test_the_demonstrations_own_configuration_registers(scene: Scene) -> None:
    report = scene.office.register(configuration(), scene.now)
    assert (report.merchants, report.devices, report.users) == (1, 2, 3)


def test_a_known_login_stays_the_same_user(scene: Scene) -> None:
    scene.office.register(configuration(), scene.now)
    with scene.store.reading() as uow:
        known = uow.users.by_login("merchant")
    assert known is not None
    assert (known[0].id, known[0].name, known[1]) == ("u-merchant", "王师傅", "hash")


def test_the_register_is_told_to_the_gateway_in_its_own_form(scene: Scene) -> None:
    scene.office.register(scene_roll(), scene.later(minutes=1))
    table = Registers()
    for delivery in scene.outbox(Lane.KAFKA):
        assert delivery.target == "registers"
        table.apply(delivery.recipient, delivery.payload)
    device = table.device(SCALE)
    assert device is not None
    assert device.speaks_for(USCC, scene.now)
    assert table.knows(USCC)
    assert table.told


def test_a_device_taken_off_the_file_is_revoked(scene: Scene) -> None:
    report = scene.office.register(without_device(scene_roll(), CAMERA), scene.now)
    assert report.revoked_devices == 1
    with scene.store.reading() as uow:
        device = uow.devices.get(CAMERA)
    assert device is not None
    assert device.revoked
    assert scene.office.register(scene_roll(), scene.later(minutes=1)).revoked_devices == 0
    with scene.store.reading() as uow:
        back = uow.devices.get(CAMERA)
    assert back is not None
    assert not back.revoked


def test_a_user_taken_off_the_file_cannot_sign_in_any_more(scene: Scene) -> None:
    roll = scene_roll()
    scene.office.register(replace(roll, users=roll.users[1:]), scene.now)
    with scene.store.reading() as uow:
        dropped = uow.users.get(roll.users[0].id)
    assert dropped is not None
    assert not dropped.active


def test_a_password_is_seeded_once(scene: Scene) -> None:
    scene.office.register(scene_roll(), scene.now, password_hashes={"merchant": "other", "inspector": "new"})
    with scene.store.reading() as uow:
        merchant, inspector = uow.users.by_login("merchant"), uow.users.by_login("inspector")
    assert merchant is not None
    assert inspector is not None
    assert (merchant[1], inspector[1]) == ("hash", "new")
