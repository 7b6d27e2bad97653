"""A loop of steps: what is under way is finished, nothing new is begun, and it always ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.stepping import take_steps
from tests.support.waiting import eventually

Step = Callable[[], Awaitable[bool]]


class Work:
    """Steps that wait until the test lets them go."""

    def __init__(self) -> None:
        self.begun, self.finished, self.rests = 0, 0, 0
        self.go = asyncio.Event()
        self.found = True

    async def step(self) -> bool:
        self.begun += 1
        await self.go.wait()
        self.finished += 1
        await asyncio.sleep(0)
        return self.found

    async def rest(self) -> None:
        self.rests += 1
        await asyncio.Event().wait()

    def run(self, finish: float = 30.0) -> asyncio.Task[None]:
        return asyncio.create_task(
            take_steps(self.step, self.rest, name="work", pause=0.0, finish=finish)
        )


async def test_when_told_to_stop_it_finishes_its_step_and_begins_no_other() -> None:
    work = Work()
    running = work.run()
    await eventually(lambda: work.begun)
    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    work.go.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (work.begun, work.finished) == (1, 1)


async def test_a_step_that_does_not_finish_in_time_is_cancelled() -> None:
    work = Work()
    running = work.run(finish=0.01)
    await eventually(lambda: work.begun)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (work.begun, work.finished) == (1, 0)
    assert len(asyncio.all_tasks()) == 1, "nothing is left running"


async def test_while_it_rests_it_stops_at_once() -> None:
    work = Work()
    work.found = False
    work.go.set()
    running = work.run()
    await eventually(lambda: work.rests)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.begun == 1


async def test_a_cancellation_that_a_library_swallowed_still_ends_it() -> None:
    work = Work()
    work.found = False
    work.go.set()

    async def deaf() -> None:
        try:
            await Work.rest(work)
        except asyncio.CancelledError:
            return

    running = asyncio.create_task(take_steps(work.step, deaf, name="work", pause=0.0, finish=30.0))
    await eventually(lambda: work.rests)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.begun == 1


async def test_errors_are_waited_out() -> None:
    work = Work()
    failures = []

    async def failing() -> bool:
        if len(failures) < 3:
            failures.append(1)
            raise OSError("disk")
        return await work.step()

    running = asyncio.create_task(
        take_steps(failing, work.rest, name="work", pause=0.0, finish=30.0)
    )
    await eventually(lambda: work.begun)
    running.cancel()
    work.go.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.finished == 1
