"""A process's memory as an image, and a process that becomes the one whose image it is.

All environments of one runtime are forks of one zygote, so that what lies at an address in one lies there in the other.
`take` forks; the child saves its registers and stands still in a system call while its parent looks at its mappings;
then it writes them out itself. `become` maps such an image over the process that calls it and goes on where the child
stood, as if `take` had returned there. Both are a list of system calls that a few instructions of machine code carry
out: while they run, nothing else of the process does, and they use no memory but the list.

An image is written by hostile code and is read by nothing but a process that is confined already: the list in it can
make no call that the process couldn't have made otherwise. Everything here runs in confined processes alone.
"""

from __future__ import annotations

import array
import ctypes
import mmap
import os
import platform
import signal
import struct
from collections.abc import Callable, Iterable, Iterator

IMAGE = 6
"""The descriptor at which a process finds the image that it shall become."""
_PAGE = 4096
_ARENA_BYTES = 1 << 20
_TABLE = _PAGE
_ENTRIES_MAX = (_ARENA_BYTES // 2 - _TABLE) // 64
_LEFT = _ARENA_BYTES // 2
"""Where in the arena a process leaves what it wants to know when it has become another."""
_MAGIC = b"ingle-1\0"
_HEADER = struct.Struct("<64s8s16sQQi")
_ENTRY = struct.Struct("<8q")
_SAVED_STACK_POINTER = struct.Struct("<48xQ8x")
_NEAR = 8 * _PAGE
"""Pages without content that lie between others are written out with them where they are fewer than this."""
_TLS_BYTES = 2048
_READ, _WRITE, _CLOSE, _MMAP, _BRK, _PREAD, _MADVISE, _EXIT_GROUP = 0, 1, 3, 9, 12, 17, 28, 231
_PRIVATE, _FIXED, _ANONYMOUS, _NORESERVE = 0x02, 0x10, 0x20, 0x4000
_WIPEONFORK = 18
_KERNELS = (b"[vdso]", b"[vvar", b"[vsyscall]", b"[uprobes]")
_PROTECTIONS = {b"r": 1, b"w": 2, b"x": 4}

# long run(entry *list, long count, context *, long mode): x86-64, position independent
_CODE = bytes.fromhex(
    "4885c9"  # test rcx, rcx            mode 0 saves what a caller expects to find again:
    "7522"  # jnz go
    "48891a48896a084c8962104c896a184c8972204c897a28"  # [rdx] = rbx, rbp, r12, r13, r14, r15
    "48896230"  # [rdx+48] = rsp
    "0fae5a38d97a3c"  # stmxcsr [rdx+56]; fnstcw [rdx+60]
    "4989fc4989f54989d64989cf"  # go: r12, r13, r14, r15 = list, count, context, mode
    "4c89f8"  # next: rax = mode
    "4d85ed744e"  # jump to leave where no entry is left
    "498b0424498b7c2408498b742410498b5424184d8b5424204d8b4424284d8b4c2430"  # rax, rdi, rsi, rdx, r10, r8, r9 = [r12…]
    "0f05"  # syscall
    "493b4424387509"  # jump to failed where the result is not the one that the entry expects
    "4983c44049ffcdebc4"  # next entry
    "4d85ff740e"  # failed: jump to refuse in mode 0; else there is nothing to go back to:
    "bf47000000b8e70000000f050f0b"  # exit_group(71)
    "48c7c0ffffffff"  # refuse: rax = -1
    "498b1e498b6e084d8b66104d8b6e184d8b7e28498b6630"  # leave: the saved registers
    "410fae563841d96e3c"  # ldmxcsr, fldcw
    "4d8b7620c3"  # r14; ret
)


class NoImageError(Exception):
    """The process can't be made an image of, for the reason that is said."""


class _Mapping:
    """A line of /proc/self/smaps."""

    def __init__(self, line: bytes) -> None:
        extent, permissions, _, _, inode, *name = line.split(maxsplit=5)
        start, _, end = extent.partition(b"-")
        self.line = line
        self.start, self.end = int(start, 16), int(end, 16)
        self.permissions = permissions
        self.is_file = inode != b"0"
        self.name = name[0].strip() if name else b""
        self.flags: list[bytes] = []

    @property
    def protection(self) -> int:
        return sum(bit for letter, bit in _PROTECTIONS.items() if letter in self.permissions)


class Base:
    """What a zygote has before its first fork: the same in each of them."""

    def __init__(self, mappings: Iterable[bytes]) -> None:
        self.identity = os.urandom(16)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.mmap.restype = self.libc.pthread_self.restype = ctypes.c_void_p
        around = self._map(_ARENA_BYTES + 4 * _PAGE, mmap.MAP_PRIVATE)  # no neighbour is ever merged with either
        self.code, self.arena = around + _PAGE, around + 3 * _PAGE
        ctypes.memmove(self.code, _CODE, len(_CODE))
        for start, length, protection in (
            (around, _PAGE, 0),
            (self.code, _PAGE, mmap.PROT_READ | mmap.PROT_EXEC),
            (self.code + _PAGE, _PAGE, 0),
            (self.arena + _ARENA_BYTES, _PAGE, 0),
        ):
            self.libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(length), protection)
        self.run = ctypes.PYFUNCTYPE(ctypes.c_long, *[ctypes.c_long] * 4)(self.code)
        self.thread_id_at = self._find_thread_id(range(0, _TLS_BYTES, 4))
        found = _parse_mappings(mappings)
        self.fixed = frozenset(one.line for one in found if b"w" not in one.permissions)
        self.wiped = frozenset(one.start for one in found if _is_wiped(one))

    def _map(self, length: int, sharing: int) -> int:
        protection, flags = mmap.PROT_READ | mmap.PROT_WRITE, sharing | mmap.MAP_ANONYMOUS
        address = self.libc.mmap(None, ctypes.c_size_t(length), protection, flags, -1, ctypes.c_long(0))
        if address is None or address == ctypes.c_void_p(-1).value:
            raise NoImageError("there is no memory for its image")
        return int(address)

    def map_shared(self) -> int:
        return self._map(_ARENA_BYTES, mmap.MAP_SHARED)

    def _find_thread_id(self, candidates: Iterable[int]) -> list[int]:
        """Return where the C library keeps the main thread's number: it doesn't ask the kernel again."""
        block = ctypes.string_at(self.libc.pthread_self(), _TLS_BYTES)
        return [at for at in candidates if struct.unpack_from("<i", block, at)[0] == os.getpid()]

    def narrow_thread_id(self) -> None:
        self.thread_id_at = self._find_thread_id(self.thread_id_at)
        if not self.thread_id_at:
            raise NoImageError("its C library keeps its process id where it isn't found")

    def set_thread_id(self) -> None:
        """Let the C library know of the process id that this process has now."""
        for at in self.thread_id_at:
            ctypes.c_int.from_address(self.libc.pthread_self() + at).value = os.getpid()


