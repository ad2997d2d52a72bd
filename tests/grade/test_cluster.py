"""A real scheduler and two real worker processes on this machine."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import psutil
import pytest
from distributed import Client, LocalCluster

from rnnkit.grade import cluster as on_cluster
from rnnkit.grade.cluster import ClusterError, DaskExecutor
from rnnkit.grade.lanes import LocalExecutor
from rnnkit.grade.submissions import find
from rnnkit.grade.tasks import Assignment, Task, read_masters

pytestmark = pytest.mark.slow

# A cell that tells where it runs and goes on when it is let.
WAITS = """
import os, time
with open({folder!r} + "/started", "a") as file:
    print(os.getpid(), file=file)
while not os.path.exists({folder!r} + "/go"):
    time.sleep(0.05)
"""
# A cell that kills the Dask worker that its grading process belongs to.
KILLS = """
import psutil
lane = next(one for one in psutil.Process().parents() if "rnnkit.grade.grader" in " ".join(one.cmdline()))
lane.parent().kill()
"""


@pytest.fixture(scope="module")
def scheduler():
    options = {"threads_per_worker": 1, "processes": True, "host": "127.0.0.1", "dashboard_address": ":0"}
    with LocalCluster(n_workers=2, silence_logs="CRITICAL", **options) as made:
        yield made.scheduler_address


@pytest.fixture
def hand_in(handed_in, corpus, exercises_only):
    """Write a notebook with these answers solved, and a cell of its own."""

    def write(name, solved=(), cell=""):
        def change(made):
            exercises_only(made)
            if cell:
                corpus.put_first(made, cell)

        handed_in(name, solved=solved, change=change)

    return write


@pytest.fixture
def tasks(tmp_path, small_master):
    """All submissions of the class folder, by student."""
    given = Assignment(read_masters([small_master]), "seed", isolation="none")
    return lambda: ((one.student, Task.read(one, given)) for one in find([tmp_path / "class"]))


@pytest.fixture
def waiting(tmp_path, hand_in):
    """Hand in a notebook that waits; give back a function that waits until it runs and returns its process."""

    def started():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, IndexError, ValueError):
                return psutil.Process(int((tmp_path / "started").read_text().split()[-1]))
            time.sleep(0.05)
        raise TimeoutError("the notebook was never run")

    hand_in("waits.ipynb", solved=(2,), cell=WAITS.format(folder=str(tmp_path)))
    return started


def timeless(results):
    return {key: replace(result, seconds=0.0) for key, result in results}


def test_a_cluster_gives_the_same_results_as_this_machine(scheduler, hand_in, tasks, tmp_path):
    for number, solved in enumerate([(), (2,), (5,), (2, 5)]):
        hand_in(f"s{number}.ipynb", solved=solved)
    (tmp_path / "class/broken.ipynb").write_text("{")
    there = timeless(DaskExecutor(scheduler).run(tasks()))
    assert there == timeless(LocalExecutor(2).run(tasks()))
    assert [there[f"s{number}"].points for number in range(4)] == [0, 4, 3, 7]


def test_tasks_are_drawn_two_per_slot_at_most(scheduler, tasks, tmp_path):
    (tmp_path / "class").mkdir()
    for number in range(12):
        (tmp_path / f"class/s{number:02}.ipynb").write_text("{")
    drawn, ahead = [], []
    done = 0
    for _ in DaskExecutor(scheduler).run((key, drawn.append(key) or task) for key, task in tasks()):
        ahead.append(len(drawn) - done)
        done += 1
    assert done == len(drawn) == 12
    assert max(ahead) <= 2 * 2 + 1


def test_a_worker_killed_in_the_middle_loses_nothing(scheduler, hand_in, tasks, waiting, tmp_path):
    hand_in("ana.ipynb", solved=(5,))
    hand_in("ben.ipynb", solved=(2, 5))

    def kill():
        with Client(scheduler, set_as_default=False) as client:
            workers = set(client.run(os.getpid).values())
        next(one for one in waiting().parents() if one.pid in workers).kill()
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    results = dict(DaskExecutor(scheduler).run(tasks()))
    killer.join()
    assert {key: result.points for key, result in results.items()} == {"ana": 3, "ben": 7, "waits": 4}
    assert len((tmp_path / "started").read_text().split()) == 2


def test_a_notebook_that_kills_its_workers_has_two_attempts(scheduler, hand_in, tasks):
    hand_in("ana.ipynb", solved=(5,))
    hand_in("eve.ipynb", cell=KILLS)
    results = dict(DaskExecutor(scheduler).run(tasks()))
    assert results["ana"].points == 3
    assert results["eve"].status == "failed"
    assert "died 2 times: the cluster lost tcp://" in results["eve"].reason


def test_nothing_runs_on_when_the_client_is_gone(scheduler, tasks, waiting, tmp_path, small_master):
    source = (
        "import sys\nfrom pathlib import Path\nfrom rnnkit.grade.cluster import *\nfrom rnnkit.grade.tasks import *\n"
        "from rnnkit.grade.submissions import find\nscheduler, folder, master = sys.argv[1:]\n"
        "given = Assignment(read_masters([Path(master)]), 'seed', isolation='none')\n"
        "tasks = [(one.student, Task.read(one, given)) for one in find([folder])]\n"
        "list(DaskExecutor(scheduler).run(tasks))\n"
    )
    client = subprocess.Popen([sys.executable, "-c", source, scheduler, tmp_path / "class", small_master])
    kernel = waiting()
    client.send_signal(signal.SIGKILL)
    client.wait()
    gone, alive = psutil.wait_procs([kernel], timeout=30)
    assert (gone, alive) == ([kernel], [])


def test_a_worker_with_another_library_is_an_error_that_names_both(scheduler, tasks, hand_in, monkeypatch):
    hand_in("ana.ipynb")
    monkeypatch.setattr(on_cluster, "library_digest", lambda: "0123456789abcdef")
    with pytest.raises(ClusterError, match=r"the worker tcp://.* has another rnnkit .*what runs here .*0123456789ab"):
        list(DaskExecutor(scheduler).run(tasks()))


def test_a_cluster_without_workers_is_an_error_that_says_how_to_start_some(tasks, hand_in):
    hand_in("ana.ipynb")
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=":0", silence_logs="CRITICAL") as empty,
        pytest.raises(ClusterError, match="has had no worker for 1 s; start some with `dask worker tcp://"),
    ):
        list(DaskExecutor(empty.scheduler_address, patience=1.0).run(tasks()))


def test_a_scheduler_that_goes_away_is_an_error_that_says_how_to_go_on(tasks, hand_in, tmp_path):
    hand_in("ana.ipynb")
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    scheduler = subprocess.Popen(
        [*command, "--no-dashboard", "--scheduler-file", tmp_path / "scheduler"], stderr=subprocess.DEVNULL
    )
    address = ""
    while not address:
        assert scheduler.poll() is None
        time.sleep(0.05)
        with contextlib.suppress(OSError, ValueError):  # not there yet, or not yet whole
            address = json.loads((tmp_path / "scheduler").read_text())["address"]
    drawn = ((scheduler.kill(), task)[1] for task in tasks())
    with pytest.raises(ClusterError, match=r"went away .*the same command goes on from here"):
        list(DaskExecutor(address).run(drawn))
    scheduler.wait()


def test_a_silent_address_is_an_error_that_names_it(tasks, hand_in):
    hand_in("ana.ipynb")
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9 within 1 s"):
        list(DaskExecutor("tcp://127.0.0.1:9", connect_seconds=1.0).run(tasks()))
