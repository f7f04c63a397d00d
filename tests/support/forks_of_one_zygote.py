"""A zygote in small, which test_memory_image starts: its forks become one another, each tells of itself as JSON."""

import json
import os
import random
import signal
import socket
import ssl
import sys
import tempfile
import threading
import uuid

from ingle.spawner.zygotes import memory_image
from ingle.spawner.zygotes.holdings import Holdings

COPIES = 2
heard: list[int] = []


def be_template(connection: int) -> None:
    """Have something in memory, open and pending, and hand an image of it all over the connection."""
    large = {"numbers": list(range(50_000)), "bytes": os.urandom(2 << 20)}
    secret = os.urandom(8).hex()
    ssl.RAND_bytes(8)
    signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    with open(__file__) as file:
        file.readline()
        held = Holdings(given=(0, 1, 2, connection), tmp=sys.argv[1])
        template = os.getpid()
        if not memory_image.take(connection, lambda length: b"%016d" % length):
            os._exit(0)
        held.restore()
        signal.signal(signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))
        main = threading.get_ident()
        worker = threading.Thread(target=lambda: signal.pthread_kill(main, signal.SIGUSR1))  # by the C library's number
        worker.start()
        worker.join()
        told = {
            "template": template,
            "pid": os.getpid(),
            "left": memory_image.left().decode(),
            "secret": secret,
            "numbers": sum(large["numbers"]),
            "heard": heard,
            "position": os.lseek(file.fileno(), 0, os.SEEK_CUR),
            "fresh": [
                random.random(),
                ssl.RAND_bytes(8).hex(),
                uuid.uuid4().hex,
                os.path.basename(tempfile.mkdtemp(dir=sys.argv[1])),
            ],
        }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)


def main() -> None:
    """Take an image of one fork, and have others become it."""
    with open("/proc/self/smaps", "rb") as mappings:
        memory_image.prepare(mappings)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        be_template(theirs.detach())
    theirs.close()
    with ours.makefile("rb") as stream:
        image = stream.read(int(stream.read(16)))
    os.waitpid(pid, 0)
    memory = os.memfd_create("image")
    os.write(memory, image)
    for number in range(COPIES):
        pid = os.fork()
        if pid == 0:
            os.dup2(memory, memory_image.IMAGE)
            memory_image.become(f"copy {number}".encode())
            os._exit(9)
        os.waitpid(pid, 0)
    os.pwrite(memory, os.urandom(16), 72)  # the identity of its zygote
    os.dup2(memory, memory_image.IMAGE)
    sys.stdout.write(json.dumps({"became a stranger's": memory_image.become(b"")}) + "\n")


if __name__ == "__main__":
    main()
