"""Runs a program that cannot outlive the process that started it: ``python tether.py PARENT PROGRAM ARGUMENT…``.

Linux kills the program (SIGKILL) when the parent is gone, however the parent went. Nothing is imported beyond what the
call needs: this file is run for every child.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie ourselves to the parent, then become the program."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it died before we were tied to it
        sys.exit(1)
    os.execvp(program, [program, *arguments])  # noqa: S606 - that is what this file is for


if __name__ == "__main__":
    main()
