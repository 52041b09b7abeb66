from __future__ import annotations

import os
import subprocess
import sys
import time

from antiphon.workers.bench.costs import tree_cpu_s, tree_pss_mb


def test_a_tree_counts_its_children() -> None:
    before = tree_cpu_s(os.getpid())
    code = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as child:
        deadline = time.monotonic() + 10
        while tree_cpu_s(child.pid) < 0.3 and time.monotonic() < deadline:
            time.sleep(0)
        assert tree_cpu_s(os.getpid()) - before >= 0.28
        assert 1 < tree_pss_mb(child.pid) < tree_pss_mb(os.getpid())
        assert child.stdin is not None
        child.stdin.close()


def test_a_process_that_is_gone_costs_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert tree_cpu_s(child.pid) == 0.0
    assert tree_pss_mb(child.pid) == 0.0
