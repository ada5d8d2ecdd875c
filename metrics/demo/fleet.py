"""Which machines there are in a demo, what they are made of, what runs on them and what befalls them. Pure.

Instants of incidents are relative to the begin of the demo, so that each visitor finds them in the last hours and days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

from metrics.demo.waves import DAY, HOUR, MINUTE, Pulse, Recurring

MIB, GIB, TIB = 2**20, 2**30, 2**40
NIGHT = Pulse(Recurring(2.25 * HOUR, DAY), 38 * MINUTE)  # the backup, by the clock
DOMAIN = "example.net"
OWN = "ghcr.io/example/"


@dataclass(frozen=True, slots=True)
class Shape:
    """A size of machine that one can rent or buy."""

    cores: int
    memory_bytes: int
    disk_bytes: int
    cpu_model: str
    sensors: tuple[tuple[str, str, float], ...] = ()
    swap_bytes: int = 0
    has_pressure: bool = True
    architecture: str = "x86_64"


@dataclass(frozen=True, slots=True)
class System:
    name: str
    kernel: str


@dataclass(frozen=True, slots=True)
class Disk:
    """A filesystem whose fill climbs from one share to another and is cleaned up then."""

    mount: str
    device: str
    type: str
    total_bytes: int
    low: float
    high: float
    cleaned: Recurring


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that befalls an app again and again: "leak", "flap" or "sick"."""

    kind: str
    begins: Recurring
    seconds: float


@dataclass(frozen=True, slots=True)
class AppPlan:
    """An app: its image without the tag, busy cores, memory, and what befalls it."""

    project: str
    service: str
    image: str
    cores: float
    memory_bytes: int
    limit_bytes: int | None
    network: float  # bytes per second
    has_health: bool
    deployed: Recurring
    trouble: Trouble | None = None

    @property
    def container_name(self) -> str:
        return f"{self.project}-{self.service}-1" if self.service else self.project


@dataclass(frozen=True)
class Plan:
    """A machine and everything on it, by the formulas of which it lives."""

    name: str
    tags: tuple[str, ...]
    shape: Shape
    system: System
    use: float  # of its CPU, of itself alone
    disks: tuple[Disk, ...]
    network: float  # bytes per second
    apps: tuple[AppPlan, ...]
    boots: Recurring
    memory: float  # share that is used without the apps
    job: Pulse
    outage: Pulse | None = None

    @property
    def hostname(self) -> str:
        return f"{self.name}.{DOMAIN}"


BOARD = (("coretemp", "Package id 0", 44.0), ("nvme", "Composite", 38.0))
SHAPES = {
    "small": Shape(2, 4 * GIB, 40 * GIB, "Intel Xeon Processor (Skylake, IBRS)", swap_bytes=GIB),
    "medium": Shape(4, 8 * GIB, 80 * GIB, "AMD EPYC 7763 64-Core Processor", swap_bytes=2 * GIB),
    "large": Shape(8, 32 * GIB, 240 * GIB, "AMD EPYC 9354P 32-Core Processor"),
    "metal": Shape(16, 64 * GIB, 480 * GIB, "AMD Ryzen 9 7950X3D", (("k10temp", "Tctl", 52.0), BOARD[1])),
    "office": Shape(4, 16 * GIB, 230 * GIB, "Intel(R) Core(TM) i5-8500T CPU @ 2.10GHz", BOARD, 4 * GIB),
    "pi": Shape(4, 4 * GIB, 58 * GIB, "Raspberry Pi 4 Model B Rev 1.4", (("cpu_thermal", "temp1", 49.0),),
                has_pressure=False, architecture="aarch64"),
}  # fmt: skip
SYSTEMS = {
    "debian": System("Debian GNU/Linux 13 (trixie)", "6.12.48+deb13-amd64"),
    "bookworm": System("Debian GNU/Linux 12 (bookworm)", "6.1.0-39-amd64"),
    "ubuntu": System("Ubuntu 24.04.3 LTS", "6.8.0-85-generic"),
    "rocky": System("Rocky Linux 9.6 (Blue Onyx)", "5.14.0-570.42.2.el9_6.x86_64"),
    "alpine": System("Alpine Linux v3.22", "6.12.50-0-virt"),
    "raspbian": System("Debian GNU/Linux 12 (bookworm)", "6.6.74+rpt-rpi-v8"),
}

