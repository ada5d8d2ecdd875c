"""A machine with a Docker daemon of its own: this one, seen through mounts of its own.

Whoever is inside finds an empty /run with nothing but this daemon in it, only this daemon's containers among the
cgroups, and no Podman. Nobody outside sees any of it, and it leaves nothing behind.
"""

import ctypes
import io
import os
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

MOUNTS, FOLDERS = 0x20000, 0x200  # CLONE_NEWNS, CLONE_FS
CGROUPS = Path("/sys/fs/cgroup")
NAMESPACE = "/proc/thread-self/ns/mnt"
SOCKET = "/run/docker.sock"
OWN_SOCKET = "/run/docker-of-tests.sock"  # there is none outside, so that no other daemon is ever told anything
PODMAN = "/usr/bin/podman"
BUSYBOX = Path("/bin/busybox")
SECONDS = 30.0

_libc = ctypes.CDLL(None, use_errno=True)


class Daemon:
    """A dockerd that is started and stopped at will; its containers outlast that."""

    def __init__(self, data: str, mounts: int, cgroup: str) -> None:
        """`mounts` is the namespace that it sees, all cgroups included; those of its containers are below `cgroup`."""
        self._mounts = mounts
        self._data = data
        self._command = [
            *("nsenter", f"--mount=/proc/self/fd/{mounts}", "dockerd", "--live-restore", f"--data-root={data}"),
            *(f"--host=unix://{SOCKET}", f"--host=unix://{OWN_SOCKET}"),
            *("--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"),
            *("--exec-opt=native.cgroupdriver=cgroupfs", f"--cgroup-parent=/{cgroup}/docker"),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with Path(f"{self._data}/log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, pass_fds=[self._mounts], stdout=log, stderr=log, umask=0o022, start_new_session=True
            )
        until(self._answers)

    def stop(self) -> None:
        self.send(signal.SIGTERM)
        assert self._process
        self._process.wait(SECONDS)

    def send(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    def clear(self) -> None:
        """Remove all its containers."""
        if ids := docker("ps", "-aq").split():
            docker("rm", "--force", "--volumes", *ids)

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, Path(f"{self._data}/log").read_text()[-2000:]
        return Path(SOCKET).exists() and not _docker("version").returncode


@contextmanager
def machine() -> Iterator[Daemon]:
    """Be on a machine with a running Docker daemon."""
    cgroup = f"tomo-tests-{os.getpid()}"
    with ExitStack() as undone:
        data = undone.enter_context(tempfile.TemporaryDirectory(prefix="tomo-docker-"))
        for tree in _trees():
            _branch(tree, cgroup)
            undone.callback(_remove, tree / cgroup)
        undone.enter_context(own_mounts())
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        if Path(PODMAN).exists():
            undone.enter_context(hidden(PODMAN))
        everything = os.open(NAMESPACE, os.O_RDONLY)
        undone.callback(os.close, everything)
        undone.enter_context(own_mounts())
        for tree in _trees():
            mount("--bind", str(tree / cgroup), str(tree))
        undone.callback(_end_all_in, everything)
        daemon = Daemon(data, everything, cgroup)
        daemon.start()
        undone.callback(daemon.stop)
        undone.callback(daemon.clear)
        yield daemon


@contextmanager
def own_mounts() -> Iterator[None]:
    """Mounts made by this thread and its children are seen by nobody else, and are gone afterwards."""
    folder, outside = Path.cwd(), os.open(NAMESPACE, os.O_RDONLY)
    try:
        _call("unshare", MOUNTS)
        mount("--make-rprivate", "/")
        yield
    finally:
        _call("unshare", FOLDERS)  # a thread that was started meanwhile shares them, and would forbid to go back
        _call("setns", outside, MOUNTS)
        os.close(outside)
        os.chdir(folder)


@contextmanager
def hidden(*paths: str) -> Iterator[None]:
    """As if these files were not there."""
    with ExitStack() as undone:
        for path in paths:
            mount("--bind", "/dev/null", path)
            undone.callback(subprocess.run, ["umount", path], check=True)
        yield


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def docker(*arguments: str, given: bytes = b"") -> str:
    """What the daemon's own client prints."""
    done = _docker(*arguments, given=given)
    assert not done.returncode, done.stderr.decode()
    return done.stdout.decode().strip()


def _docker(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["docker", f"--host=unix://{OWN_SOCKET}", *arguments],
        input=given,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def make_image(tag: str) -> None:
    """An image of Busybox with its own tag in a file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as image:
        image.add(BUSYBOX.resolve(), "bin/busybox")
        for name in "sh sleep tail head tr cat dd echo touch rm".split():
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            image.addfile(link)
        text = tarfile.TarInfo("tag")
        text.size = len(tag)
        image.addfile(text, io.BytesIO(tag.encode()))
    docker("import", "-", tag, given=packed.getvalue())


def until(is_so: Callable[[], object]) -> None:
    """Wait for something that happens by itself."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def _trees() -> list[Path]:
    """Where trees of cgroups are mounted: one of version 2, or one for each controller of version 1."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(at) for _, at, kind, *_ in mounts if kind.startswith("cgroup") and at.startswith(str(CGROUPS))]


def _branch(tree: Path, name: str) -> None:
    """A cgroup of that name. One of version 1's cpuset is of no use before it was given what its parent has."""
    (tree / name).mkdir()
    (tree / name).chmod(0o755)  # the product lets nobody else see what it makes
    for given in ("cpuset.cpus", "cpuset.mems"):
        if (tree / given).exists():
            (tree / name / given).write_text((tree / given).read_text())


def _remove(cgroup: Path) -> None:
    """With all that runs in it; there is nothing but after a test run that broke off."""
    folders = sorted((path.parent for path in cgroup.rglob("cgroup.procs")), reverse=True)
    for folder in folders:
        _kill(map(int, (folder / "cgroup.procs").read_text().split()))
        until(lambda folder=folder: not (folder / "cgroup.procs").read_text())
        folder.rmdir()


def _kill(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _end_all_in(namespace: int) -> None:
    """What a daemon that did not stop well left behind there."""
    inode = os.fstat(namespace).st_ino
    found = []
    for path in Path("/proc").glob("[0-9]*/ns/mnt"):
        with suppress(OSError):
            if path.stat().st_ino == inode:
                found.append(int(path.parts[2]))
    _kill(found)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
