"""The OpenAPI document: what the routes say of themselves, and what holds for all of them.

The rule to know: security, roles and refusals are written into the document from ``web.policy`` and ``web.problems``, so that a
route cannot say one thing and do another; a route without a policy is marked ``x-undeclared``, and the matrix of tests fails.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from alerts.channels.webhook import SIGNATURE_HEADER
from web.answers import ANSWERS
from web.auth import COOKIE, CSRF_HEADER
from web.policy import POLICIES, Key, Policy
from web.problems import ProblemCode

REFERENCE = "#/components/schemas/{model}"
PROBLEM = "application/problem+json"
METHODS = ("get", "post", "put", "patch", "delete")
SCHEMES: dict[str, dict[str, str]] = {
    Key.BEARER: {"type": "http", "scheme": "bearer", "description": "The token of `POST /api/v1/session`."},
    Key.COOKIE: {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"A browser's session; whatever may change something carries the session's `{CSRF_HEADER}` too.",
    },
    Key.DEVICE: {"type": "http", "scheme": "basic", "description": "A device's id and its password."},
    Key.SIGNATURE: {
        "type": "apiKey",
        "in": "header",
        "name": SIGNATURE_HEADER,
        "description": "`t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY` with the secret both sides know.",
    },
    Key.MONITORING: {"type": "http", "scheme": "bearer", "description": "The token in `DATA/secrets/monitoring_token`."},
}


class ProblemDetail(BaseModel):
    """A refusal (RFC 9457). ``code`` is one of a closed list or a code of bad input (E001 …)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(examples=["urn:bright-kitchen:problem:NOT_FOUND"])
    title: str
    status: int
    code: str = Field(description=", ".join(ProblemCode) + ", or a code E001 … E080 of bad input")
    detail: str | None = None
    where: str | None = None


def describe(app: FastAPI) -> None:
    """Let an application serve this document."""
    plain = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = complete(plain())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI says to


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with security, roles, answers and refusals."""
    known: set[type[BaseModel]] = {ProblemDetail, *ANSWERS.values()}
    models = sorted(known, key=lambda model: model.__name__)
    _, shared = models_json_schema([(model, "serialization") for model in models], ref_template=REFERENCE)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= shared["$defs"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {key: dict(scheme) for key, scheme in SCHEMES.items()}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                name = f"{method.upper()} {path}"
                _complete(operations[method], POLICIES.get(name), ANSWERS.get(name))
    return document


def _complete(operation: dict[str, Any], policy: Policy | None, answer: type[BaseModel] | None) -> None:
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    responses["default"] = {
        "description": "Refused",
        "content": {PROBLEM: {"schema": {"$ref": REFERENCE.format(model=ProblemDetail.__name__)}}},
    }
    if answer is not None:
        good = next(code for code in responses if code.startswith("2"))
        responses[good]["content"] = {"application/json": {"schema": {"$ref": REFERENCE.format(model=answer.__name__)}}}
    if policy is None:
        operation["x-undeclared"] = True
        return
    operation["x-roles"] = ["anybody"] if policy.public else sorted([*policy.roles, *policy.keys])
    keys = [*sorted(policy.keys), *((Key.BEARER, Key.COOKIE) if policy.roles else ())]
    operation["security"] = [] if policy.public else [{key.value: []} for key in keys]