_base: Base | None = None


def prepare(mappings: Iterable[bytes]) -> None:
    """Make the zygote that calls this one whose forks may become one another; where it can't be, none may.

    `mappings` are the lines of its /proc/self/smaps.
    """
    global _base
    if platform.machine() == "x86_64":
        _base = Base(mappings)


def take(connection: int, introduce: Callable[[int], bytes]) -> bool:
    """Write this process's image to a connection; return True in each process that becomes it, and False here.

    `introduce(length)` is what is written before the image. Raises NoImageError; nothing has been written then.
    """
    base = _base
    if base is None:
        raise NoImageError("no image can be made on this processor")
    base.narrow_thread_id()
    shared = base.map_shared()
    ready_read, ready_write = os.pipe()
    go_read, go_write = os.pipe()
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    pid = os.fork()
    if pid == 0:
        _stand_still(base, shared, ready_write, go_read)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return True
    os.close(ready_write)
    try:
        if os.read(ready_read, 1) != b"r":
            raise NoImageError("its image could not be taken")
        _send(base, pid, shared, connection, introduce)
        os.write(go_write, b"g")
        _, status = os.waitpid(pid, 0)
        pid = 0
        if status != 0:
            raise NoImageError("its image could not be written")
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for descriptor in (ready_read, go_read, go_write):
            os.close(descriptor)
        base.libc.munmap(ctypes.c_void_p(shared), ctypes.c_size_t(_ARENA_BYTES))
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return False


