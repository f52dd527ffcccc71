"""Run by a bare interpreter in front of every child: `launch.py PARENT MOUNTS COMMAND...`.

It makes the child die with the server (Linux), gives it a private view of the file system, in which
each `SOURCE:TARGET` of MOUNTS (comma-separated, may be empty) is bound, and becomes the command.
Standard library only, as no environment can be relied on here.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the server's spawning thread ends, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("launch: the server has ended")


def bind(mounts: list[str]) -> None:
    """Bind folders in a mount namespace of this process's own; OSError where that is forbidden."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    try:
        os.unshare(os.CLONE_NEWNS)
    except PermissionError:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    pairs = [tuple(os.fsencode(each).split(b":", 1)) for each in mounts]
    for source, target, flags in (
        (b"none", b"/", MS_REC | MS_PRIVATE),
        *((source, target, MS_BIND) for source, target in pairs),
    ):
        if libc.mount(source, target, None, flags, None) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), os.fsdecode(target))


if __name__ == "__main__":
    if sys.argv[2]:
        bind(sys.argv[2].split(","))
    die_with(int(sys.argv[1]))
    os.execvpe(sys.argv[3], sys.argv[3:], os.environ)  # noqa: S606
