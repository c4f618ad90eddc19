"""``kitchen camera``: publish frames as a registered camera."""

from __future__ import annotations

import threading

from cli import clock
from cli.edge import publisher, until_stopped
from cli.logs import set_up_logging
from cli.worker import Setting
from devices.camera import Function, Picture, Source, open_source, run_camera
from domain.errors import ConfigurationError, Unavailable


async def camera(
    setting: Setting, device: str, mqtt: str | None, *, source: str | None, demo: bool, every_s: float, repeat: bool
) -> None:
    """Publish until stopped or the source ends.

    Raises:
        ConfigurationError: if there is no source or no such device.
        Unavailable: if the broker did not take every frame in time.
    """
    frames = _source(source, demo=demo, repeat=repeat)
    set_up_logging()

    def work(stop: threading.Event) -> None:
        with publisher(setting, device, mqtt) as edge:
            taken = run_camera(frames, edge, per_second=1 / every_s, clock=clock.now, stop=stop)
            if not stop.is_set():
                if not edge.wait_delivered(30):
                    raise Unavailable(f"{edge.pending} of {taken} frames wait in the spool for the broker")
                print(f"{device}: {taken} frames published")

    await until_stopped(work)


def _source(source: str | None, *, demo: bool, repeat: bool) -> Source:
    if demo:
        from vision.demo import frame, read_cat

        cat = read_cat()

        def scene(seconds: float) -> Picture:
            return frame(cat, seconds)

        return Function(scene)
    if source is None:
        raise ConfigurationError(
            "nothing to publish", key="SOURCE", hint="name a picture, folder, video, rtsp:// address or webcam number, or --demo"
        )
    return open_source(source, repeat=repeat)
