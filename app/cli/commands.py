"""Puts the commands together, and turns our errors into one line and an exit code."""

from __future__ import annotations

import sys

import typer

from app.cli import (
    alerts,
    ask,
    baselines,
    bench,
    chat,
    compare,
    cost,
    demo,
    doctor,
    evaluate,
    feedback,
    init,
    knowledge,
    lab,
    optimise,
    promote,
    rca,
    serve,
    stress,
    timeline,
)
from app.cli.screen import say_error
from core.errors import ConfigurationError, InvalidInput, SreError

USAGE_ERROR = 2
FAILURE = 1
INTERRUPTED = 130

cli = typer.Typer(
    name="sre",
    help="Explains what is wrong in a homelab, from evidence. It advises and never acts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command("init")(init.init)
cli.command("doctor")(doctor.doctor)
cli.command("ask")(ask.ask)
cli.command("chat")(chat.chat)
cli.command("rca")(rca.rca)
cli.command("timeline")(timeline.timeline)
cli.command("alerts")(alerts.alerts)
cli.command("ingest")(knowledge.ingest)
cli.command("search")(knowledge.search)
cli.command("eval")(evaluate.evaluation)
cli.command("optimise")(optimise.optimise)
cli.command("compare")(compare.comparison)
cli.command("promote")(promote.promote)
cli.command("feedback")(feedback.feedback)
cli.command("cost")(cost.cost)
cli.command("serve")(serve.serve)
cli.command("demo")(demo.demo)
cli.add_typer(
    baselines.baselines, name="baselines", help="What is usual at each hour of the week, as learnt from Prometheus."
)
cli.add_typer(bench.bench, name="bench", help="How good a part is on your own data.")
lab.lab.command("stress")(stress.stress)
cli.add_typer(lab.lab, name="lab", help="The simulated homelab, watched by real Prometheus and Alertmanager.")


def main() -> None:
    """Exit code 2: what was asked or set is wrong; 1: something failed; 130: interrupted."""
    try:
        cli()
    except (InvalidInput, ConfigurationError) as error:
        say_error(str(error))
        sys.exit(USAGE_ERROR)
    except SreError as error:
        say_error(str(error))
        sys.exit(FAILURE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(FAILURE)
