"""How the containers of a server can be listed, and what mends it where they cannot. Pure."""

from functools import cache
from importlib.resources import files

from metrics.probe.reading import AppsStatus

LABELS = {
    AppsStatus.OK: "Containers",
    AppsStatus.NO_CONTAINERS: "No containers",
    AppsStatus.NO_DOCKER: "No Docker",
    AppsStatus.NOT_ALLOWED: "Not allowed",
    AppsStatus.DAEMON_DOWN: "Daemon down",
    AppsStatus.UNREADABLE: "Not readable",
}
READABLE = frozenset({AppsStatus.OK, AppsStatus.NO_CONTAINERS})

EXPLANATIONS = {
    "socket": "Listed over the engine's socket.",
    "cli": "Listed by the engine's own command.",
    "helper": "Listed by the helper that root runs on the server.",
    "absent": "There is neither Docker nor Podman on this server.",
    "denied": "The account may not ask the engine, so containers are known by their id, with CPU, memory and network."
    " Names, states, health and restarts need one of the three ways that its page shows.",
    "down": "Docker is there, but its daemon does not answer: systemctl status docker tells why.",
    "slow": "The engine did not answer within four seconds: check the server's load.",
    "uncurled": "The account may ask Docker, but has neither curl nor docker to do it with: apt install curl.",
    "stale": "The helper's list is more than 90 seconds old: systemctl status tomo-containers.timer tells why.",
    "garbled": "The engine's answer makes no sense, or is larger than is taken: check what listens at its socket, and"
    " that there are gzip and base64.",
}


def explanation(way: str) -> str:
    """How the list comes, or what stands in its way and what mends it."""
    return EXPLANATIONS.get(way, "")


@cache
def helper_lines() -> str:
    """What root pastes into a shell of the server to install the helper and its timer."""
    script = files("metrics.probe").joinpath("helper.sh").read_text().rstrip("\n")
    return f"""\
cat >/usr/local/sbin/tomo-containers <<'END'
{script}
END
chmod 755 /usr/local/sbin/tomo-containers
cat >/etc/systemd/system/tomo-containers.service <<'END'
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/tomo-containers
END
cat >/etc/systemd/system/tomo-containers.timer <<'END'
[Timer]
OnBootSec=10
OnUnitActiveSec=30
AccuracySec=1
[Install]
WantedBy=timers.target
END
systemctl daemon-reload
systemctl enable --now tomo-containers.timer"""


def group_line(username: str) -> str:
    """What puts the account into the docker group, which makes it as mighty as root."""
    return f"usermod -aG docker {username}"
