"""What needs more than one file to judge about notification: channels that are used but not described, chains that miss somebody.

The rule that stands above a site's wishes: whatever it says, somebody is told within half an hour that a red warning has reached
no merchant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from alerts.escalation import UNDELIVERED_WITHIN
from alerts.routing import EMAIL, PERSONAL, SMS
from configs.problems import Problem, nearest
from configs.values import Configuration
from domain.parties import Role
from domain.rules import Level


def notification_checks() -> tuple[Callable[[Configuration], Iterable[Problem]], ...]:
    """Every check of this module."""
    return (_described, _steps, _rules, _red)


def _undescribed(configuration: Configuration, channel: str, file: str, key: str) -> Iterator[Problem]:
    settings = configuration.channels
    missing = {SMS: settings.gateway is None, EMAIL: settings.server is None}
    if missing.get(channel, False):
        what = f"it tells by {channel}, and channels.yaml does not say how"
        yield Problem(file=file, key=key, what=what, hint=f"add {channel}: to channels.yaml, see docs/notifications.md")


def _described(configuration: Configuration) -> Iterator[Problem]:
    for index, route in enumerate(configuration.routes):
        yield from _undescribed(configuration, route.channel, "routes.yaml", f"routes[{index}].channel")


def _steps(configuration: Configuration) -> Iterator[Problem]:
    routes = {route.name: route for route in configuration.routes}
    for place, chain in enumerate(configuration.chains):
        for number, step in enumerate(chain.steps):
            key = f"chains[{place}].steps[{number}]"
            for channel in step.channels:
                yield from _undescribed(configuration, channel, "escalations.yaml", f"{key}.channels")
            for name in step.routes:
                if name not in routes:
                    hint = nearest(name, sorted(routes)) or "add it to routes.yaml"
                    yield Problem(file="escalations.yaml", key=f"{key}.routes", what=f"there is no route {name!r}", hint=hint)
                elif routes[name].channel in PERSONAL:
                    what = f"the route {name!r} has no address: {routes[name].channel} goes to users"
                    yield Problem(file="escalations.yaml", key=f"{key}.routes", what=what, hint="name roles and channels instead")
            yield from _nobody(configuration, step.roles, key)


def _nobody(configuration: Configuration, roles: Iterable[Role], key: str) -> Iterator[Problem]:
    there = {user.role for user in configuration.users if user.active}
    for role in roles:
        if role not in there:
            what, hint = f"nobody here has the role {role.value}", "add a user to users.yaml, or tell another role"
            yield Problem(file="escalations.yaml", key=f"{key}.roles", what=what, hint=hint, fatal=False)


def _rules(configuration: Configuration) -> Iterator[Problem]:
    known = {*configuration.rules.camera, *(rule.value for rule in configuration.rules.register)}
    for place, chain in enumerate(configuration.chains):
        for rule in sorted(chain.rules - known):
            hint = nearest(rule, sorted(known)) or "see rules.yaml"
            yield Problem(file="escalations.yaml", key=f"chains[{place}].rules", what=f"there is no rule {rule!r}", hint=hint)


def _red(configuration: Configuration) -> Iterator[Problem]:
    """Each red warning there may be gets a chain, and one that tells in time that nobody was reached."""
    chains = configuration.chains
    minutes = int(UNDELIVERED_WITHIN.total_seconds() // 60)
    rules = [rule.name for rule in configuration.rules.camera.values() if rule.level is Level.RED]
    rules += [rule.name.value for rule in configuration.rules.register.values() if rule.level is Level.RED]
    regions = sorted({merchant.region for merchant in configuration.merchants} or {configuration.site.region})
    told: set[int] = set()
    for rule, region in ((rule, region) for rule in rules for region in regions):
        place = next((n for n, chain in enumerate(chains) if chain.concerns(level=Level.RED, rule=rule, region=region)), -1)
        if place in told or (place >= 0 and chains[place].tells_undelivered()):
            continue
        told.add(place)
        hint = f"add a step {{after_minutes: {minutes}, until: delivered, …}}"
        if place < 0:
            what = f"no chain concerns a red warning by {rule} in {region}: nobody would hear that it reached no merchant"
            yield Problem(file="escalations.yaml", key="chains", what=what, hint=f"{hint} in a chain without filters")
        else:
            what = f"a red warning by {rule} gets {chains[place].name}, which does not tell that it reached no merchant"
            yield Problem(file="escalations.yaml", key=f"chains[{place}].steps", what=what, hint=hint)
