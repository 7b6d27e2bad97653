"""`natiq chat`: be a citizen in the terminal."""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import Annotated

import typer

from bot.channels.terminal import TERMINAL, TerminalChannel, terminal_address
from bot.cli.common import command, run_async, say, settings_and_logs
from bot.root import Root, build_app
from core import conversations
from core.messages import InboundMessage
from core.settings import Settings

#: Longest wait for what is still to be said when the input has ended, in seconds.
_LAST_WORDS = 30.0
_LOOK = 0.03


@command
def chat(
    new: Annotated[bool, typer.Option("--new", help="Begin a new conversation.")] = False,
) -> None:
    """Talk to Natiq here. Type a question, the number of a choice, or a command such as /menu;
    Ctrl+D ends."""
    settings = settings_and_logs("error")
    if new:
        (settings.data_dir / "terminal.id").unlink(missing_ok=True)
    run_async(_chat(settings))


async def _chat(settings: Settings) -> None:
    channel = TerminalChannel(lambda text: typer.echo(f"\nناطق:\n{text}\n"))
    root = build_app(settings, channels={TERMINAL: channel}, progress=say)
    address = terminal_address(settings.data_dir)
    await root.start(watch=False)
    if settings.sample:
        say("وزارة نموذجية خيالية. This is a fictional sample ministry.")
    say("اكتب سؤالك، أو رقم أحد الخيارات، أو ‎/menu‎ لقائمة الموضوعات. Ctrl+D للخروج.\n")
    try:
        while True:
            line = await asyncio.to_thread(_read_line)
            if line is None:
                break
            text = line.strip()
            if not text:
                continue
            accepted = await root.inbox.accept(
                InboundMessage(
                    channel=TERMINAL,
                    external_id=uuid.uuid4().hex,
                    address=address,
                    text=text,
                    choice=channel.take_choice(text),
                )
            )
            await _settle(root, accepted.conversation_id)
    finally:
        await root.stop()


async def _settle(root: Root, conversation_id: int) -> None:
    """Wait until nothing of this conversation waits in the queues: the prompt comes after the
    answer. What a human writes comes when it comes."""
    for _ in range(int(_LAST_WORDS / _LOOK)):
        async with root.db.read() as session:
            if not await conversations.is_waiting(session, conversation_id):
                return
        await asyncio.sleep(_LOOK)


def _read_line() -> str | None:
    if sys.stdin.isatty():
        try:
            return input("أنت: ")
        except EOFError:
            return None
    line = sys.stdin.readline()
    return line or None