# Project, service, image, percent of a core, memory and limit in MiB (0 is none), KiB/s, h where its health is checked.
SERVICES = """
traefik traefik traefik:v3.5 9 96 256 420
shop web ghcr.io/example/shop-web:4 24 310 768 260 h
shop api ghcr.io/example/shop-api:4 38 620 1024 190 h
shop worker ghcr.io/example/shop-worker:4 17 420 768 40
shop cache redis:7.4 4 180 512 90
db postgres postgres:17 46 2900 6144 150 h
db exporter quay.io/prometheuscommunity/postgres-exporter:v0.18 1 32 64 3
search opensearch opensearchproject/opensearch:2 58 4200 6144 120 h
search dashboards opensearchproject/opensearch-dashboards:2 5 460 1024 8
queue rabbitmq rabbitmq:4.1 12 380 1024 110 h
blog web wordpress:6.8 11 260 512 45
blog db mariadb:11.8 7 340 768 18 h
mail postfix mailserver/postfix:3.10 3 60 128 12
mail dovecot mailserver/dovecot:2.4 4 110 256 20
mail rspamd rspamd/rspamd:3.13 6 240 512 6 h
gitea server gitea/gitea:1.24 13 380 1024 60
gitea db postgres:17 6 210 768 20 h
gitea runner gitea/act_runner:0.2 21 300 1536 30
cloud app nextcloud:31 18 520 1536 140 h
cloud db mariadb:11.8 9 420 1024 40
cloud cache redis:7.4 2 60 256 30
cloud cron nextcloud:31 3 120 512 4
metrics prometheus prom/prometheus:v3.6 22 1900 4096 80 h
metrics grafana grafana/grafana:12.2 4 240 512 15 h
metrics alertmanager prom/alertmanager:v0.28 1 48 128 3
sso keycloak quay.io/keycloak/keycloak:26.3 16 980 2048 30 h
sso db postgres:17 4 180 512 12
media jellyfin jellyfin/jellyfin:10.10 27 900 4096 700
media photos ghcr.io/immich-app/immich-server:v2 14 640 2048 90 h
media machine-learning ghcr.io/immich-app/immich-machine-learning:v2 19 1300 4096 10
home assistant ghcr.io/home-assistant/home-assistant:2026.10 21 520 0 12
home mqtt eclipse-mosquitto:2.0 1 12 64 3
home zigbee ghcr.io/koenkk/zigbee2mqtt:2.6 3 110 256 2
docs wiki ghcr.io/requarks/wiki:2 7 240 512 14
docs db postgres:17 3 150 512 8 h
logs vector timberio/vector:0.50 2 80 256 20
registry registry registry:3 3 90 256 160
registry cache redis:7.4 1 40 128 6
backup restic-server restic/rest-server:0.14 6 90 512 210
dns pihole pihole/pihole:2026.08 2 90 256 4 h
dns unbound mvance/unbound:1.22 1 40 128 2
"""
STACKS: dict[str, list[list[str]]] = {}
for _line in filter(None, SERVICES.split("\n")):
    _project, *_service = _line.split()
    STACKS.setdefault(_project, []).append(_service)

# Name, shape, system, use of the CPU by itself in percent, network in KiB/s, stacks, tags.
SERVERS = """
web-01 medium debian 9 900 traefik,shop production frankfurt
web-02 medium debian 9 880 traefik,shop production frankfurt
web-03 medium debian 8 640 traefik,shop production helsinki
db-01 metal debian 7 700 db,logs production frankfurt database
db-02 metal debian 4 480 db,logs production helsinki database
search-01 large ubuntu 6 300 search,logs production frankfurt
queue-01 small debian 10 260 queue,logs production frankfurt
mail-01 medium bookworm 7 120 mail,logs production frankfurt
sso-01 medium ubuntu 6 90 sso,logs production frankfurt
git-01 large ubuntu 5 340 gitea,traefik internal frankfurt
cloud-01 large debian 5 500 cloud,traefik internal helsinki
docs-01 small alpine 8 70 docs internal helsinki
metrics-01 large debian 6 420 metrics,traefik internal frankfurt
backup-01 office rocky 4 300 backup internal nuremberg
blog-01 small ubuntu 9 110 blog,traefik production helsinki
lb-01 small alpine 14 2100 traefik production frankfurt
lb-02 small alpine 12 1900 traefik production helsinki
staging-web-01 small debian 11 60 traefik,shop staging frankfurt
staging-db-01 medium debian 5 40 db staging frankfurt database
ci-01 metal ubuntu 21 600 gitea,logs internal frankfurt
build-02 large ubuntu 24 350 registry,logs internal helsinki
nas-01 office bookworm 6 260 media,backup office nuremberg
home-pi pi raspbian 9 30 home,dns office nuremberg
vpn-01 small alpine 6 180 dns office nuremberg
"""
LINES = {line.split()[0]: line for line in SERVERS.split("\n") if line}
NAMES = tuple(LINES)


def names(count: int) -> list[str]:
    """So many machines: those that were thought of first, then as many more as are wanted."""
    return [*NAMES[:count], *(f"node-{number:04}" for number in range(len(NAMES) + 1, count + 1))]


@cache
def plan(name: str, begun_at: float) -> Plan:
    """The machine of this name. One that is not on the list is made like one of them."""
    line = LINES.get(name) or LINES[Random(name).choice(NAMES)]  # noqa: S311  # no secret
    _name, shape_name, system, use, network, stacks, *tags = line.split()
    random, shape = Random(name), SHAPES[shape_name]  # noqa: S311
    incidents = _Incidents(begun_at)
    return Plan(
        name=name,
        tags=tuple(tags),
        shape=shape,
        system=SYSTEMS[system],
        use=int(use) / 100 * random.uniform(0.85, 1.2),
        disks=tuple(_disks(name, shape, begun_at, random)),
        network=int(network) * 1024 * random.uniform(0.8, 1.2),
        apps=tuple(_apps(name, stacks.split(","), incidents, random)),
        boots=incidents.boots.get(name) or Recurring(begun_at - random.uniform(34, 220) * DAY, 500 * DAY),
        memory=random.uniform(0.13, 0.34),
        job=Pulse(Recurring(random.uniform(0, DAY), random.uniform(2, 9) * HOUR), random.uniform(3, 11) * MINUTE),
        outage=incidents.outages.get(name),
    )


