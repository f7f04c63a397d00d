"""Nothing of code, variables or logs is in any file under the data directory, or anywhere else on disk, in plain."""

import base64
import os
import secrets
import sqlite3
import zlib
from pathlib import Path

import pytest
from belongings import loops
from harness import Ingle, running_ingle, zip_of

CODE_MARK = "code-" + secrets.token_hex(16)
VARIABLE_MARK = "variable-" + secrets.token_hex(16)
LOG_MARK = "log-" + secrets.token_hex(16)
PAYLOAD_MARK = "payload-" + secrets.token_hex(16)
MARKS = (CODE_MARK, VARIABLE_MARK, LOG_MARK, PAYLOAD_MARK)
SOURCE = f'MARK = "{CODE_MARK}"\ndef handler(event, context):\n    print("{LOG_MARK[:8]}" + "{LOG_MARK[8:]}", event)\n    return event\n'


def forms(mark: str) -> list[bytes]:
    """Return a text as it could lie in a file: plain, UTF-16, hexadecimal, base64 at each alignment."""
    raw = mark.encode()
    coded = [base64.b64encode(b" " * shift + raw)[shift and 4 : -4] for shift in range(3)]
    return [raw, mark.encode("utf-16-le"), raw.hex().encode(), *coded]


def found_in(folder: Path) -> list[str]:
    """Return the files below `folder` that hold a mark, also where a zlib stream hides it."""
    wanted = [form for mark in MARKS for form in forms(mark)]
    hits = []
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if any(form in content for form in wanted) or any(mark.encode() in inflated(content) for mark in MARKS):
            hits.append(str(path))
    return hits


def inflated(content: bytes) -> bytes:
    """Return what a deflate stream at the start of a zip's or a file's content unfolds to, or nothing."""
    for start, bits in ((0, 15), (0, -15)):
        try:
            return zlib.decompressobj(bits).decompress(content[start:], 1 << 24)
        except zlib.error:
            continue
    return b""


def use(ingle: Ingle) -> None:
    files = {"app.py": SOURCE, "big.txt": (CODE_MARK + "\n") * 60_000}
    ingle.deploy("secret", files, Environment={"Variables": {"SECRET": VARIABLE_MARK}})
    client = ingle.client()
    payload = f'"{PAYLOAD_MARK}"'.encode()
    for _ in range(3):
        assert client.invoke(FunctionName="secret", Payload=payload)["Payload"].read() == payload
    client.invoke(FunctionName="secret", InvocationType="Event", Payload=payload)
    client.publish_version(FunctionName="secret")
    client.update_function_code(FunctionName="secret", ZipFile=zip_of(files, compress=True))
    client.get_waiter("function_updated_v2").wait(FunctionName="secret", WaiterConfig={"Delay": 0.05})
    assert client.invoke(FunctionName="secret", Payload=payload)["Payload"].read() == payload


@pytest.mark.alone
def test_no_plaintext_of_code_variables_payloads_or_logs_is_on_disk() -> None:
    marked = set(Path("/tmp").glob("*")) | set(Path("/var/tmp").glob("*"))
    with running_ingle() as ingle:
        use(ingle)
        assert found_in(ingle.data_dir) == []
        ingle.stop()
        assert found_in(ingle.data_dir) == []
        assert not any(mark in ingle.log.read_text() for mark in MARKS)
        appeared = (set(Path("/tmp").glob("*")) | set(Path("/var/tmp").glob("*"))) - marked
        assert [path for path in appeared if path != ingle.data_dir.parent and path.is_dir() and found_in(path)] == []


def test_what_is_deleted_leaves_no_chunk() -> None:
    with running_ingle() as ingle:
        use(ingle)
        assert list((ingle.data_dir / "chunks").rglob("??/*"))
        ingle.client().delete_function(FunctionName="secret")
        assert list((ingle.data_dir / "chunks").rglob("??/*")) == []


def test_the_data_directory_and_its_secrets_belong_to_one_user() -> None:
    with running_ingle() as ingle:
        assert ingle.data_dir.stat().st_mode & 0o777 == 0o700
        for path in ingle.data_dir.rglob("*"):
            if not path.is_symlink() and not path.is_socket():
                assert path.stat().st_mode & 0o077 == 0, path


def test_metadata_is_in_sqlite_with_a_write_ahead_log() -> None:
    with running_ingle() as ingle:
        use(ingle)
        database = ingle.data_dir / "metadata.sqlite"
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        try:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("SELECT count(*) FROM functions").fetchone() == (1,)
        finally:
            connection.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root reads another process's memory map")
def test_artifacts_are_opened_in_memory_that_no_disk_backs() -> None:
    with running_ingle() as ingle:
        use(ingle)
        own = [name for name, _ in loops(ingle)]
        backing = [Path(f"/sys/block/{name}/loop/backing_file").read_text().strip() for name in own]
        assert any(name.startswith("/memfd:ingle-artifact") for name in backing)
