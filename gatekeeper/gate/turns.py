"""How long the gate waits for a processor that others keep busy (docs/decisions/0014).

A decision takes some microseconds, and the worker beside it computes for milliseconds at a time. Linux 6.12 and later let a
thread ask for short turns, and give them before long ones are over (sched_setattr(2); its documentation calls them slices).
"""

import ctypes
import os
import platform
import sys
from typing import Final

# The least that Linux gives; others have 1.4 or 2.8 ms
_NANOSECONDS: Final = 100_000
_RESET_ON_FORK = 1
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}


class SchedAttr(ctypes.Structure):
    """`struct sched_attr` as the system call first had it. Of a thread of the ordinary policy, `runtime` is its turn in ns."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def ask_for_short_ones() -> bool:
    """Ask for short turns for this thread, but for none that it starts. Needs no privilege, and takes no more of the processor.

    False: this system knows no such thing, or runs the thread by a policy that its operator chose; then nothing is changed.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None or os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK != os.SCHED_OTHER:
        return False
    wish = SchedAttr(
        size=ctypes.sizeof(SchedAttr),
        policy=os.SCHED_OTHER,
        flags=_RESET_ON_FORK,
        nice=os.getpriority(os.PRIO_PROCESS, 0),
        runtime=_NANOSECONDS,
    )
    return bool(ctypes.CDLL(None).syscall(number, 0, ctypes.byref(wish), 0) == 0)
