"""Loops and their helpers: one that fails starts again with its reason named, and all end in order."""

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from market_data import loops as module
from market_data.errors import StoreUnavailable
from market_data.events import Event, LoopFailed
from market_data.loops import Loops, Tasks, each, failed, helped, shared, task_group

pytestmark = pytest.mark.anyio

SOURCES = Path(module.__file__).parent


async def test_a_loop_that_fails_is_told_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    events, runs, third = list[Event](), 0, asyncio.Event()

    async def fails() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise StoreUnavailable("it is out")
        if runs == 2:
            raise KeyError("a bug")
        third.set()
        await asyncio.Event().wait()

    loops = Loops({"one": fails}, {}, events.append)
    loops.start()
    await asyncio.wait_for(third.wait(), 10)
    await loops.stop()
    assert events == [
        LoopFailed("one", "it is out", "StoreUnavailable"),
        LoopFailed("one", "KeyError: 'a bug'", "KeyError"),
    ]


async def test_work_ends_first_and_what_serves_goes_on_until_the_end() -> None:
    ended = list[str]()

    async def loop(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    loops = Loops({"work": lambda: loop("work")}, {"serve": lambda: loop("serve")}, lambda _: None)
    loops.start()
    await asyncio.sleep(0)
    before = loops.stopping
    await loops.finish_work()
    assert (before, loops.stopping) == (False, True)
    assert ended == ["work"]
    await loops.stop()
    assert ended == ["work", "serve"]


async def test_a_loop_that_fails_or_hangs_as_it_ends_keeps_no_other_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "END_SECONDS", 0.05)
    events, ended = list[Event](), list[str]()

    async def fails() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise StoreUnavailable("the ledger is out")

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.5)

    async def ends() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ends")

    loops = Loops({"fails": fails, "hangs": hangs}, {"ends": ends}, events.append)
    loops.start()
    await asyncio.sleep(0)
    await loops.stop()
    assert ended == ["ends"]
    assert LoopFailed("fails", "the ledger is out", "StoreUnavailable") in events
    assert LoopFailed("hangs", "TimeoutError: did not end within 0.05 s", "TimeoutError") in events


async def test_a_group_of_errors_names_the_innermost() -> None:
    inner = ExceptionGroup("inner", [KeyError("a"), StoreUnavailable("b is out")])
    event = failed("alone", ExceptionGroup("outer", [inner, ValueError("c"), ValueError("d")]))
    assert event == LoopFailed("alone", "KeyError: 'a'; b is out; ValueError: c; and 1 more", "KeyError")


async def test_a_helper_that_dies_ends_its_loop_with_its_reason_after_the_cleanup() -> None:
    steps = list[str]()

    async def dies() -> None:
        await asyncio.sleep(0.01)
        raise KeyError("unforeseen")

    async def lives() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("the other helper ends")

    async def loop() -> None:
        async with helped(dies, lives):
            try:
                await asyncio.Event().wait()
            finally:
                steps.append("cleanup")

    with pytest.raises(KeyError, match="unforeseen"):
        await loop()
    assert sorted(steps) == ["cleanup", "the other helper ends"]


async def test_a_helper_that_ends_is_an_error_too() -> None:
    async def ends() -> None:
        return

    with pytest.raises(RuntimeError, match="a helper has ended"):
        async with helped(ends):
            await asyncio.Event().wait()


async def test_helpers_are_there_until_the_loop_has_cleaned_up() -> None:
    beats = list[str]()

    async def beats_on() -> None:
        while True:
            beats.append("beat")
            await asyncio.sleep(0.005)

    async def loop() -> None:
        async with helped(beats_on):
            try:
                await asyncio.Event().wait()
            finally:
                before = len(beats)
                await asyncio.sleep(0.05)
                assert len(beats) > before

    running = asyncio.create_task(loop())
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    count = len(beats)
    await asyncio.sleep(0.02)
    assert len(beats) == count, "and end with it"


async def test_a_task_group_raises_the_error_that_nobody_expects() -> None:
    async def fails(error: Exception) -> None:
        raise error

    async def both() -> None:
        async with task_group() as group:
            group.create_task(fails(StoreUnavailable("out")))
            group.create_task(fails(KeyError("a bug")))

    with pytest.raises(KeyError) as found:
        await both()
    assert isinstance(found.value.__cause__, ExceptionGroup)


async def test_the_error_of_a_task_is_told_and_the_others_go_on() -> None:
    events, going_on = list[Event](), asyncio.Event()
    tasks = Tasks[str]("fetch", events.append)

    async def fails() -> None:
        raise KeyError("a bug")

    tasks.start(fails(), "fails")
    tasks.start(going_on.wait(), "goes on")
    await tasks.wait_for_one()
    assert tasks.items == ["goes on"]
    assert events == [LoopFailed("fetch", "KeyError: 'a bug'", "KeyError")]
    assert await tasks.stop(0.01) == ["goes on"]
    assert len(tasks) == 0
    assert len(events) == 1, "to be cancelled is no failure"


async def test_a_shared_task_outlives_the_caller_who_has_left() -> None:
    async def works() -> str:
        await asyncio.sleep(0.02)
        return "done"

    task = shared(works())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 0.001)
    assert await task == "done"


async def test_each_step_of_a_cleanup_runs_whatever_became_of_the_one_before() -> None:
    events, done = list[Event](), list[str]()

    async def fails() -> None:
        raise StoreUnavailable("Redis is out")

    async def is_a_bug() -> None:
        raise KeyError("a bug")

    async def hangs() -> None:
        await asyncio.Event().wait()

    async def works() -> None:
        done.append("works")

    steps = [("one", fails), ("two", is_a_bug), ("three", hangs), ("four", works)]
    await each(steps, events.append, longest=0.02)
    assert done == ["works"]
    assert events == [
        LoopFailed("one", "Redis is out", "StoreUnavailable"),
        LoopFailed("two", "KeyError: 'a bug'", "KeyError"),
        LoopFailed("three", "TimeoutError: did not end within 0.02 s", "TimeoutError"),
    ]


def ownerless(source: str) -> Iterator[str]:
    """Calls that start a task or a thread which nobody owns: neither loops.py, nor a group, nor an await."""
    tree = ast.parse(source)
    groups = {
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncWith)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name) and ast.unparse(item.context_expr) == "task_group()"
    }
    awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}
    owned = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "shared"
        for argument in node.args
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        of, _, name = called.rpartition(".")
        if (
            (name in {"create_task", "start_soon"} and of not in groups)
            or name in {"ensure_future", "gather", "run_in_executor", "TaskGroup", "Thread", "Timer"}
            or (name == "to_thread" and id(node) not in awaited | owned)
        ):
            yield f"{node.lineno}: {called}"


def test_no_task_is_started_without_an_owner() -> None:
    found = {
        f"{path.relative_to(SOURCES)}:{line}"
        for path in SOURCES.rglob("*.py")
        if path.name not in {"loops.py", "stalls.py"}  # the latter's thread ends with its block
        for line in ownerless(path.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize(
    "source",
    [
        "asyncio.create_task(work())",
        "create_task(work())",
        "loop.create_task(work())",
        "asyncio.ensure_future(work())",
        "await asyncio.gather(one(), two())",
        "found = asyncio.to_thread(work)",
        "loop.run_in_executor(None, work)",
        "threading.Thread(target=work).start()",
        "async def one():\n    async with asyncio.TaskGroup() as group:\n        pass",
    ],
)
def test_a_task_without_an_owner_is_found(source: str) -> None:
    assert list(ownerless(source))
