"""The configuration as the rest of the product sees it: frozen domain values, checked, without a trace of YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from alerts.escalation import Chain
from alerts.gateways import ChannelSettings
from alerts.routing import Route
from configs.assessment_files import Assessing
from configs.connector_files import ProvincialTerms
from credit.calendar import Calendar
from credit.commitments import Template
from credit.departments import Department
from credit.documents import Rulebook
from credit.lists import ListingTerms
from credit.rating.value import RatedScheme
from credit.repair_profile import RepairProfile
from credit.scheme import Scheme
from domain.parties import Camera, Device, Merchant, User
from domain.rules import Rules
from traceability.additives import AdditiveTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What one installation is and how much it lets in.

    Attributes:
        name: shown at the top of every page.
        region: six digits of GB/T 2260 the site belongs to.
        scheme: rating scheme of merchants that name none.
        push_subject: ``mailto:`` or ``https:`` contact that push services may use (RFC 8292).
        push_hosts: hosts a browser's push subscription may point at; ``*.`` at the front admits subdomains.
        frame_max_bytes: a larger JPEG is refused (E001).
        frames_per_second: frames one camera may send; more are dropped and counted.
        events_per_second: facts one device may send (E070).
        public_url: address people open the pages at; behind https, cookies are marked ``Secure``.
    """

    name: str
    region: str
    scheme: str
    push_subject: str
    push_hosts: tuple[str, ...]
    frame_max_bytes: int
    frames_per_second: float
    events_per_second: float
    public_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What follows from credit beside the ratings: what is signed, how records are repaired, which lists there are.

    Attributes:
        template: the commitment in force.
        repair: the repair profile in force.
        repair_profiles: every profile, by name.
        lists: the clocks of each list, by name.
    """

    template: Template
    repair: RepairProfile
    repair_profiles: Mapping[str, RepairProfile]
    lists: Mapping[str, ListingTerms]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything a person edits, read once at start.

    Attributes:
        schemes: what violations cost, by name of the scheme; a scheme without a ledger costs nothing.
        chains: who else is told when a warning does not move.
        channels: what the channels know of the other end.
        ratings: every scheme, by name, for ``credit.rating``.
        provincial: how the provincial public-credit register is asked; without an address it is not.
        assessments: from what the facts of the monthly assessment are counted, and who publishes.
    """

    site: Site
    merchants: tuple[Merchant, ...]
    devices: tuple[Device, ...]
    cameras: tuple[Camera, ...]
    users: tuple[User, ...]
    rules: Rules
    routes: tuple[Route, ...]
    calendar: Calendar
    consequences: Consequences
    chains: tuple[Chain, ...] = ()
    channels: ChannelSettings = field(default_factory=ChannelSettings)
    schemes: Mapping[str, Scheme] = field(default_factory=dict)
    ratings: Mapping[str, RatedScheme] = field(default_factory=dict)
    assessments: Assessing = field(default_factory=Assessing)
    provincial: ProvincialTerms = field(default_factory=ProvincialTerms)
    departments: tuple[Department, ...] = ()
    rulebook: Rulebook = field(default_factory=Rulebook)
    additives: AdditiveTable = field(default_factory=AdditiveTable)

    def with_device_keys(self, keys: Mapping[str, bytes]) -> Configuration:
        """The same configuration with the devices' HMAC keys, which live among the secrets."""
        devices = tuple(replace(device, key=keys.get(device.id, device.key)) for device in self.devices)
        return replace(self, devices=devices)
