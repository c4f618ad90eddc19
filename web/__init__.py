"""The web face: HTTP API, pages, live updates, push subscriptions, sign-in. The only package that imports FastAPI."""

from web.app import create_app
from web.auth import hash_password
from web.language import translator
from web.live import LiveStream
from web.parts import Intake
from web.server import serve
from web.settings import WebSettings

__all__ = ["Intake", "LiveStream", "WebSettings", "create_app", "hash_password", "serve", "translator"]
