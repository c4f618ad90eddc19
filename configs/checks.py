"""What needs more than one file to judge: bindings, names that are cited, codes a scheme must have.

Problems that are not fatal are for a person to look at; a licence number with a wrong check digit is one (E012).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from configs.notification_checks import notification_checks
from configs.problems import Problem, nearest
from configs.values import Configuration
from domain.ids import organisation_check_matches
from domain.rules import RedWarning

REGISTER_CODES: Final = {
    RedWarning.RAW_EXPIRED: ("XV01", "XV02"),
    RedWarning.PRODUCT_EXPIRED: ("XV03", "XV04"),
    RedWarning.CERTIFICATE_EXPIRED: ("XV05",),
    RedWarning.ADDITIVE_BEYOND_SCOPE: ("XV06", "XV07", "XV08"),
    RedWarning.SAMPLING_FAILED: ("XV09", "XV10"),
}
"""Violation codes the facts of a red warning can lead to (domain.md C.4)."""


def cross_check(configuration: Configuration, directory: Path) -> list[Problem]:
    """Every problem between the files, each with its file's full name."""
    checks: tuple[Callable[[Configuration], Iterable[Problem]], ...] = (
        _twice,
        _site,
        _merchants,
        _devices,
        _users,
        _departments,
        _routes,
        *notification_checks(),
        _codes,
        _clauses,
        _citations,
    )
    found = [problem for check in checks for problem in check(configuration)]
    return [
        Problem(file=str(directory / problem.file), key=problem.key, what=problem.what, hint=problem.hint, fatal=problem.fatal)
        for problem in found
    ]


def _twice(configuration: Configuration) -> Iterator[Problem]:
    lists = (
        ("merchants.yaml", "merchants", "uscc", [merchant.uscc for merchant in configuration.merchants]),
        ("devices.yaml", "devices", "id", [device.id for device in configuration.devices]),
        ("users.yaml", "users", "login", [user.login for user in configuration.users]),
        ("routes.yaml", "routes", "name", [route.name for route in configuration.routes]),
        ("escalations.yaml", "chains", "name", [chain.name for chain in configuration.chains]),
    )
    for file, key, field, values in lists:
        for value, count in Counter(values).items():
            if count > 1:
                at = [index for index, other in enumerate(values) if other == value]
                yield Problem(
                    file=file, key=f"{key}[{at[1]}].{field}", what=f"{value} is listed twice", hint=f"see {key}[{at[0]}]"
                )


def _unknown_scheme(configuration: Configuration, scheme: str, file: str, key: str) -> Iterator[Problem]:
    if scheme not in configuration.schemes:
        known = sorted(configuration.schemes)
        hint = nearest(scheme, known) or f"known: {', '.join(known)}"
        yield Problem(file=file, key=key, what=f"there is no scheme {scheme!r}", hint=hint)


def _site(configuration: Configuration) -> Iterator[Problem]:
    yield from _unknown_scheme(configuration, configuration.site.scheme, "site.yaml", "scheme")


def _merchants(configuration: Configuration) -> Iterator[Problem]:
    for index, merchant in enumerate(configuration.merchants):
        key = f"merchants[{index}]"
        if merchant.scheme != configuration.site.scheme:
            yield from _unknown_scheme(configuration, merchant.scheme, "merchants.yaml", f"{key}.scheme")
        if not merchant.licence_verified:
            yield Problem(
                file="merchants.yaml",
                key=f"{key}.licence_no",
                what=f"{merchant.licence_no!r} has not the form or the check digit of a licence number",
                hint="it is kept and flagged licence_unverified; look at the licence",
                fatal=False,
            )
        if not organisation_check_matches(merchant.uscc):
            yield Problem(
                file="merchants.yaml",
                key=f"{key}.uscc",
                what=f"the organisation code inside {merchant.uscc} has another check character",
                hint="old codes exist that do; look at the licence",
                fatal=False,
            )


