"""Plays zygote manager and worker for real zygotes, over the real sockets (src/warm/wire.h), and starts the
same programs cold."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from support.binary import BUILD

SHIM = BUILD / "libcgisrv-warm.so"
WAITING = int(os.environ.get("CGISRV_WARM_WAITING", "1"))
FD_MIN = 200

READY, REFUSED, REQUEST, BEGUN, ENDED, FAILED = range(1, 7)
MAGIC = 0x31574743
HEADER = struct.Struct("=IIQ")
REQUEST_HEAD = struct.Struct("=IIQIIIIII")
LIMIT = struct.Struct("=IIQQ")
BEGUN_BODY = struct.Struct("=ii")
ENDED_BODY = struct.Struct("=ii 18q")
INLINE_MAX = 65536
WITH_DIRECTORY, WITH_CGROUP, WITH_MEMFD = 1, 2, 4

CONSTANT = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "cgisrv/test",
            "PATH": "/usr/local/bin:/usr/bin:/bin", "REDIRECT_STATUS": "200"}


def environment(**more: str) -> dict[str, str]:
    """What a worker gives a program for GET /program?a=b."""
    return {**CONSTANT, "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "example.org",
            "SERVER_PORT": "80", "REQUEST_METHOD": "GET", "QUERY_STRING": "a=b",
            "SCRIPT_NAME": "/program", "REMOTE_ADDR": "127.0.0.1", "HTTP_COOKIE": "x=1", **more}


@dataclass
class Result:
    """How a run went; equal when a client could see no difference."""
    status: int
    stdout: bytes
    stderr: bytes
    pid: int = field(default=0, compare=False)
    usage: tuple = field(default=(), compare=False)


class Refused(Exception):
    pass


def memory_file(name: str, content: bytes = b"") -> int:
    fd = os.memfd_create(name)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def shebang(script: Path) -> list[str]:
    """The interpreter that the first line names, without env(1), and what it says besides."""
    words = script.read_bytes().split(b"\n", 1)[0].decode().removeprefix("#!").strip().split(None, 1)
    if words[0].endswith("/env"):
        words = words[1].removeprefix("-S ").split(None, 1)
        words[0] = shutil.which(words[0], path=CONSTANT["PATH"])
    return words


def warm_command(script: Path, slate: int, preload: str, finalize: str) -> list[str]:
    interpreter, *more = shebang(script)
    if "perl" in Path(interpreter).name:
        modules = "".join(f',"{name}"' for name in preload.split(",")[1:])
        load = f'-M5;BEGIN{{(require"{BUILD}/warm.pl")->({slate}{modules})}}'
        return [interpreter, load, *more, str(script)]
    return [interpreter, *more, f"{BUILD}/warm.py", str(slate), preload, finalize, str(script)]


class Zygote:
    """A booted program. Refused is raised when it says so, or dies on its way."""

    def __init__(self, program: Path, constant: dict[str, str] | None = None, mode: str = "fork",
                 preload: str = "standard", finalize: str = "quick", user: int | None = None,
                 files_max: int | None = None, waiting: int | None = None):
        if waiting is None:
            waiting = WAITING if mode == "fork" else 0  # as the server has it
        self.script = program
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control: socket.socket | None = None  # comes with its first word
        self.slate = memory_file("slate")
        self.output, self.error = memory_file("stdout"), memory_file("stderr")
        reading, writing = os.pipe()
        os.write(writing, b"?")
        os.close(writing)
        command = ([str(program)] if mode == "main"
                   else warm_command(program, FD_MIN + 1, preload, finalize))
        variables = {**(CONSTANT if constant is None else constant), "LD_PRELOAD": str(SHIM),
                     "CGISRV_WARM": mode, "CGISRV_WARM_CHANNEL": str(FD_MIN),
                     "CGISRV_WARM_SLATE": str(FD_MIN + 1), "CGISRV_WARM_MANAGER": str(os.getpid()),
                     "CGISRV_WARM_WAITING": str(waiting)}
        if mode == "main":
            variables["LD_BIND_NOW"] = "1"
        self.pid = os.fork()
        if self.pid == 0:
            if files_max is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
            self._become(command, variables, program.parent, user,
                         (reading, self.output, self.error, theirs.fileno(), self.slate))
        theirs.close()
        os.close(reading)
        self.reaped = False
        try:
            self._hear()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _become(command: list[str], variables: dict[str, str], folder: Path,
                user: int | None, fds: tuple[int, ...]) -> None:
        try:
            os.setsid()
            os.umask(0o022)
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, FD_MIN + 2) for fd in fds]
            for fd, number in zip(high, (0, 1, 2, FD_MIN, FD_MIN + 1)):
                os.dup2(fd, number)
            os.closerange(3, FD_MIN)
            os.closerange(FD_MIN + 2, FD_MIN + 200)
            os.chdir(folder)
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            os.execve(command[0], command, variables)
        finally:
            os._exit(127)

    def _hear(self) -> None:
        assert select.select([self.channel], [], [], 10)[0], "neither ready nor refused in time"
        packet, fds, _, _ = socket.recv_fds(self.channel, 4096, 4)
        if not packet:
            raise Refused("It ends while it loads: " + self.said().decode(errors="replace").strip())
        magic, kind, _ = HEADER.unpack_from(packet)
        assert magic == MAGIC
        if kind == REFUSED:
            raise Refused(packet[HEADER.size:].decode())
        assert kind == READY
        [control] = fds
        self.control = socket.socket(fileno=control)

    def said(self) -> bytes:
        return os.pread(self.error, 1 << 20, 0)

    def files(self) -> list[str]:
        return os.pread(self.slate, 1 << 20, 0).decode().split("\0")[:-1]

    def wait(self) -> int:
        if not self.reaped:
            _, self.status = os.waitpid(self.pid, 0)
            self.reaped = True
        return self.status

    def close(self) -> None:
        self.channel.close()
        if self.control is not None:
            self.control.close()
        for fd in (self.slate, self.output, self.error):
            with contextlib.suppress(OSError):
                os.close(fd)
        if not self.reaped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
            deadline = time.monotonic() + 5
            while not self.reaped and time.monotonic() < deadline:
                pid, self.status = os.waitpid(self.pid, os.WNOHANG)
                self.reaped = pid != 0
                time.sleep(0 if self.reaped else 0.002)
            if not self.reaped:
                os.kill(self.pid, signal.SIGKILL)
                self.wait()
                raise AssertionError("the zygote did not retire")

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Worker:
    """Sends requests, and hears of them on a reply socket of its own."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.next_id = 1

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, zygote: Zygote, stdin: int, stdout: int, stderr: int, *,
             variables: dict[str, str], argv: list[str], cwd: str | int, limits=(),
             cgroup: int | None = None, claim: int | None = None) -> tuple[int, int]:
        """One request. Returns its id and the claim, which is the caller's to close."""
        number, self.next_id = self.next_id, self.next_id + 1
        if claim is None:
            claim = os.eventfd(1, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        strings = [*argv, *(f"{name}={value}" for name, value in variables.items()),
                   cwd if isinstance(cwd, str) else ""]
        packed = b"".join(LIMIT.pack(which, 0, soft, hard) for which, soft, hard in limits)
        packed += b"".join(os.fsencode(string) + b"\0" for string in strings)
        fds, flags = [stdin, stdout, stderr, self.theirs.fileno(), claim], 0
        if not isinstance(cwd, str):
            flags, fds = flags | WITH_DIRECTORY, [*fds, cwd]
        if cgroup is not None:
            flags, fds = flags | WITH_CGROUP, [*fds, cgroup]
        memfd = None
        if len(packed) > INLINE_MAX:
            memfd = memory_file("request", packed)
            flags, fds = flags | WITH_MEMFD, [*fds, memfd]
        head = REQUEST_HEAD.pack(MAGIC, REQUEST, number, flags, len(packed), len(limits), len(argv),
                                 len(variables), 0)
        socket.send_fds(zygote.control, [head + (b"" if memfd is not None else packed)], fds)
        if memfd is not None:
            os.close(memfd)
        return number, claim

    def hear(self, timeout: float = 10.0) -> tuple[int, int, bytes, list[int]]:
        """kind, id, the rest, descriptors"""
        assert select.select([self.ours], [], [], timeout)[0], "no answer in time"
        packet, fds, _, _ = socket.recv_fds(self.ours, 4096, 4)
        magic, kind, number = HEADER.unpack_from(packet)
        assert magic == MAGIC
        return kind, number, packet[HEADER.size:], fds

    def run(self, zygote: Zygote, script: Path, stdin: bytes | None = b"", *,
            variables: dict[str, str] | None = None, args: tuple[str, ...] = (),
            **more) -> Result:
        """One request to its end, as a worker does it: body in a memfd, pipes for the rest."""
        source = memory_file("stdin", stdin) if stdin else os.open("/dev/null", os.O_RDONLY)
        out, err = os.pipe(), os.pipe()
        more.setdefault("cwd", str(script.parent))
        number, claim = self.send(zygote, source, out[1], err[1], argv=[str(script), *args],
                                  variables=environment() if variables is None else variables,
                                  **more)
        for fd in (source, out[1], err[1]):
            os.close(fd)
        try:
            streams = read_both(out[0], err[0])
            kind, heard, body, fds = self.hear()
            assert (kind, heard) == (BEGUN, number), (kind, body)
            pid, _ = BEGUN_BODY.unpack(body)
            os.close(fds[0])
            kind, heard, body, _ = self.hear()
            assert (kind, heard) == (ENDED, number)
            status, _, *usage = ENDED_BODY.unpack(body)
            return Result(status, *streams, pid=pid, usage=tuple(usage))
        finally:
            for fd in (out[0], err[0], claim):
                os.close(fd)


def read_both(out: int, err: int, timeout: float = 10.0) -> tuple[bytes, bytes]:
    parts: dict[int, bytes] = {out: b"", err: b""}
    still = {out, err}
    while still:
        ready, _, _ = select.select(list(still), [], [], timeout)
        assert ready, ("the program does not end its output", parts)
        for fd in ready:
            chunk = os.read(fd, 65536)
            parts[fd] += chunk
            if not chunk:
                still.discard(fd)
    return parts[out], parts[err]


def plain(script: Path, stdin: bytes | None = b"", *, variables: dict[str, str] | None = None,
          args: tuple[str, ...] = (), limits=()) -> Result:
    """The same by exec."""
    def limit() -> None:
        for which, soft, hard in limits:
            resource.setrlimit(which, (soft, hard))

    source = memory_file("stdin", stdin) if stdin else os.open("/dev/null", os.O_RDONLY)
    with subprocess.Popen([str(script), *args], stdin=source, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, cwd=script.parent, umask=0o022,
                          preexec_fn=limit if limits else None, process_group=0,
                          env=environment() if variables is None else variables) as process:
        os.close(source)
        out, err = read_both(process.stdout.fileno(), process.stderr.fileno())
        _, status = os.waitpid(process.pid, 0)
        process.returncode = 0
    return Result(status, out, err, pid=process.pid)


def descriptors(pid: int) -> list[str]:
    return sorted(os.listdir(f"/proc/{pid}/fd"), key=int)


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0
