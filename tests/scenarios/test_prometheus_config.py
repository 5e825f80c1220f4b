from pathlib import Path

import pytest
import yaml

from scenarios.prometheus_config import Ports, compress_expression, compress_rules, write_configuration


@pytest.mark.parametrize(
    ("expression", "factor", "expected"),
    [
        ("rate(x_total[5m]) > 1", 30, "rate(x_total[10s]) > 1"),
        ("increase(x_total[30m]) > 0", 30, "increase(x_total[60s]) > 0"),
        ("rate(x_total[1h30m])", 60, "rate(x_total[90s])"),
        ("rate(x_total[1m])", 30, "rate(x_total[8s])"),  # four scrapes at least
        ('predict_linear(x{a!~"b|c.*"}[1h], 86400) < 0', 30, 'predict_linear(x{a!~"b|c.*"}[120s], 2880) < 0'),
        ("up == 0", 30, "up == 0"),
    ],
)
def test_lengths_of_time_in_an_expression_are_divided(expression: str, factor: float, expected: str) -> None:
    assert compress_expression(expression, factor) == expected


def test_for_is_divided_and_the_rest_of_the_rule_is_kept() -> None:
    rule = {"alert": "A", "expr": "rate(x[5m]) > 1", "for": "10m", "labels": {"severity": "warning"}}
    fitted = compress_rules({"groups": [{"name": "g", "rules": [rule]}]}, 30)
    assert fitted == {"groups": [{"name": "g", "rules": [{**rule, "expr": "rate(x[10s]) > 1", "for": "20s"}]}]}


def test_what_is_written_is_what_the_programs_read(tmp_path: Path) -> None:
    write_configuration(tmp_path, Ports(9001, 9002, 9003), ["node", "nut"], 30)
    prometheus = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in prometheus["scrape_configs"]}
    assert set(jobs) == {"node", "nut"}
    assert jobs["nut"]["http_sd_configs"][0]["url"] == "http://127.0.0.1:9003/sd/nut"
    assert jobs["nut"]["proxy_url"] == "http://127.0.0.1:9003"
    assert yaml.safe_load((tmp_path / "alertmanager.yml").read_text())["route"]["group_wait"] == "0s"
    assert (tmp_path / "rules" / "host.yaml").is_file()
    assert not list(tmp_path.rglob("*.tmp"))