def become(leave: bytes) -> bool:
    """Become the process whose image is at descriptor IMAGE: then this never returns, and `left` there says `leave`.

    Return False where the image is none of a fork of this zygote.
    """
    base = _base
    head = os.pread(IMAGE, _HEADER.size, 0)
    if base is None or len(head) != _HEADER.size or len(leave) > _ARENA_BYTES - _LEFT - 8:
        return False
    _, magic, identity, count, length, pid = _HEADER.unpack(head)
    if magic != _MAGIC or identity != base.identity or length > _LEFT or pid == os.getpid():
        return False
    ctypes.memmove(base.arena, os.pread(IMAGE, length, 0), length)
    ctypes.memmove(base.arena + _LEFT, struct.pack("<Q", len(leave)) + leave, 8 + len(leave))
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    base.run(base.arena + _TABLE, count, base.arena, 1)
    raise RuntimeError("a process that has become another goes on where that one stood")


def left() -> bytes:
    """Return what the process had to say that has become this one."""
    assert _base is not None
    length = struct.unpack("<Q", ctypes.string_at(_base.arena + _LEFT, 8))[0]
    return ctypes.string_at(_base.arena + _LEFT + 8, length)


def _stand_still(base: Base, shared: int, ready: int, go: int) -> None:
    """Save the registers, say so, wait, write out what the parent has listed meanwhile, and end.

    Whoever becomes this process returns from here, with all signals blocked.
    """
    ctypes.memset(shared + _LEFT, ord("r"), 1)
    first = [(_WRITE, ready, shared + _LEFT, 1, 0, 0, 0, 1), (_READ, go, shared + _LEFT, 1, 0, 0, 0, 1)]
    count = _ENTRIES_MAX  # the last of them ends the process
    ctypes.memmove(shared + _TABLE, b"".join(_ENTRY.pack(*entry) for entry in first), 64 * len(first))
    ctypes.pythonapi.PyOS_BeforeFork()
    if base.run(shared + _TABLE, count, shared, 0) < 0:
        os._exit(1)
    ctypes.pythonapi.PyOS_AfterFork_Child()  # locks, random seeds and what the function has asked for, as after a fork
    base.set_thread_id()


def _send(base: Base, pid: int, shared: int, connection: int, introduce: Callable[[int], bytes]) -> None:
    """Write the head of a still process's image, and list for it what else it shall write."""
    context = ctypes.string_at(shared, 64)
    plan = _Plan(base, pid, shared, context)
    table, writes = plan.table(), plan.writes
    if len(table) + len(writes) + 8 > _ENTRIES_MAX:
        raise NoImageError("its memory is in too many pieces")
    length = _round_up(_TABLE + 64 * len(table))
    head = _HEADER.pack(context, _MAGIC, base.identity, len(table), length, pid)
    packed = b"".join(_ENTRY.pack(*entry) for entry in plan.placed(table, length))
    entries = [(_WRITE, connection, start, size, 0, 0, 0, size) for start, size in writes]
    entries.append((_EXIT_GROUP, 0, 0, 0, 0, 0, 0, 0))
    ctypes.memmove(shared + _TABLE + 128, b"".join(_ENTRY.pack(*entry) for entry in entries), 64 * len(entries))
    image_head = head.ljust(_TABLE, b"\0") + packed
    _write_all(connection, introduce(length + plan.bytes) + image_head.ljust(length, b"\0"))


