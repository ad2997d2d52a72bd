"""The template and its forks, without Jupyter's machinery around them."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from rnnkit.warm import wire
from rnnkit.warm.client import Template, TemplateError, available

pytestmark = pytest.mark.skipif(not available(), reason="warm kernels need Linux")


@pytest.fixture(scope="module")
def template():
    with Template(["json.tool", "no_such_module"]) as made:
        yield made


@pytest.fixture
def start(template, tmp_path):
    """Start a kernel that has a connection file, and wait until it has written there."""
    from jupyter_client.connect import write_connection_file

    started = []

    def run(**env):
        file, _ = write_connection_file(
            str(tmp_path / f"c{len(started)}.json"), transport="ipc", ip=str(tmp_path / "s")
        )
        started.append(template.start(["-f", file], {**os.environ, **env}, str(tmp_path)))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(10)


def until(condition, seconds=20):
    """Wait for something that must come about; how fast it does is not the question."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_module_that_cannot_be_imported_is_reported_and_costs_nothing_else(template):
    assert set(template.failed) == {"no_such_module"}
    assert "No module named" in template.failed["no_such_module"]


def test_a_template_has_one_thread_when_it_is_ready_to_fork(template):
    assert template.threads == 1


def test_a_killed_kernel_reports_its_signal_and_the_template_lives_on(start, template):
    process = start()
    assert process.poll() is None
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    assert template.is_alive()
    assert start().poll() is None


def test_a_kernel_has_the_environment_and_folder_it_was_given_and_no_other(start, tmp_path):
    process = psutil.Process(start(SIGN="of its own").pid)
    until(lambda: process.cwd() == str(tmp_path))
    assert process.parent().pid != os.getpid()


def test_what_a_kernel_started_ends_with_it(template, tmp_path):
    startup = tmp_path / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "daemon.py").write_text(
        "import subprocess, sys\n"
        "daemon = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(daemon.pid))"
    )
    process = template.start(
        ["-f", str(tmp_path / "c.json")], {**os.environ, "IPYTHONDIR": str(tmp_path)}, str(tmp_path)
    )
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    daemon = psutil.Process(int((tmp_path / "pid").read_text()))
    process.kill()
    process.wait(10)
    until(lambda: not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE)


def test_nothing_outlives_the_process_that_started_the_template(tmp_path):
    source = (
        "import os, signal, sys\nfrom rnnkit.warm.client import Template\n"
        "from jupyter_client.connect import write_connection_file as write\nt = Template()\n"
        f"file, _ = write({str(tmp_path / 'c.json')!r}, transport='ipc', ip={str(tmp_path / 's')!r})\n"
        f"k = t.start(['-f', file], dict(os.environ), {str(tmp_path)!r})\n"
        "print(t.process.pid, k.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    for pid in map(int, done.stdout.split()):
        until(lambda pid=pid: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_a_template_that_ends_during_its_imports_says_its_last_words(tmp_path):
    (tmp_path / "deadly.py").write_text(
        "import os, sys\nsys.stderr.write('no disk left')\nsys.stderr.flush()\nos._exit(3)"
    )
    with pytest.raises(TemplateError, match="ended before it was ready: no disk left"):
        Template(["deadly"], path=[str(tmp_path)])


def test_a_command_that_does_not_exist_is_a_clear_error():
    with pytest.raises(TemplateError, match=r"did not start: .*no-such-bwrap"):
        Template(command=["no-such-bwrap"])


def test_a_closed_template_cannot_fork(tmp_path):
    template = Template()
    template.close()
    with pytest.raises(TemplateError, match="is gone"):
        template.start([], {}, str(tmp_path))


def test_a_message_above_the_bound_is_refused_before_it_is_sent():
    ours, theirs = wire.pair()
    with ours, theirs, pytest.raises(ValueError, match=r"takes \d+ bytes, at most 131072 travel"):
        wire.send(ours, {"env": os.urandom(200_000).hex()})


def test_two_forks_do_not_share_random_numbers(template, tmp_path):
    """As new processes do not: the generators of the template were seeded once."""
    for number in range(2):
        folder = tmp_path / str(number) / "profile_default" / "startup"
        folder.mkdir(parents=True)
        (folder / "draw.py").write_text(
            f"import random, numpy\nopen({str(tmp_path / f'drawn{number}')!r}, 'w')"
            ".write(f'{random.random()} {numpy.random.rand()} ')\n"
        )
    with Template(["numpy"]) as one:
        kernels = []  # a kernel ends when nobody holds its leash
        for number in range(2):
            env = {**os.environ, "IPYTHONDIR": str(tmp_path / str(number))}
            kernels.append(one.start(["-f", str(tmp_path / f"c{number}.json")], env, str(tmp_path)))
        files = [tmp_path / f"drawn{number}" for number in range(2)]
        until(lambda: all(file.exists() and len(file.read_text().split()) == 2 for file in files))
        drawn = [file.read_text().split() for file in files]
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_what_is_below_a_process_whose_first_thread_has_ended_is_found():
    """It looks like a zombie then, while another thread of it may still end, or never."""
    from rnnkit.warm.template import _below

    sleep = "import time; time.sleep(600)"
    source = (
        "import ctypes, platform, subprocess, sys, threading, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {sleep!r}], start_new_session=True)\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\nprint(child.pid, flush=True)\n"
        "ctypes.CDLL(None).syscall(60 if platform.machine() == 'x86_64' else 93, 0)  # exit, of this thread alone"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
        child = psutil.Process(int(process.stdout.readline()))
        try:
            until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
            assert child.pid in _below(os.getpid())
        finally:
            child.kill()
            process.kill()
