"""A bare paho → aiokafka loop: take a message, send it, wait for the log's ack, acknowledge; nothing is judged.

``python -m cli.bench.bare.gateway MQTT_PORT USER PASSWORD BOOTSTRAP TOPIC``
"""

from __future__ import annotations

import asyncio
import sys

from aiokafka import AIOKafkaProducer
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cli.bench.bare.progress import Progress
from domain.topics import MQTT_WILDCARD


async def forward(port: int, user: str, password: str, bootstrap: str, topic: str) -> None:
    """Forward until killed."""
    loop, progress = asyncio.get_running_loop(), Progress()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5, max_batch_size=256 * 1024
    )
    await producer.start()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bare", clean_session=False, manual_ack=True)
    client.username_pw_set(user, password)
    tasks: set[asyncio.Task[None]] = set()

    async def take(message: paho.MQTTMessage) -> None:
        await producer.send_and_wait(topic, message.payload, key=message.topic.split("/")[3].encode())
        client.ack(message.mid, message.qos)
        progress.count += 1

    def begin(message: paho.MQTTMessage) -> None:
        task = asyncio.ensure_future(take(message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def hand_over(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(begin, message)

    client.on_connect = lambda connected, *_: connected.subscribe(MQTT_WILDCARD, 1)
    client.on_subscribe = lambda *_: progress.ready()
    client.on_message = hand_over
    client.connect("127.0.0.1", port, keepalive=60)
    client.loop_start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(forward(int(sys.argv[1]), *sys.argv[2:]))
