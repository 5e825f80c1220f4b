"""nut_exporter 3 (DRuggeri) asked about one UPS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.exporters.exposition import Family, Row, Sheet
from scenarios.shapes import Floats
from scenarios.state import Gauge, Model, State, each
from scenarios.targets import Target

FLAGS = ("BOOST", "BYPASS", "CAL", "CHRG", "DISCHRG", "FSD", "HB", "LB", "OB", "OFF", "OL", "OVER", "RB", "SD", "TRIM")
LOW_CHARGE, FULL_RUNTIME_S, NOMINAL_W = 20.0, 2700.0, 900.0


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    sheet = Sheet(model, targets)
    count = len(targets)
    on_battery, charge, voltage, load = (
        Gauge(model, signal, each(sheet.entities))
        for signal in ("on_battery", "battery_charge", "input_voltage", "ups_load")
    )

    def flags(state: State) -> Floats:
        battery, left = on_battery(state) > 0.5, charge(state)
        set_by = {
            "OL": ~battery,
            "OB": battery,
            "DISCHRG": battery,
            "LB": battery & (left < LOW_CHARGE),
            "CHRG": ~battery & (left < 99),
        }
        none = np.zeros_like(battery)
        found = np.stack([set_by.get(flag, none) for flag in FLAGS], axis=1).astype(float)
        return found.reshape(count * len(FLAGS), -1)

    rows = [Row(number, {"flag": flag}) for number in range(count) for flag in FLAGS]
    text = "UPS Status Code (ups.status)"
    sheet.add("network_ups_tools_ups_status", "gauge", text, rows, flags)
    for name, values in {
        "battery_charge": lambda s: np.round(charge(s)),
        "battery_charge_low": lambda s: np.full((count, len(s.times)), LOW_CHARGE),
        "battery_runtime": lambda s: np.round(FULL_RUNTIME_S * charge(s) / 100 * 34 / np.maximum(load(s), 1)),
        "battery_runtime_low": lambda s: np.full((count, len(s.times)), 300.0),
        "battery_voltage": lambda s: np.round(24.0 + 3.2 * charge(s) / 100, 1),
        "input_voltage": lambda s: np.where(on_battery(s) > 0.5, 0.0, np.round(voltage(s), 1)),
        "output_voltage": lambda s: np.round(voltage(s), 1),
        "ups_load": lambda s: np.round(load(s)),
        "ups_realpower": lambda s: np.round(load(s) / 100 * NOMINAL_W),
        "ups_realpower_nominal": lambda s: np.full((count, len(s.times)), NOMINAL_W),
    }.items():
        sheet.each(
            f"network_ups_tools_{name}",
            "gauge",
            f"Value of the {name.replace('_', '.')} variable from Network UPS Tools",
            values,
        )
    device = {"description": "rack UPS", "mfr": "EATON", "model": "5P 1150iR", "serial": "G123K45678", "type": "ups"}
    sheet.info(
        "network_ups_tools_device_info", "UPS Device information", [Row(number, device) for number in range(count)]
    )
    return sheet.families
