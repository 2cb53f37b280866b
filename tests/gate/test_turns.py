"""Short turns for the gate, as the kernel tells of them."""

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gatekeeper.gate import turns
from tests.kit.gates import gate_process, settings_in

_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}
_RELEASE = tuple(int(part) for part in platform.release().split(".")[:2]) if sys.platform == "linux" else (0, 0)

pytestmark = pytest.mark.skipif(
    _RELEASE < (6, 12) or platform.machine() not in _SCHED_GETATTR, reason="only Linux 6.12 and later has turns to be asked for"
)


def attributes(thread: int) -> turns.SchedAttr:
    found = turns.SchedAttr()
    number = _SCHED_GETATTR[platform.machine()]
    assert ctypes.CDLL(None).syscall(number, thread, ctypes.byref(found), ctypes.sizeof(found), 0) == 0
    return found


def test_the_gate_has_short_turns_and_its_other_threads_usual_ones(tmp_path: Path) -> None:
    with gate_process(settings_in(tmp_path)) as gate:
        runtimes = {task.name: attributes(int(task.name)).runtime for task in Path(f"/proc/{gate.pid}/task").iterdir()}
    assert runtimes.pop(str(gate.pid)) == 100_000
    # It has looked for its snapshot in one
    assert set(runtimes.values()) == {attributes(os.getpid()).runtime}


@pytest.mark.parametrize(("command", "policy", "nice"), [(["nice", "-n", "7"], 0, 7), (["chrt", "--batch", "0"], 3, 0)])
def test_what_the_operator_chose_stays(command: list[str], policy: int, nice: int) -> None:
    code = (
        "import os; from gatekeeper.gate import turns; took = turns.ask_for_short_ones(); "
        "print(took, os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.getpriority(os.PRIO_PROCESS, 0))"
    )
    done = subprocess.run([*command, sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(policy == os.SCHED_OTHER), str(policy), str(nice)]
