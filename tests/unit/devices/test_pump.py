"""The buffered client over a pair of sockets: what it asks of the system, what it sends, and what it needs of paho."""

import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from devices.pump import BufferedClient
from domain.errors import ConfigurationError

MESSAGES = 40


class Counted:
    """A socket that counts what is asked of it and takes only so many bytes at once."""

    def __init__(self, sock, *, takes=None):
        self._sock, self.takes = sock, takes
        self.received = self.sent = 0

    def recv(self, size):
        self.received += 1
        return self._sock.recv(size)

    def send(self, data):
        self.sent += 1
        if self.takes is None:
            return self._sock.send(data)
        if self.takes <= 0:
            raise BlockingIOError
        count = self._sock.send(bytes(data[: self.takes]))
        self.takes -= count
        return count

    def __getattr__(self, name):
        return getattr(self._sock, name)


@pytest.fixture
def wire():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


def connected(sock) -> BufferedClient:
    client = BufferedClient(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311, manual_ack=True)
    client._sock = sock
    return client


def publish(mid: int) -> bytes:
    content = struct.pack("!H", 5) + b"topic" + struct.pack("!H", mid) + b"payload"
    return bytes([0x32, len(content)]) + content


def pubacks(mids) -> bytes:
    return b"".join(struct.pack("!BBH", 0x40, 2, mid) for mid in mids)


def test_the_system_is_asked_once_for_many_messages(wire):
    ours, theirs = wire
    counted = Counted(ours)
    client = connected(counted)
    arrived = []
    client.on_message = lambda _client, _data, message: arrived.append(message.mid)
    theirs.sendall(b"".join(publish(mid) for mid in range(1, MESSAGES + 1)))
    client.loop_read()
    while client.holds:
        client.loop_read()
    assert arrived == list(range(1, MESSAGES + 1))
    assert counted.received == 1, "paho reads by _sock_recv no more: the gateway would be slow without a word"


@settings(max_examples=150, deadline=None)
@given(
    messages=st.lists(
        st.tuples(st.text(min_size=1, max_size=20), st.integers(0, 65535), st.binary(max_size=300), st.integers(0, 15)),
        max_size=8,
    ),
    cut=st.integers(0, 40),
)
def test_what_is_taken_from_the_buffer_is_what_paho_would_have_told(messages, cut):
    packets = []
    for topic, mid, payload, flags in messages:
        name, qos = topic.encode("utf-8", "surrogatepass"), flags >> 1 & 3
        content = struct.pack("!H", len(name)) + name + (struct.pack("!H", mid) if qos else b"") + payload
        size = bytes([len(content)]) if len(content) < 128 else bytes([len(content) & 127 | 128, len(content) >> 7])
        packets.append(bytes([0x30 | flags]) + size + content)
    kept = b"".join(packets)
    kept = kept[: max(0, len(kept) - cut)]
    client = connected(None)
    client._kept = kept
    for (topic, mid, payload, flags), packet in zip(messages, packets, strict=True):
        before = client._at
        taken = client.take()
        if taken is None:
            assert (
                flags >> 1 & 3 != 1
                or not mid
                or len(kept) < before + len(packet)
                or topic != topic.encode("utf-8", "replace").decode()
            )
            assert client._at == before, "it is left to paho as it is"
            return
        assert taken == (topic, payload, mid, bool(flags & 1))
        assert client._at == before + len(packet)


def test_many_acknowledgements_are_sent_at_once(wire):
    ours, theirs = wire
    counted = Counted(ours)
    connected(counted).acknowledge(range(1, MESSAGES + 1))
    assert theirs.recv(65536) == pubacks(range(1, MESSAGES + 1))
    assert counted.sent == 1


@pytest.mark.parametrize("takes", [0, 1, 4, 6])
def test_what_the_network_does_not_take_is_sent_later_and_before_anything_else(wire, takes):
    ours, theirs = wire
    counted = Counted(ours, takes=takes)
    client = connected(counted)
    wanted = []
    client.on_socket_register_write = lambda *_: wanted.append("write")
    client.acknowledge([1, 2])
    assert wanted == ["write"]
    client.acknowledge([3])
    client.ack(4, 1)
    client.loop_write()
    counted.takes = None
    assert client.flush()
    client.loop_write()
    client.acknowledge([5])
    theirs.settimeout(0.2)
    assert theirs.recv(65536) == pubacks([1, 2, 3, 4, 5])


def test_acknowledgements_go_behind_what_the_client_could_not_send_yet(wire):
    ours, theirs = wire
    counted = Counted(ours, takes=2)
    client = connected(counted)
    client.ack(1, 1)
    client.loop_write()
    assert client.want_write()
    client.acknowledge([2])
    counted.takes = None
    client.loop_write()
    assert theirs.recv(65536) == pubacks([1, 2])


@pytest.mark.parametrize("name", ["_sock_recv", "_sock_send"])
def test_a_paho_without_what_is_overridden_is_said_so(monkeypatch, name):
    monkeypatch.delattr(paho.Client, name)
    with pytest.raises(ConfigurationError) as error:
        BufferedClient(CallbackAPIVersion.VERSION2)
    assert name in str(error.value)
    assert "paho-mqtt" in str(error.value)
