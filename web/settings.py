"""What a site may set about its web face. Values only; nothing here reads the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Settings of the web application.

    Attributes:
        site_name: what the header says beside the product's name, e.g. the district.
        public_url: address people open the pages at, without a slash at its end; empty where nobody said.
        secure_cookies: mark cookies ``Secure``; set it wherever the pages are served over https.
        session_length: how long a sign-in lasts, counted from the sign-in.
        sign_in_attempts: failed sign-ins per login and address in ``sign_in_window`` before the next is refused unread.
        address_attempts: the same for one address, whatever the logins; a market may sit behind one address.
        sign_ins_at_once: passwords checked at the same time, 64 MiB each.
        heartbeat_every: silence on a live stream after which a comment line keeps it open.
        session_checked_every: how often an open live stream asks whether its session still stands, and its user is the same.
        vapid_public_key: the application server key (base64url, uncompressed P-256 point); empty = no Web Push.
        push_hosts: hosts a push subscription may point to, ``*.`` at the front admits what is under one; none = no push.
        batch_limit: observations in one request.
        batch_bytes: size of one request of observations.
        device_rate: observations per second and device (E070).
        device_burst: how many a device may send at once before the rate counts.
        photo_bytes: size of one photo.
        photo_limit: photos in one submission.
        monitoring_token: what a monitoring system shows when it tells alerts; empty = nobody may.
    """

    site_name: str = ""
    public_url: str = ""
    secure_cookies: bool = False
    session_length: timedelta = timedelta(days=7)
    sign_in_attempts: int = 5
    address_attempts: int = 30
    sign_ins_at_once: int = 3
    sign_in_window: timedelta = timedelta(minutes=5)
    heartbeat_every: timedelta = timedelta(seconds=15)
    session_checked_every: timedelta = timedelta(seconds=30)
    vapid_public_key: str = ""
    push_hosts: tuple[str, ...] = ()
    batch_limit: int = 1000
    batch_bytes: int = 8 * 1024 * 1024
    device_rate: float = 20.0
    device_burst: int = 200
    photo_bytes: int = 10 * 1024 * 1024
    photo_limit: int = 6
    monitoring_token: str = field(default="", repr=False)
