"""Through the notebook's runner, with a master of one exercise: what the kernel may do and what it may not."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from rnnkit.grade.kernel import GradingKernel
from rnnkit.grade.limits import Limits
from rnnkit.grade.master import Master
from rnnkit.grade.source import KernelError, KernelSource, Place
from rnnkit.isolation.plan import IsolationError

FAST = Limits(cell_seconds=1, output_mb=1)


@pytest.fixture(scope="module")
def source():
    made = KernelSource(Master.load(Path(__file__).parents[2] / "solutions/05-bptt.ipynb"), FAST)
    yield made
    made.close()


@pytest.fixture
def kernel(source):
    made = GradingKernel(source, time.monotonic() + 60)
    yield made
    made.stop()


def messages(kernel, source):
    """The kinds of all messages of a cell that get through."""
    cell = kernel.execute_cell_input(source)
    kernel.await_reply(cell)
    kinds, idle = [], False
    while not idle:
        message = kernel.get_message("iopub")
        if message["parent_header"]["msg_id"] == cell:
            kinds.append(message["msg_type"])
            idle = message["content"].get("execution_state") == "idle"
    return kinds


def test_a_cell_runs_and_its_error_comes_back(kernel):
    assert kernel.run("x = 1") == ""
    assert kernel.run("x / 0") == "ZeroDivisionError: division by zero"
    assert kernel.run("assert x == 1") == ""


def test_a_cell_past_its_time_is_interrupted_and_keeps_the_kernel(kernel):
    assert kernel.run("x = 1\nwhile True: pass") == "ran longer than 1 s"
    assert kernel.run("assert x == 1") == ""


def test_the_notebooks_time_bounds_every_cell(kernel):
    kernel.notebook_deadline = time.monotonic()
    assert kernel.run("while True: pass") == "the notebook ran longer than 240 s"


def test_a_flood_of_output_stops_the_cell(kernel):
    assert kernel.run("while True: print('x' * 10_000, flush=True)") == "printed more than 1 MB"
    assert kernel.run("1") == ""


def test_a_message_too_large_to_receive_costs_only_itself(kernel):
    assert kernel.run("print('x' * 40_000_000)") == ""
    assert messages(kernel, "1 / 0") == ["status", "error", "status"]


def test_a_dead_kernel_is_noticed_at_once(kernel):
    with pytest.raises(KernelError, match="ended"):
        kernel.run("import os; os._exit(0)")
    assert not kernel.is_alive()


def test_pictures_and_streams_are_dropped(kernel):
    source = "print(1)\nfrom IPython.display import Image, display\ndisplay(Image(b'', format='png'))\n2"
    assert messages(kernel, source) == ["status", "status"]


def test_stopping_ends_what_the_notebook_started_and_removes_its_folder(source):
    kernel = GradingKernel(source, time.monotonic() + 60)
    token = f"x{os.urandom(8).hex()}"
    kernel.run(
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1e5)', '{token}'])"
    )
    assert len(carrying(token)) == 1
    kernel.stop()
    assert carrying(token) == []
    assert not kernel.place.folder.exists()
    kernel.stop()


def carrying(token):
    """The processes with this word on their command line."""
    return [one for one in psutil.process_iter(["cmdline"]) if token in (one.info["cmdline"] or ())]


def test_a_kernel_asks_only_while_it_may(kernel):
    ask = "answer = get_ipython().kernel.raw_input('how much?')"
    assert kernel.run(ask).startswith("StdinNotImplementedError")
    kernel.answer = lambda question: f"{question} 42"
    assert kernel.run(f"{ask}\nassert answer == 'how much? 42'") == ""


def test_a_path_too_long_for_a_socket_is_a_clear_error(source, monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 90)
    monkeypatch.setattr(source, "place", lambda: Place(deep, deep, str(deep), str(deep)))
    with pytest.raises(KernelError, match="too long for a socket; set TMPDIR to a shorter folder"):
        GradingKernel(source, time.monotonic() + 60)


def test_a_template_that_died_is_replaced(kernel, source):
    kernel.stop()
    source.template.process.kill()
    source.template.process.wait()
    kernel = GradingKernel(source, time.monotonic() + 60)
    assert kernel.run("1 + 1") == ""
    kernel.stop()


def test_the_kernel_works_in_a_private_empty_folder_with_this_python(kernel):
    assert kernel.run(f"import os, sys\nassert os.listdir() == [] and os.environ['HOME'] != {str(Path.home())!r}") == ""
    assert kernel.run(f"assert sys.prefix == {sys.prefix!r}") == ""


def test_a_first_template_that_died_is_replaced_too():
    made = KernelSource(Master.load(Path(__file__).parents[2] / "solutions/05-bptt.ipynb"), FAST)
    made.template.process.kill()
    kernel = GradingKernel(made, time.monotonic() + 60)
    assert kernel.run("1 + 1") == ""
    kernel.stop()
    made.close()


def test_a_kernel_that_cannot_start_gets_a_new_template(monkeypatch, source):  # kills a survivor (Linux)
    """Its walls may be in doubt for what another notebook left."""
    old, fork, failed = source.template, source._fork, []

    def once(place, arguments):
        if not failed:
            failed.append(1)
            raise OSError("a folder cannot be emptied")
        return fork(place, arguments)

    monkeypatch.setattr(source, "_fork", once)
    kernel = GradingKernel(source, time.monotonic() + 60)
    kernel.stop()
    assert source.template is not old


def test_strict_starts_no_kernel_behind_a_wall_that_gave_way(source, monkeypatch):
    monkeypatch.setattr(source, "mode", "strict")
    monkeypatch.setattr(source, "_tried", None)
    monkeypatch.setattr(source, "_try_walls", lambda: {"files": True, "network": False, "processes": True})
    with pytest.raises(IsolationError, match=r"a wall is missing: .*NO isolation of network"):
        source.start(source.place(), "c.json")


def test_a_file_that_appears_outside_means_that_files_are_open(source, monkeypatch):
    start = source.template.start

    def leaks(*words, try_walls, **named):
        for folder in try_walls["write"]:
            Path(folder, try_walls["mark"]).touch()
        return start(*words, try_walls=try_walls, **named)

    monkeypatch.setattr(source.template, "start", leaks)
    assert source._try_walls()["files"] is False


def test_what_stays_on_the_trusted_side_has_a_seed_of_its_own(source):
    from rnnkit.grade.grader import fresh_seed
    from rnnkit.grade.notebook import Run, _emitting, _secret
    from rnnkit.grade.plan import Plan

    master = Master.load(Path(__file__).parents[2] / "solutions/05-bptt.ipynb")
    run = Run(Plan(), master, lambda name: fresh_seed("root", "digest", name), source)
    for check in master.checks:
        assert str(_secret(check, run)) not in _emitting(check, run)
