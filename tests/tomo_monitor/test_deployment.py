"""What is handed out to deploy the product fits the product."""

import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from tomo_monitor.configuration import SETTINGS

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FILES = [ROOT / "compose.yaml", ROOT / "Dockerfile", *UNITS, ROOT / "docs" / "deployment.md"]
KNOWN = {setting.name for setting in SETTINGS} | {"TOMO_SITE", "TOMO_NODE", "TOMO_PARTS"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_setting_and_every_command_that_it_names_exists(file: Path) -> None:
    text = file.read_text()
    assert set(re.findall(r"\bTOMO_[A-Z_]+\b", text)) <= KNOWN
    assert set(re.findall(r'manage\.py"?,? "?(\w+)', text)) <= set(get_commands())


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = COMPOSE["services"][name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user", "root") != "root" or ("build" in service and "\nUSER tomo\n" in DOCKERFILE)


def test_no_secret_stands_in_the_compose_file_and_the_database_is_not_open() -> None:
    services = COMPOSE["services"]
    secrets = re.findall(r"PASSWORD: (\S+)|tomo:(\S+)@", (ROOT / "compose.yaml").read_text())
    assert secrets
    assert all((one or other).startswith("${POSTGRES_PASSWORD:?") for one, other in secrets)
    assert [name for name, service in services.items() if "ports" in service] == ["web"]
    assert services["postgres"]["networks"] == services["redis"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_every_volume_and_every_file_that_it_takes_is_there() -> None:
    volumes = [
        volume.partition(":")[0] for service in COMPOSE["services"].values() for volume in service.get("volumes", [])
    ]
    assert set(volumes) == set(COMPOSE["volumes"])
    taken = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert [path for path in taken if not (ROOT / path).exists()] == []


def test_backups_in_the_image_are_made_by_the_version_of_the_server() -> None:
    assert f"postgresql-client-{COMPOSE['services']['postgres']['image'].partition(':')[2]} " in DOCKERFILE


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_a_unit_ends_the_supervisor_first_and_writes_nowhere_but_into_its_data(file: Path) -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(file)
    service = unit["Service"]
    assert (service["KillMode"], service["Restart"], service["User"]) == ("mixed", "always", "tomo")
    assert (service["ProtectSystem"], service["NoNewPrivileges"]) == ("strict", "yes")
    assert f"TOMO_DATA_DIR=/var/lib/{service['StateDirectory']}" in file.read_text()
