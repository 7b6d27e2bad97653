"""The command `natiq`: a table of contents. Each command lives in a module of its own and is
imported when it is called, so that `natiq --help` is quick."""

from __future__ import annotations

import typer

from bot.cli import (
    ask,
    bench,
    chat,
    doctor,
    evaluate,
    faq,
    health,
    model,
    run,
    serve,
    staff,
    ticket,
)

app = typer.Typer(
    name="natiq",
    help="Natiq (ناطق): a ministry's spokesperson that says approved words only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("serve")(serve.serve)
app.command("health")(health.health)
app.command("chat")(chat.chat)
app.command("ask")(ask.ask)
app.command("doctor")(doctor.doctor)
app.command("eval")(evaluate.evaluate)
app.add_typer(bench.app, name="bench")
app.add_typer(faq.app, name="faq")
app.add_typer(ticket.app, name="ticket")
app.add_typer(model.app, name="model")
app.add_typer(staff.app, name="staff")


def main() -> None:
    """Entry point of the `natiq` script."""
    app()


if __name__ == "__main__":
    main()
