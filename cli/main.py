"""Every command of ``kitchen`` with its options; each hands over to the module that does the work.

Imports stand inside the commands: ``kitchen --help`` must not load a model or a broker client.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli import assessments, consequences, interruptions, ratings, registers
from cli.errors import Kitchen
from cli.options import DEFAULT_DATA, Config, Data, Json, MetricsHost, MetricsPort, Model, Mqtt, config_of, setting
from cli.worker import work

app = typer.Typer(
    name="kitchen",
    cls=Kitchen,
    help="明厨亮灶 Bright Kitchen: cameras and scales to red warnings with a 24-hour deadline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
workers = typer.Typer(
    cls=Kitchen, help="One process by itself, as `kitchen up`, docker compose and operators run it.", no_args_is_help=True
)
audit = typer.Typer(cls=Kitchen, help="The append-only trail.", no_args_is_help=True)
app.add_typer(workers, name="run")
app.add_typer(audit, name="audit")
ratings.add_to(app)
consequences.add_to(app)
assessments.add_to(app)
interruptions.add_to(app)
registers.add_to(app)

Host = Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 lets other machines in.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the web page.")]
MqttPort = Annotated[int, typer.Option("--mqtt-port", min=1, max=65535, help="Port of the embedded MQTT broker.")]


@app.command()
def up(
    data: Data = DEFAULT_DATA, config: Config = None, host: Host = "127.0.0.1", port: Port = 8080, mqtt_port: MqttPort = 1883
) -> None:
    """Run everything on this machine until Ctrl-C. Parts whose KITCHEN_…_URL is set are used, not started."""
    from cli.plan import Addresses
    from cli.up import up as run_up

    run_up(data, config, Addresses(host=host, port=port, mqtt_port=mqtt_port), demo=False)


@app.command()
def demo(
    data: Data = DEFAULT_DATA,
    config: Config = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    mqtt_port: MqttPort = 1883,
    model: Model = "default",
    devices: Annotated[
        bool, typer.Option("--devices/--no-devices", help="Start the demonstration's own camera and scale, or bring your own.")
    ] = True,
) -> None:
    """`kitchen up` with a made-up kitchen: a camera, a scale, three users whose passwords are shown."""
    from cli.plan import Addresses
    from cli.up import up as run_up

    run_up(data, config, Addresses(host=host, port=port, mqtt_port=mqtt_port), demo=True, model=model, devices=devices)


@app.command()
def status(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show the processes of a run and their pids."""
    from cli.status import status as show

    show(data, as_json=as_json)


@workers.command("log")
def run_log(
    data: Data = DEFAULT_DATA,
    config: Config = None,
    port: Annotated[int, typer.Option("--port", help="Port to listen on.")] = 9092,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; beyond loopback clients must show DATA/secrets/log.")
    ] = "127.0.0.1",
    advertise: Annotated[str | None, typer.Option("--advertise", help="HOST[:PORT] that clients are told to connect to.")] = None,
    metrics_port: MetricsPort = 0,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """The embedded Kafka-protocol log."""
    from cli.run_log import become

    become(setting(data, config, metrics_port, metrics_host), port, host, advertise)


@workers.command("gateway")
def run_gateway(
    data: Data = DEFAULT_DATA, config: Config = None, metrics_port: MetricsPort = 0, metrics_host: MetricsHost = "127.0.0.1"
) -> None:
    """MQTT into the log."""
    from cli.run_gateway import run

    work(run(setting(data, config, metrics_port, metrics_host)))