class _Incidents:
    """What befalls which machine, by name, and which app, by "machine project service"."""

    def __init__(self, begun_at: float) -> None:
        def ago(days: float, every: float) -> Recurring:
            return Recurring(begun_at - days * DAY, every * DAY)

        self.boots = {
            "web-03": ago(11.23, 41),
            "git-01": ago(0.74, 29),
            "backup-01": ago(19.6, 60),
            "lb-02": ago(4.31, 35),
        }
        self.outages = {
            "vpn-01": Pulse(ago(1.42, 9), 2 * HOUR),
            "home-pi": Pulse(ago(0.06, 13), 9 * HOUR),
        }
        self.troubles = {
            "web-02 shop worker": Trouble("leak", ago(0.37, 4.4), 9 * MINUTE),
            "cloud-01 cloud app": Trouble("leak", ago(8.8, 17), 14 * MINUTE),
            "staging-web-01 shop api": Trouble("flap", ago(0.16, 6.3), 21 * MINUTE),
            "sso-01 sso keycloak": Trouble("sick", ago(1.9, 12), 16 * MINUTE),
            "search-01 search opensearch": Trouble("sick", ago(0.05, 8), 60 * HOUR),
        }
        self.begun_at = begun_at

    def deploys(self, image: str, machine: str) -> Recurring:
        """Own images go out every few days, in working hours, to staging a day before; others are brought up to date
        now and then."""
        random = Random(image.partition("-")[0])  # noqa: S311  # all of a project together
        every = 4 if image.startswith(OWN) else 26 + random.randrange(30)
        lead = 1 if machine.startswith("staging") else 0
        hour = random.uniform(9, 15) + Random(machine).uniform(0, 0.4)  # noqa: S311
        today = self.begun_at // DAY * DAY
        return Recurring(today - (random.randrange(1, every) + lead) * DAY + hour * HOUR, every * DAY)


def _apps(name: str, stacks: list[str], incidents: _Incidents, random: Random) -> Iterator[AppPlan]:
    for project in stacks:
        for service, image, cpu, memory, limit, network, *health in STACKS.get(project, ()):
            trouble = incidents.troubles.get(f"{name} {project} {service}")
            is_alone = len(STACKS[project]) == 1
            yield AppPlan(
                project=project,
                service="" if is_alone else service,
                image=image,
                cores=int(cpu) / 100 * random.uniform(0.8, 1.2) * (0.3 if name.startswith("staging") else 1),
                memory_bytes=round(int(memory) * MIB * random.uniform(0.85, 1.1)),
                limit_bytes=int(limit) * MIB or None,
                network=int(network) * 1024 * random.uniform(0.6, 1.2),
                has_health=bool(health),
                deployed=Recurring(incidents.begun_at - 47 * DAY, 400 * DAY)
                if trouble and trouble.kind == "leak"
                else incidents.deploys(image, name),
                trouble=trouble,
            )


def _disks(name: str, shape: Shape, begun_at: float, random: Random) -> Iterator[Disk]:
    def cleaned(days: float) -> Recurring:
        return Recurring(begun_at - random.uniform(0, days) * DAY, days * DAY)

    low = random.uniform(0.22, 0.5)
    device = "/dev/mmcblk0p2" if shape.architecture == "aarch64" else "/dev/nvme0n1p2" if shape.sensors else "/dev/sda1"
    yield Disk("/", device, "ext4", shape.disk_bytes, low, low + random.uniform(0.03, 0.12), cleaned(7))
    boot = device[:-1] + ("1" if device.endswith("2") else "15")
    yield Disk("/boot/efi", boot, "vfat", GIB // 2, 0.012, 0.0121, cleaned(90))
    if name == "db-01":  # the one that fills up slowly
        filling = Recurring(begun_at - 38 * DAY, 44 * DAY)
        yield Disk("/var/lib/postgresql", "/dev/nvme1n1p1", "xfs", 900 * GIB, 0.31, 0.985, filling)
    elif "db-" in name or name == "search-01":
        yield Disk("/var/lib/data", "/dev/nvme1n1p1", "xfs", 450 * GIB, 0.41, 0.55, cleaned(28))
    elif name in ("nas-01", "backup-01"):
        yield Disk("/srv/tank", "tank", "zfs", 11 * TIB, 0.66, 0.74, cleaned(31))
        yield Disk("/srv/archive", "/dev/sdb1", "btrfs", 5 * TIB, 0.52, 0.56, cleaned(61))
    elif shape.cores >= 8:
        yield Disk("/srv", "/dev/nvme0n1p3", "xfs", shape.disk_bytes, 0.28, 0.47, cleaned(17))
