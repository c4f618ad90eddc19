"""``kitchen run vision``: the worker that looks at frames."""

from __future__ import annotations

import configs
from cli import clock
from cli.worker import Setting, show_metrics, stoppable
from store import open_media
from streams import vision
from vision.engines import open_detector
from vision.eye import Eye


async def run(setting: Setting, model: str) -> None:
    """Look at frames until told to stop.

    Args:
        setting: where we run.
        model: ``default``, ``blind``, or a file of weights.
    """
    configuration = configs.load(setting.config)
    media = open_media(setting.endpoints.media)
    eye = Eye(
        detector=open_detector(model),
        rules=configuration.rules,
        cameras={camera.device_id: camera for camera in configuration.cameras},
        keep=media.put,
        kept=media.has,
    )
    async with stoppable("vision") as stop:
        show_metrics(setting)
        await vision.run(kafka_url=setting.endpoints.need("kafka"), data=setting.data, eye=eye, clock=clock.now, stop=stop)