@workers.command("vision")
def run_vision(
    data: Data = DEFAULT_DATA,
    config: Config = None,
    model: Model = "default",
    metrics_port: MetricsPort = 0,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Frames into findings."""
    from cli.run_vision import run

    work(run(setting(data, config, metrics_port, metrics_host), model))


@workers.command("casework")
def run_casework(
    data: Data = DEFAULT_DATA,
    config: Config = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Serve the pages too; 0 serves none.")] = 0,
    metrics_port: MetricsPort = 0,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Facts and findings into cases; deadlines; what must be told to the outside."""
    from cli.run_casework import run

    work(run(setting(data, config, metrics_port, metrics_host), host=host, port=port))


@workers.command("web")
def run_web(data: Data = DEFAULT_DATA, config: Config = None, host: Host = "127.0.0.1", port: Port = 8080) -> None:
    """The pages and the API alone (PostgreSQL needed: SQLite has one owner, the casework process)."""
    from cli.run_web import run

    work(run(setting(data, config), host=host, port=port))


@workers.command("auditor")
def run_auditor(
    data: Data = DEFAULT_DATA, config: Config = None, metrics_port: MetricsPort = 0, metrics_host: MetricsHost = "127.0.0.1"
) -> None:
    """Checks from outside that no deadline was missed; only reads."""
    from cli.run_auditor import become

    become(setting(data, config, metrics_port, metrics_host))


@app.command()
def camera(
    source: Annotated[str | None, typer.Argument(help="A picture, folder, video, rtsp:// address or webcam number.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    device: Annotated[str, typer.Option("--device", help="Device id to publish as.")] = "cam-0a1b2c3d",
    mqtt: Mqtt = None,
    every: Annotated[float, typer.Option("--every", min=0.02, help="Seconds between frames.")] = 1.0,
    repeat: Annotated[bool, typer.Option("--repeat", help="Begin again at the end of a folder or video.")] = False,
    scene: Annotated[bool, typer.Option("--demo", help="Publish the demonstration's scene.")] = False,
) -> None:
    """Publish frames as a camera."""
    from cli.camera import camera as publish

    asyncio.run(publish(setting(data, config), device, mqtt, source=source, demo=scene, every_s=every, repeat=repeat))


@app.command()
def scale(
    source: Annotated[Path | None, typer.Argument(help="JSON lines, one body or envelope each; - is standard input.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    device: Annotated[str, typer.Option("--device", help="Device id to publish as.")] = "scl-0a1b2c3d",
    mqtt: Mqtt = None,
    every: Annotated[float, typer.Option("--every", min=0.0, help="Seconds between weighings.")] = 5.0,
    simulated: Annotated[bool, typer.Option("--demo", help="Publish simulated sales, one of an expired batch.")] = False,
) -> None:
    """Publish weighings as a traceability scale."""
    from cli.scale import scale as publish

    asyncio.run(publish(setting(data, config), device, mqtt, source=source, demo=simulated, every_s=every))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Envelopes of the wire format, one JSON object per line.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    mqtt: Mqtt = None,
) -> None:
    """Publish recorded envelopes as their devices would."""
    from cli.replay import replay as publish

    publish(setting(data, config), file, mqtt)


@app.command()
def detect(
    images: Annotated[list[Path], typer.Argument(help="Picture files.")], as_json: Json = False, model: Model = "default"
) -> None:
    """Show what the model sees in pictures."""
    from cli.detect import detect as look

    look(images, as_json=as_json, model=model)


@app.command()
def check(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="DATA/config unless named.")] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Validate every configuration file: file, key, what is wrong and what to do."""
    from cli.check import check as look

    look(config_of(data, directory), as_json=as_json)


@app.command()
def doctor(
    data: Data = DEFAULT_DATA, config: Config = None, port: Port = 8080, mqtt_port: MqttPort = 1883, as_json: Json = False
) -> None:
    """Say what is installed, what can be reached and which model is used."""
    from cli.doctor import doctor as look

    look(data, config_of(data, config), port=port, mqtt_port=mqtt_port, as_json=as_json)


@app.command()
def init(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="DATA/config unless named.")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write a starter configuration and the first users; their passwords are shown once."""
    from cli.init import init as write

    write(data, directory or data / "config")


@app.command("broker-files")
def broker_files(
    directory: Annotated[Path, typer.Argument(help="Where to write mosquitto.conf, the access list and the passwords.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    bind: Annotated[str, typer.Option("--bind", help="Address Mosquitto listens on; empty = all.")] = "",
    port: Annotated[int, typer.Option("--port", help="Port Mosquitto listens on.")] = 1883,
) -> None:
    """Write Mosquitto's configuration for the registered devices."""
    from cli.broker import broker_files as write

    write(data, config_of(data, config), directory, bind=bind, port=port)


@app.command()
def bench(
    figures: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these figures; all unless named.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="The same; may be given again, or NAME,NAME.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A look within 90 seconds instead of a run for the record.")] = False,
    as_json: Json = False,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the results into this page as well.")
    ] = None,
    kafka_jars: Annotated[
        Path | None,
        typer.Option("--kafka-jars", metavar="DIR", help="Apache Kafka's jars, for its baselines; or KITCHEN_BENCH_KAFKA_JARS."),
    ] = None,
    model: Model = "default",
) -> None:
    """Measure this machine, each figure beside a named baseline: gateway, casework, log, frames, push, pages, sweep, start."""
    from cli.bench import Size
    from cli.bench import bench as measure

    size = Size.QUICK if quick else Size.FULL
    asked = [*(figures or ()), *(only or ())]
    measure(only=asked, size=size, model=model, kafka_jars=kafka_jars, as_json=as_json, markdown=markdown)


@audit.command("verify")
def audit_verify(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Recompute the hash chain of the audit trail."""
    from cli.audit import verify

    verify(setting(data, None).endpoints, as_json=as_json)


@app.command("dead-letters")
def dead_letters(
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 50,
) -> None:
    """Show refused messages: code, source, reason."""
    from cli.letters import dead_letters as show

    asyncio.run(show(setting(data, None).endpoints, limit=limit, as_json=as_json))


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, e.g. vision/training/kitchen-n.yaml.")],
    out: Annotated[Path, typer.Option("--out", help="Where checkpoints and weights go.")] = Path("runs/train"),
    root: Annotated[Path | None, typer.Option("--root", help="Folder of the pictures.")] = None,
    start: Annotated[Path | None, typer.Option("--start", help="Weights to start from.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last checkpoint.")] = False,
) -> None:
    """Train the detector (needs the extra `train`)."""
    from cli.model import train as run

    run(recipe, out, root=root, start=start, resume=resume)


@app.command()
def evaluate(
    recipe: Annotated[Path, typer.Argument(help="The recipe whose held-apart pictures are used.")],
    model: Model = "default",
    root: Annotated[Path | None, typer.Option("--root", help="Folder of the pictures.")] = None,
    as_json: Json = False,
) -> None:
    """Measure a model on pictures it has not seen."""
    from cli.model import evaluate as run

    run(recipe, model=model, root=root, as_json=as_json)


@app.command("config-schema")
def config_schema(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="configs/schemas unless named.")] = None,
) -> None:
    """Write the JSON Schema of every configuration file, for editors."""
    from configs.json_schemas import write_schemas

    for path in write_schemas(directory):
        print(path)
