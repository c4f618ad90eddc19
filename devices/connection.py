"""An MQTT connection that stays up: MQTT 5 where the broker speaks it, 3.1.1 where it does not, acknowledgements by hand.

The network runs in paho's thread and every callback is called there; or, with ``attach``, on the running event loop. An
acknowledgement belongs to the connection its message came over (``generation``): packet ids start anew with every connection, so
a late acknowledgement must never travel over another.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices.pump import BufferedClient, Publish, Pump
from domain.errors import ConfigurationError

log = structlog.get_logger(__name__)

C = TypeVar("C", bound=paho.Client)

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_UNSUPPORTED = "Unsupported protocol version"
_NO_PROPERTIES: Mapping[str, str] = {}
_EVERYTHING, _STORED_ONLY = 1, 2
_IF_NEW = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB


class Version(StrEnum):
    """Which MQTT to speak; ``auto`` tries 5 first."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """How to reach a broker and as whom.

    Attributes:
        client_id: names the broker's session; must be stable for a gateway, differ between gateways, and be no name that others
            know: a broker gives a session to any user that names it, and ends it if that user asks for a clean one.
        in_flight: unacknowledged messages the broker may send at once (MQTT 5; for 3.1.1 the broker's own setting counts).
        shared: a gateway shares its work with others (MQTT 5). Only with a broker that restores shared subscriptions when it
            restarts: Mosquitto 2.0.11 does not, and drops what comes between its restart and the gateway's return.
        session_expiry_s: how long the broker keeps the session of a gateway that is away (MQTT 5).
        ca_file, cert_file, key_file: PEM files for TLS; a client certificate where the broker asks for one.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    user: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    version: Version = Version.AUTO
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    keepalive_s: int = 30
    in_flight: int = 100
    shared: bool = False
    session_expiry_s: int = 7 * 86_400
    reconnect_most_s: float = 10.0

    @classmethod
    def from_url(cls, url: str, **changes: Any) -> MqttSettings:
        """Read ``mqtt[s]://user:password@host:port?client_id=…&version=…&shared=…&ca_file=…``; keywords win over the URL.

        Raises:
            ConfigurationError: the URL is of another form.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigurationError(
                f"{parts.scheme or url[:40]!r} is no MQTT URL", key="KITCHEN_MQTT_URL", hint="mqtt://host:1883"
            )
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        known = {"client_id", "version", "shared", "ca_file", "cert_file", "key_file"}
        if unknown := query.keys() - known:
            raise ConfigurationError(f"{sorted(unknown)} are not known in an MQTT URL", hint=f"known: {sorted(known)}")
        try:
            version, port = Version(query.get("version", Version.AUTO)), parts.port or _PORTS[parts.scheme]
        except ValueError as error:
            raise ConfigurationError(f"MQTT URL: {error}", key="KITCHEN_MQTT_URL") from None
        settings = cls(
            host=parts.hostname,
            port=port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=parts.scheme == "mqtts",
            version=version,
            client_id=query.get("client_id", ""),
            shared=query.get("shared", "").lower() in ("1", "true", "yes"),
            ca_file=query.get("ca_file", ""),
            cert_file=query.get("cert_file", ""),
            key_file=query.get("key_file", ""),
        )
        return replace(settings, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """What the broker publishes, retained, when the connection breaks."""

    topic: str
    payload: bytes


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One message as it arrived: ``generation`` and ``mid`` are what its acknowledgement needs. Not frozen: one is made for each.

    ``superfluous``: a fresh message over a subscription that is there for stored ones; it comes over the other one too.
    """

    topic: str
    payload: bytes
    qos: int
    retained: bool
    mid: int
    generation: int
    resumed: bool
    properties: Mapping[str, str] = field(default_factory=dict)
    superfluous: bool = False


def user_properties(properties: Properties | None) -> dict[str, str]:
    """The MQTT 5 user properties of a message; of a name given twice the last counts."""
    return dict(getattr(properties, "UserProperty", ()) or ())


def _subscription_of(properties: Properties | None) -> int:
    identifiers = getattr(properties, "SubscriptionIdentifier", None) or [_EVERYTHING]
    return int(identifiers[0])


class Connection:
    """Keeps one connection up from ``start`` to ``stop``; reconnects with growing pauses.

    Args:
        settings: broker and identity.
        persistent: keep the session at the broker while away (a gateway), or begin afresh (a device).
        will: last will.
        on_up: called with (generation, resumed) after each successful CONNECT.
        on_message: called per message; the message stays unacknowledged until ``acknowledge``.
        on_published: called with (mid, accepted) when the broker has acknowledged a QoS 1 publish.
        on_down: called with the reason after each loss or refusal.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        persistent: bool = False,
        will: Will | None = None,
        on_up: Callable[[int, bool], None] | None = None,
        on_message: Callable[[Delivery], None] | None = None,
        on_published: Callable[[int, bool], None] | None = None,
        on_subscribed: Callable[[bool], None] | None = None,
        on_down: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self._persistent, self._will = persistent, will
        self._on_up, self._on_message, self._on_down = on_up, on_message, on_down
        self._on_published, self._on_subscribed = on_published, on_subscribed
        self._lock = threading.RLock()
        self._client: paho.Client | None = None
        self._generation = 0
        self._up = False
        self._resumed = False
        self._stopped = False
        self._pump: Pump | None = None
        self._switch: asyncio.Task[None] | None = None
        self._arrivals = 0
        self._protocol = paho.MQTTv311 if settings.version is Version.V311 else paho.MQTTv5

    @property
    def up(self) -> bool:
        """Whether the broker has accepted the connection and it has not broken since."""
        return self._up

    @property
    def speaks_5(self) -> bool:
        """Whether MQTT 5 is spoken (known once ``up``)."""
        return self._protocol == paho.MQTTv5

    def start(self) -> None:
        """Begin to connect in the background; never raises because the broker is away."""
        with self._lock:
            if self._stopped:
                return
            client = self._client = self._build(paho.Client)
            client.connect_async(**self._connect_arguments())
            client.loop_start()

    def stop(self) -> None:
        """Disconnect in an orderly way (no last will is published) and end the thread. May block for a second."""
        with self._lock:
            self._stopped = True
            client = self._client
        if client is not None:
            client.disconnect()
            client.loop_stop()
        self._up = False

    def attach(self) -> None:
        """``start`` without a thread: everything happens on the running event loop, callbacks too."""
        client = self._build(BufferedClient)
        self._client = client
        client.connect_async(**self._connect_arguments())
        self._pump = Pump(
            client,
            longest_pause_s=self.settings.reconnect_most_s,
            messages=lambda: self._arrivals,
            on_publish=self._taken,
            on_unreachable=lambda: self._lost("the broker cannot be reached", known=True),
        )

    async def detach(self) -> None:
        """``stop`` of what was attached."""
        self._stopped = True
        if self._switch is not None:
            await self._switch
        if self._pump is not None:
            await self._pump.close()
        self._up = False

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, user: Mapping[str, str] | None = None
    ) -> int | None:
        """Hand a message to the broker.

        Returns:
            The packet id that ``on_published`` will name, or None if there is no connection or paho's queue is full.
        """
        with self._lock:
            if not self._up or self._client is None:
                return None
            properties = None
            if user and self.speaks_5:
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                properties.UserProperty = list(user.items())
            info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
            kept = (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN)  # without a connection paho sends it after the next CONNECT
            return info.mid if info.rc in kept else None

    def acknowledge(self, mid: int, generation: int) -> bool:
        """Send the PUBACK, unless the connection the message came over is gone."""
        with self._lock:
            if not self._up or generation != self._generation or self._client is None:
                return False
            return self._client.ack(mid, 1) == paho.MQTT_ERR_SUCCESS

    def acknowledge_all(self, mids: Sequence[int], generation: int) -> None:
        """``acknowledge`` for several messages in their order; only for what was attached."""
        if self._up and generation == self._generation and isinstance(self._client, BufferedClient):
            self._client.acknowledge(mids)

    def subscribe(self, topic: str, *, stored_only: bool = False) -> None:
        """Subscribe at QoS 1.

        Args:
            topic: the filter. Over MQTT 5 stored messages come only when the broker did not have the subscription yet, and never
                over a shared one.
            stored_only: MQTT 5: mark whatever is not a stored copy as superfluous.
        """
        with self._lock:
            if self._client is None:
                return
            if not self.speaks_5:
                self._client.subscribe(topic, 1)
                return
            properties = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
            properties.SubscriptionIdentifier = _STORED_ONLY if stored_only else _EVERYTHING
            handling = SubscribeOptions.RETAIN_DO_NOT_SEND if topic.startswith("$share/") else _IF_NEW
            options = SubscribeOptions(qos=1, retainHandling=handling)
            self._client.subscribe(topic, options=options, properties=properties)

    def _connect_arguments(self) -> dict[str, Any]:
        settings = self.settings
        arguments: dict[str, Any] = {"host": settings.host, "port": settings.port, "keepalive": settings.keepalive_s}
        if self.speaks_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = settings.in_flight
            if self._persistent:
                properties.SessionExpiryInterval = settings.session_expiry_s
            arguments |= {"clean_start": not self._persistent, "properties": properties}
        return arguments

    def _build(self, kind: type[C]) -> C:
        settings = self.settings
        client = kind(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if self.speaks_5 else not self._persistent,
            protocol=self._protocol,
            manual_ack=True,
        )
        if settings.user:
            client.username_pw_set(settings.user, settings.password)
        if settings.tls:
            client.tls_set(
                ca_certs=settings.ca_file or None,
                certfile=settings.cert_file or None,
                keyfile=settings.key_file or None,
                cert_reqs=ssl.CERT_REQUIRED,
            )
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.reconnect_delay_set(min_delay=0.25, max_delay=settings.reconnect_most_s)  # type: ignore[arg-type]
        client.max_inflight_messages_set(settings.in_flight)
        client.on_connect = self._connected
        client.on_connect_fail = lambda _client, _data: self._lost("the broker cannot be reached", known=True)
        client.on_disconnect = lambda _client, _data, _flags, reason, _properties: self._lost(str(reason))
        client.on_message = self._arrived
        client.on_publish = self._published
        client.on_subscribe = self._subscribed
        return client

    def _connected(self, client: paho.Client, _data: Any, flags: paho.ConnectFlags, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            if str(reason) == _UNSUPPORTED and self.speaks_5 and self.settings.version is Version.AUTO:
                self._speak_older(client)
            else:
                log.error("mqtt.refused", host=self.settings.host, user=self.settings.user, reason=str(reason))
            return
        with self._lock:
            self._generation += 1
            self._up, self._resumed = True, bool(flags.session_present)
            generation = self._generation
        if self._pump is not None:
            self._pump.came_up()
        if self._on_up is not None:
            self._on_up(generation, bool(flags.session_present))

    def _speak_older(self, refused: paho.Client) -> None:
        if self._pump is not None:
            self._switch = asyncio.ensure_future(self._switch_pump(self._pump))
        else:
            threading.Thread(target=self._fall_back, args=(refused,), name="mqtt-fall-back", daemon=True).start()

    async def _switch_pump(self, refused: Pump) -> None:
        await refused.close()
        self._protocol = paho.MQTTv311
        if not self._stopped:
            self.attach()

    def _fall_back(self, refused: paho.Client) -> None:
        """The broker does not know MQTT 5: end that client, begin one that speaks 3.1.1."""
        refused.disconnect()
        refused.loop_stop()
        with self._lock:
            self._protocol = paho.MQTTv311
        self.start()

    def _lost(self, reason: str, *, known: bool = False) -> None:
        """Tell of a loss; a refused CONNECT was told of already."""
        with self._lock:
            was_up, self._up = self._up, False
        if self._on_down is not None and (was_up or known):
            self._on_down(reason)

    def _arrived(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._arrivals += 1
        if self._on_message is not None:
            self._on_message(
                Delivery(
                    topic=message.topic,
                    payload=bytes(message.payload),
                    qos=message.qos,
                    retained=message.retain,
                    mid=message.mid,
                    generation=self._generation,
                    resumed=self._resumed,
                    properties=user_properties(message.properties),
                    superfluous=not message.retain and _subscription_of(message.properties) == _STORED_ONLY,
                )
            )

    def _taken(self, message: Publish) -> None:
        """``_arrived`` for what did not go through paho."""
        if self._on_message is not None:
            self._on_message(
                Delivery(
                    topic=message.topic,
                    payload=message.payload,
                    qos=1,
                    retained=message.retained,
                    mid=message.mid,
                    generation=self._generation,
                    resumed=self._resumed,
                    properties=_NO_PROPERTIES,
                )
            )

    def _published(self, _client: paho.Client, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        if self._on_published is not None:
            self._on_published(mid, not reason.is_failure)

    def _subscribed(self, _client: paho.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any) -> None:
        if self._on_subscribed is not None:
            self._on_subscribed(not any(reason.is_failure for reason in reasons))
