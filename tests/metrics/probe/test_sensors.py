"""Temperatures, pressure and load."""

import pytest

from metrics.probe.linux import MOST_SENSORS
from metrics.probe.reading import Pressure
from tests.metrics.probe.answers import seen

CHIP = "/sys/class/hwmon/hwmon0"
ZONE = "/sys/class/thermal/thermal_zone0"


def temperatures(*lines: str) -> dict[str, float] | None:
    return seen(temperatures="\n".join(lines)).temperatures


def test_a_sensor_is_named_by_its_chip_and_label() -> None:
    lines = f"{CHIP}/name:coretemp", f"{CHIP}/temp2_label:Core 0", f"{CHIP}/temp2_input:49500"
    assert temperatures(*lines) == {"coretemp Core 0": 49.5}


def test_a_sensor_without_a_label_is_named_by_its_number() -> None:
    assert temperatures(f"{CHIP}/name:acpitz", f"{CHIP}/temp1_input:27800") == {"acpitz temp1": 27.8}


def test_a_sensor_without_a_chip_s_name_is_named_by_its_place() -> None:
    assert temperatures(f"{CHIP}/temp1_input:27800") == {"hwmon0 temp1": 27.8}


def test_a_thermal_zone_is_named_by_its_type() -> None:
    assert temperatures(f"{ZONE}/type:cpu-thermal", f"{ZONE}/temp:48199") == {"cpu-thermal": 48.199}


def test_two_sensors_of_one_name_are_both_kept() -> None:
    other = CHIP.replace("0", "1")
    lines = f"{CHIP}/name:nvme", f"{other}/name:nvme", f"{CHIP}/temp1_input:38000", f"{other}/temp1_input:39000"
    assert temperatures(*lines) == {"nvme temp1": 38.0, "nvme temp1 (hwmon1)": 39.0}


@pytest.mark.parametrize("value", ["0", "-263200", "200000", "65261850", "", "nan", "4_0000", "48.5"])
def test_an_implausible_temperature_is_dropped(value: str) -> None:
    assert temperatures(f"{CHIP}/temp1_input:{value}") == {}


@pytest.mark.parametrize(("value", "degrees"), [("1", 0.001), ("199999", 199.999)])
def test_the_plausible_ends_are_kept(value: str, degrees: float) -> None:
    assert temperatures(f"{CHIP}/temp1_input:{value}") == {"hwmon0 temp1": degrees}


def test_what_a_label_says_cannot_make_a_sensor() -> None:
    assert temperatures(f"{CHIP}/temp1_label:{CHIP}/temp2_input:50000", f"x{CHIP}/temp1_input:50000") == {}


def test_sensors_are_bounded_in_number_and_name() -> None:
    lines = [f"{CHIP}/name:{'x' * 1000}", f"{CHIP}/temp{'1' * 1000}_input:50000"]
    found = temperatures(*lines, *(f"{CHIP}/temp{number}_input:50000" for number in range(200)))
    assert found is not None
    assert len(found) == MOST_SENSORS
    assert max(map(len, found)) <= 128


def test_a_server_without_sensors_has_no_temperatures() -> None:
    assert temperatures() is None


def test_pressure_is_the_share_of_time_in_which_some_task_waited() -> None:
    reading = seen(
        pressure_cpu="some avg10=1.50 avg60=2.25 avg300=0.00 total=1\nfull avg10=9.00 avg60=9.00 avg300=9.00 total=9",
        pressure_io="some avg10=100.00 avg60=0.00 avg300=0.00 total=1",
    )
    assert reading.pressure == {"cpu": Pressure(1.5, 2.25), "io": Pressure(100.0, 0.0)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "some avg10=nan avg60=0.00 avg300=0.00 total=1",
        "some avg10=101.00 avg60=0.00 avg300=0.00 total=1",
        "some avg10=1.0.0 avg60=0.00 avg300=0.00 total=1",
        "full avg10=1.00 avg60=1.00 avg300=1.00 total=1",
        "some avg60=1.00 avg10=1.00",
    ],
)
def test_pressure_that_is_not_there_or_makes_no_sense_is_unknown(text: str) -> None:
    assert seen(pressure_cpu=text).pressure is None


def test_load_is_read_raw() -> None:
    assert seen(loadavg="0.52 12.00 345.67 2/312 4711").load == (0.52, 12.0, 345.67)


@pytest.mark.parametrize(
    "text", ["", "0.5 0.5", "nan 0.5 0.5", "0,5 0,5 0,5", "-1.0 0.5 0.5", "9999999.0 0 0", "1e3 0 0"]
)
def test_load_that_makes_no_sense_is_unknown(text: str) -> None:
    assert seen(loadavg=text).load is None