class _Plan:
    """What of a process's memory an image holds, and how it is put in its place again."""

    def __init__(self, base: Base, pid: int, shared: int, context: bytes) -> None:
        self.writes: list[tuple[int, int]] = []
        self.bytes = 0
        self._entries: list[tuple[int, ...]] = []
        self._base = base
        self._pid = pid
        self._end_of_heap = 0
        self._stack_pointer = _SAVED_STACK_POINTER.unpack(context)[0]
        skipped = {base.code, base.arena, shared}
        with open(f"/proc/{pid}/smaps", "rb") as file:
            found = _parse_mappings(file)
        for mapping in found:
            if mapping.start not in skipped and not mapping.name.startswith(_KERNELS):
                self._add(mapping)

    def _add(self, mapping: _Mapping) -> None:
        if mapping.line in self._base.fixed or (_is_wiped(mapping) and mapping.start in self._base.wiped):
            return
        if b"s" in mapping.permissions and b"w" in mapping.permissions and _is_shared_file(mapping):
            raise NoImageError("it shares memory with a file: " + os.fsdecode(mapping.name))
        if _is_wiped(mapping) or b"r" not in mapping.permissions:
            self._anonymous(mapping)
        elif mapping.name == b"[stack]":
            start = self._stack_pointer // _PAGE * _PAGE  # what lies below is of calls that have returned
            self._hold(start, mapping.end - start, None)
        elif mapping.is_file:
            self._hold(mapping.start, mapping.end - mapping.start, mapping.protection)
        else:
            if mapping.name == b"[heap]":
                self._end_of_heap = mapping.end
            runs = self._runs(mapping)
            if runs != [(mapping.start, mapping.end)]:
                self._anonymous(mapping)
            for start, end in runs:
                self._hold(start, end - start, mapping.protection)

    def _anonymous(self, mapping: _Mapping) -> None:
        length = mapping.end - mapping.start
        flags = _PRIVATE | _FIXED | _ANONYMOUS | _NORESERVE
        self._entries.append((_MMAP, mapping.start, length, mapping.protection, flags, -1, 0, mapping.start))
        if _is_wiped(mapping):
            self._entries.append((_MADVISE, mapping.start, length, _WIPEONFORK, 0, 0, 0, 0))

    def _hold(self, start: int, length: int, protection: int | None) -> None:
        """Have a piece written, and mapped in its place; without a protection, read into what is there."""
        if protection is None:
            self._entries.append((_PREAD, IMAGE, start, length, self.bytes, 0, 0, length))
        else:
            self._map_piece(start, length, protection)
        self.writes.append((start, length))
        self.bytes += length

    def _map_piece(self, start: int, length: int, protection: int) -> None:
        """Have a piece of the image mapped, together with the one before where it goes on there."""
        flags = _PRIVATE | _FIXED | _NORESERVE
        if self._entries:
            number, before, its_length, *rest = self._entries[-1]
            at = self.bytes - its_length
            if number == _MMAP and before + its_length == start and rest == [protection, flags, IMAGE, at, before]:
                self._entries[-1] = (_MMAP, before, its_length + length, *rest)
                return
        self._entries.append((_MMAP, start, length, protection, flags, IMAGE, self.bytes, start))

    def _runs(self, mapping: _Mapping) -> list[tuple[int, int]]:
        """Return where an anonymous mapping has pages, by proc_pid_pagemap(5)."""
        with open(f"/proc/{self._pid}/pagemap", "rb", buffering=0) as file:
            file.seek(mapping.start // _PAGE * 8)
            entries = file.read((mapping.end - mapping.start) // _PAGE * 8)
        runs: list[list[int]] = []
        for number, entry in enumerate(array.array("Q", entries)):
            if entry >> 62:  # present or swapped out
                start = mapping.start + number * _PAGE
                if runs and start - runs[-1][1] <= _NEAR:
                    runs[-1][1] = start + _PAGE
                else:
                    runs.append([start, start + _PAGE])
        return [(start, end) for start, end in runs]

    def table(self) -> list[tuple[int, ...]]:
        """Return the calls that put everything in its place, the end of the heap before all and the image's last."""
        heap = self._end_of_heap
        before = [(_BRK, heap, 0, 0, 0, 0, 0, heap)] if heap else []
        return [*before, *self._entries, (_CLOSE, IMAGE, 0, 0, 0, 0, 0, 0)]

    def placed(self, table: list[tuple[int, ...]], length: int) -> Iterator[tuple[int, ...]]:
        """Count the places in the image from its beginning, where its head takes `length`."""
        for entry in table:
            if entry[0] == _PREAD:
                yield (*entry[:4], entry[4] + length, *entry[5:])
            elif entry[0] == _MMAP and entry[5] == IMAGE:
                yield (*entry[:6], entry[6] + length, entry[7])
            else:
                yield entry


def _is_wiped(mapping: _Mapping) -> bool:
    """Say whether the kernel gives a fork none of it: the C library's randomness, madvise(2) MADV_WIPEONFORK."""
    return b"wf" in mapping.flags or b"dp" in mapping.flags


def _is_shared_file(mapping: _Mapping) -> bool:
    return not mapping.name.startswith((b"/dev/zero (deleted)", b"/memfd:", b"/SYSV"))


def _parse_mappings(lines: Iterable[bytes]) -> list[_Mapping]:
    found: list[_Mapping] = []
    for line in lines:
        if line[:1].isupper():
            if line.startswith(b"VmFlags:"):
                found[-1].flags = line.split()[1:]
        else:
            found.append(_Mapping(line))
    return found


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _round_up(length: int) -> int:
    return -(-length // _PAGE) * _PAGE
