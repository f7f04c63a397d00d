"""What the front door takes from a client before it says no.

Lambda takes 1 MB of request line and headers; no client needs that much, and 64 KiB for each of 2,048 connections is
what a small machine can hold. A body may be as large as CreateFunction's, 70,167,211 bytes; a header must arrive within
10 s, a body may pause for 30 s, an idle connection is closed after 75 s, one that takes nothing of its answer after 60 s.

One network address has at most a quarter of the connections, so that it cannot shut out the others. Loopback addresses are not
bounded so: a proxy on this machine speaks for all its callers. A proxy on another machine is one peer, whoever calls it.
"""

from ingle.transport import ServerLimits

FRONT_DOOR = ServerLimits(
    header_bytes=64 * 1024,
    header_count=128,
    body_bytes=70_167_211,
    header_timeout_s=10.0,
    body_timeout_s=30.0,
    idle_timeout_s=75.0,
    write_timeout_s=60.0,
    connections=2048,
    connections_of_one=512,
)
