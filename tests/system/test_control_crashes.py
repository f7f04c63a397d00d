"""Control is killed in the middle of its work, again and again: what it acknowledged holds, nothing stays half done."""

import contextlib
import json
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import belongings
from botocore.exceptions import BotoCoreError, ClientError
from harness import Ingle, running_ingle, zip_of


def source(number: int) -> dict[str, str]:
    return {"app.py": f"def handler(event, context):\n    return {number}\n"}


class Owner(threading.Thread):
    """Creates, updates and deletes functions of its own, and remembers what was acknowledged."""

    def __init__(self, ingle: Ingle, name: str, stopped: threading.Event) -> None:
        super().__init__(daemon=True)
        self.client = ingle.client()
        self.names = [f"{name}-{number}" for number in range(3)]
        self.stopped = stopped
        self.acknowledged: dict[str, int | None] = {}
        self.possible: dict[str, set[int | None]] = {one: {None} for one in self.names}
        self.count = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            self.act(random.choice(self.names))

    def act(self, name: str) -> None:
        """Do one thing; until it is acknowledged both what was before and what shall be are possible."""
        self.count += 1
        code = {"ZipFile": zip_of(source(self.count))}
        wanted: int | None = self.count
        try:
            self.possible[name].add(self.count)
            if self.acknowledged.get(name) is None:
                self.client.create_function(
                    FunctionName=name, Runtime="python3.11", Handler="app.handler",
                    Role="arn:aws:iam::000000000000:role/x", Code=code,
                )  # fmt: skip
            elif random.random() < 0.2:
                self.possible[name].add(None)
                wanted = None
                self.client.delete_function(FunctionName=name)
            else:
                self.client.update_function_code(FunctionName=name, **code)
        except (BotoCoreError, ClientError) as error:
            self.learn(name, error)
            return
        self.acknowledged[name] = wanted
        self.possible[name] = {wanted}

    def learn(self, name: str, error: Exception) -> None:
        """After a refusal nothing has changed; after a lost connection both are possible."""
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        if code == "ResourceConflictException" and "already exist" in str(error):
            self.acknowledged[name] = -1  # a create whose acknowledgement was lost
        elif code == "ResourceNotFoundException":
            self.acknowledged[name] = None
        time.sleep(0.02)


def test_what_was_acknowledged_holds_and_nothing_stays_half_done() -> None:
    with running_ingle() as ingle:
        stopped = threading.Event()
        owners = [Owner(ingle, f"owner{number}", stopped) for number in range(3)]
        for owner in owners:
            owner.start()
        for _ in range(8):
            time.sleep(random.uniform(0.3, 0.8))
            pids = belongings.programs(ingle)
            with contextlib.suppress(ProcessLookupError):  # it is just being started again
                os.kill(pids["control"], signal.SIGKILL)
        stopped.set()
        for owner in owners:
            owner.join()
        while not ingle.is_healthy():
            time.sleep(0.05)
        for owner in owners:
            for name in owner.names:
                assert what_serves(ingle.client(), name) in owner.possible[name], name
        ingle.stop()
        ingle.start()
        assert chunks(ingle) == referenced(ingle)


def what_serves(client: Any, name: str) -> int | None:
    """Return what a function answers once it is neither Pending nor being updated; None where there is none."""
    end = time.monotonic() + 20
    while True:
        try:
            shown = client.get_function_configuration(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            return None
        if shown["State"] == "Active" and shown["LastUpdateStatus"] == "Successful":
            return int(json.loads(client.invoke(FunctionName=name)["Payload"].read()))
        assert time.monotonic() < end, shown
        time.sleep(0.05)


def chunks(ingle: Ingle) -> set[str]:
    return {path.name for path in (ingle.data_dir / "chunks").glob("??/*")}


def referenced(ingle: Ingle) -> set[str]:
    from ingle.control.code.code_store import chunks_of
    from ingle.store import FunctionRepository, open_database

    database = open_database(Path(ingle.data_dir) / "metadata.sqlite")
    try:
        return set().union(*map(chunks_of, FunctionRepository(database).every()))
    finally:
        database.close()