def _devices(configuration: Configuration) -> Iterator[Problem]:
    merchants = {merchant.uscc for merchant in configuration.merchants}
    for index, device in enumerate(configuration.devices):
        if device.uscc not in merchants:
            yield Problem(
                file="devices.yaml",
                key=f"devices[{index}].uscc",
                what=f"{device.id} is bound to {device.uscc}, who is no merchant here",
                hint=nearest(device.uscc, sorted(merchants)) or "add the merchant to merchants.yaml",
            )


def _users(configuration: Configuration) -> Iterator[Problem]:
    merchants = {merchant.uscc for merchant in configuration.merchants}
    regions = {merchant.region for merchant in configuration.merchants}
    for index, user in enumerate(configuration.users):
        if user.uscc is not None and user.uscc not in merchants:
            yield Problem(
                file="users.yaml",
                key=f"users[{index}].uscc",
                what=f"{user.login} belongs to {user.uscc}, who is no merchant here",
                hint=nearest(user.uscc, sorted(merchants)) or "add the merchant to merchants.yaml",
            )
        if user.region is not None and regions and not any(region.startswith(user.region) for region in regions):
            yield Problem(
                file="users.yaml",
                key=f"users[{index}].region",
                what=f"no merchant lies in region {user.region}: {user.login} would see nothing",
                hint=f"merchants lie in {', '.join(sorted(regions))}",
                fatal=False,
            )


def _departments(configuration: Configuration) -> Iterator[Problem]:
    known = [department.id for department in configuration.departments]
    for index, user in enumerate(configuration.users):
        if user.department is not None and user.department not in known:
            what, hint = f"there is no department {user.department}", nearest(user.department, known) or "see departments.yaml"
            yield Problem(file="users.yaml", key=f"users[{index}].department", what=what, hint=hint)


def _routes(configuration: Configuration) -> Iterator[Problem]:
    merchants = {merchant.uscc for merchant in configuration.merchants}
    for index, route in enumerate(configuration.routes):
        for uscc in sorted(route.merchants - merchants):
            yield Problem(
                file="routes.yaml", key=f"routes[{index}].merchants", what=f"{uscc} is no merchant here", hint="add or remove"
            )


def _codes(configuration: Configuration) -> Iterator[Problem]:
    schemes = {merchant.scheme for merchant in configuration.merchants} & set(configuration.schemes)
    for scheme in sorted(schemes):
        known = configuration.schemes[scheme].rules
        if not known:  # it deducts nothing
            continue
        for name, rule in configuration.rules.camera.items():
            if rule.enabled and rule.violation_code not in known:
                yield Problem(
                    file="rules.yaml",
                    key=f"camera.{name}.violation_code",
                    what=f"scheme {scheme} has no code {rule.violation_code}, and merchants here are rated by it",
                    hint=f"add the code to schemes/{scheme}.yaml, or set enabled: false",
                )
        for warning, register_rule in configuration.rules.register.items():
            for code in REGISTER_CODES[warning]:
                if register_rule.enabled and code not in known:
                    yield Problem(
                        file="rules.yaml",
                        key=f"register.{warning.value}",
                        what=f"it cites {code}, which scheme {scheme} has not",
                        hint=f"add the code to schemes/{scheme}.yaml, or set enabled: false",
                    )


def _clauses(configuration: Configuration) -> Iterator[Problem]:
    known = {code for scheme in configuration.schemes.values() for code in scheme.rules}
    for clause in configuration.consequences.template.clauses:
        for code in clause.codes:
            if code not in known:
                yield Problem(
                    file="consequences.yaml",
                    key=f"commitment.clauses.{clause.id}.codes",
                    what=f"no scheme has the code {code}",
                    hint=nearest(code, sorted(known)) or "remove it",
                    fatal=False,
                )


def _citations(configuration: Configuration) -> Iterator[Problem]:
    """Codes that no document mentions: they would be charged by a rule nobody can read (X-10)."""
    codes = sorted({code for scheme in configuration.schemes.values() for code in scheme.rules})
    for code in configuration.rulebook.uncited(codes):
        yield Problem(
            file="documents.yaml",
            key=f"documents.{code}",
            what=f"no document cites the violation code {code}",
            hint="name it in the codes of the clause it breaks",
            fatal=False,
        )
