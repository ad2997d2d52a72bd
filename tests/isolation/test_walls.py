"""Every layer alone and all together, run into from a real kernel."""

import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

from rnnkit.isolation import bubblewrap, cgroups, landlock
from rnnkit.isolation import plan as plans
from rnnkit.isolation.plan import IsolationError, Plan, make_plan, require, verdict

ROOT = Path(__file__).parents[2]
LINUX = sys.platform == "linux"
pytestmark = pytest.mark.skipif(not LINUX, reason="walls need Linux")

CONTINUOUS_INTEGRATION = os.environ.get("CI") == "true"


def has_bubblewrap():
    try:
        return bool(bubblewrap.find())
    except bubblewrap.BubblewrapError:
        return False


def refuse_bubblewrap(monkeypatch):
    def find():
        raise bubblewrap.BubblewrapError("bwrap is switched off for this test")

    monkeypatch.setattr(bubblewrap, "find", find)


LAYERS = [
    pytest.param("all", id="bubblewrap and all"),
    pytest.param("unprivileged", id="Landlock, seccomp and limits"),
]


@pytest.fixture(scope="module", params=LAYERS)
def source(request, tmp_path_factory):
    """Where kernels come from, with all layers or without bubblewrap."""
    from rnnkit.grade.limits import Limits
    from rnnkit.grade.master import Master
    from rnnkit.grade.source import KernelSource

    if request.param == "all" and not has_bubblewrap() and not CONTINUOUS_INTEGRATION:
        pytest.skip("this machine has no bubblewrap")
    if request.param == "unprivileged" and not landlock.version() and not CONTINUOUS_INTEGRATION:
        pytest.skip("this machine has no Landlock")
    secret = tmp_path_factory.mktemp("secrets")
    (secret / "solution.txt").write_text("the answer")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "unprivileged":
            refuse_bubblewrap(patch)
        limits = Limits(cell_seconds=20, scratch_mb=8, processes=40)
        made = KernelSource(Master.load(ROOT / "solutions/05-bptt.ipynb"), limits, "strict", [secret])
    made.secret = secret
    yield made
    made.close()


@pytest.fixture
def kernel(source):
    from rnnkit.grade.kernel import GradingKernel

    made = GradingKernel(source, time.monotonic() + 120)
    yield made
    made.stop()


def test_the_walls_that_were_tried_held(source):
    assert source.isolation.startswith("files, network and processes sealed off and tried")


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param("open({secret!r} + '/solution.txt').read()", id="reads a solution"),
        pytest.param("os.listdir({secret!r})[0]", id="lists the solutions"),
        pytest.param("open({secret!r} + '/mine', 'w')", id="writes beside the solutions"),
        pytest.param("open({shared!r} + '/mine', 'w')", id="writes to the host's folder of sockets"),
        pytest.param("open('/etc/shadow').read()", id="reads the system's secrets"),
        pytest.param("open({home!r} + '/.bashrc').read()", id="reads the instructor's home"),
        pytest.param("__import__('rnnkit.grade')", id="imports the grader"),
        pytest.param("os.kill({pid}, 9)", id="kills the worker"),
        pytest.param("os.kill(os.getppid(), 9)", id="kills the template"),
        pytest.param("open(f'/proc/{{os.getppid()}}/mem', 'rb').read(1)", id="reads the template's memory"),
        pytest.param("open(f'/proc/{pid}/environ', 'rb').read(1)", id="reads the worker's environment"),
        pytest.param("open(f'/proc/{{os.getppid()}}/fd/3')", id="opens what the template has open"),
        pytest.param("socket.create_connection(('127.0.0.1', {port}), 2)", id="connects to this machine"),
        pytest.param(
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 53))", id="sends a datagram"
        ),
        pytest.param("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", id="opens a raw socket"),
        pytest.param("libc(101, 16, os.getppid(), 0, 0)", id="traces the template"),
        pytest.param("libc(272, 0x10000000)", id="makes a user namespace"),
        pytest.param("libc(165, b'x', b'/tmp', b'tmpfs', 0, 0)", id="mounts"),
        pytest.param("os.setuid(0) if os.getuid() else os.chroot('/')", id="becomes somebody else"),
        pytest.param("os.unlink(sys.executable)", id="removes Python"),
    ],
)
def test_a_hostile_cell_does_not_get_through(kernel, source, attempt):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        words = {
            "secret": str(source.secret), "shared": str(source.inside(source.shared)), "home": str(Path.home()),
            "pid": os.getpid(), "port": server.getsockname()[1],
        }  # fmt: skip
        kernel.run(
            "import ctypes, os, socket, sys\n"
            "def libc(*a):\n    r = ctypes.CDLL(None, use_errno=True).syscall(*a)\n"
            "    if r < 0: raise OSError(ctypes.get_errno(), 'refused')\n    return r"
        )
        said = kernel.run(attempt.format(**words))
    refused = (
        "PermissionError",
        "FileNotFoundError",
        "ProcessLookupError",
        "ModuleNotFoundError",
        "OSError",
        "Connect",
    )
    assert said.startswith(refused), said
    assert (source.secret / "solution.txt").read_text() == "the answer"
    assert list(source.secret.iterdir()) == [source.secret / "solution.txt"]


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'x')", id="a temporary file"),
        pytest.param("open('notes.txt', 'w').write('x'); assert open('notes.txt').read() == 'x'", id="a file"),
        pytest.param("import subprocess; subprocess.run(['ls'], check=True)", id="a program"),
        pytest.param("import threading; t = threading.Thread(target=print); t.start(); t.join()", id="a thread"),
        pytest.param("import numpy as np; np.linalg.svd(np.eye(50)); np.save('a.npy', np.eye(3))", id="linear algebra"),
        pytest.param("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.savefig('a.png')", id="a figure"),
        pytest.param("import multiprocessing as m\nwith m.Pool(2) as p: assert p.map(abs, [-1]) == [1]", id="a pool"),
        pytest.param("import asyncio; await asyncio.sleep(0)", id="asyncio"),
        pytest.param("import socket; a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'", id="a pair"),
        pytest.param("import os, getpass; os.cpu_count(), os.getcwd(), os.uname()", id="the machine"),
    ],
)
def test_an_honest_cell_does_not_notice_the_walls(kernel, source, cell):
    if "Pool" in cell and not source.plan.own_root:
        assert "PermissionError" in kernel.run(cell)  # semaphores lie in /dev/shm, which all notebooks share there
    else:
        assert kernel.run(cell) == ""


def test_an_own_network_serves_itself_and_a_program_is_heard(kernel, source):
    if not source.plan.own_root:
        return  # there is no network at all
    serve = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nc = socket.create_connection(s.getsockname())"
    assert kernel.run(serve) == ""


def test_a_fork_bomb_and_a_full_disk_stay_inside(kernel, source):
    bomb = "import os\nfor _ in range(10_000):\n    if os.fork() == 0:\n        import time; time.sleep(600)"
    assert kernel.run(bomb).startswith(("BlockingIOError", "OSError"))
    if source.plan.own_root:
        fill = "for n in range(100): open(f'/tmp/{n}', 'wb').write(b'x' * 1_000_000)"
        assert "No space left on device" in kernel.run(fill)
    assert kernel.run("1 + 1") == "" or not kernel.is_alive()


def test_nothing_of_one_notebook_is_there_for_the_next(source):
    from rnnkit.grade.kernel import GradingKernel

    leave = (
        "import os, signal, sys\nfor name in ('/tmp/note', '/dev/shm/note', 'note'):\n"
        "    try: open(name, 'w').write('for the next')\n    except OSError: pass\n"
        "try:\n    os.makedirs('/tmp/a/b/c')\n    os.chmod('/tmp/a/b', 0)\nexcept OSError: pass\n"
        "if os.fork() == 0:\n    os.setsid()\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    import time; time.sleep(600)"
    )
    look = (
        "import os\nfound = [n for n in ('/tmp/note', '/dev/shm/note', 'note', '/tmp/a') if os.path.lexists(n)]\n"
        "try: alive = [p for p in os.listdir('/proc') if p.isdigit()]\nexcept OSError: alive = []\n"
        "assert not found and len(alive) <= 4, (found, alive)"
    )
    said = []
    for cell in (leave, look):
        kernel = GradingKernel(source, time.monotonic() + 60)
        said.append(kernel.run(cell))
        kernel.stop()
    assert said == ["", ""]


# ------------------------------------------------------------------ plans and what is said of them


def plan_for(mode, tmp_path, **options):
    given = {"read": [sys.prefix], "hidden": [], "shared": str(tmp_path), "memory": 1 << 30, "processes": 64}
    made = make_plan(mode, **(given | {"scratch": 1 << 20} | options))
    made.close()
    return made


def test_strict_refuses_where_a_wall_is_missing_and_names_what_would_help(monkeypatch, tmp_path):
    refuse_bubblewrap(monkeypatch)
    monkeypatch.setattr(landlock, "version", lambda: 0)
    with pytest.raises(IsolationError, match=r"strict cannot be had here: .*bwrap is switched off.*no Landlock"):
        plan_for("strict", tmp_path)
    with pytest.raises(IsolationError, match="strict cannot be had here"):
        require()
    assert plan_for("auto", tmp_path).missing


def test_without_walls_the_line_says_so_loudly(tmp_path):
    strong, line = verdict(plan_for("none", tmp_path), {})
    assert not strong
    assert "NO isolation of files, network and processes" in line
    assert "switched off by --isolation none" in line


def test_a_wall_that_did_not_hold_is_named_whatever_was_planned():
    made = Plan("/", layers=["bubblewrap"], own_root=True)
    strong, line = verdict(made, {"files": True, "network": False, "processes": True})
    assert not strong
    assert line.startswith("files and processes sealed off and tried (bubblewrap); NO isolation of network")


def test_what_is_hidden_is_left_out_of_what_may_be_read(tmp_path):
    for name in ("open/a", "open/secret/b", "open/c"):
        (tmp_path / name).mkdir(parents=True)
    found = plans._around(str(tmp_path / "open"), [str(tmp_path / "open/secret")])
    assert sorted(found) == [str(tmp_path / "open/a"), str(tmp_path / "open/c")]
    assert plans._around(str(tmp_path / "open"), [str(tmp_path)]) == [str(tmp_path / "open")]


def test_a_hidden_folder_inside_a_visible_one_is_covered_and_what_lies_deeper_shows():
    words = list(bubblewrap.command(["/usr/share/a", "/usr/share/a/b/c"], ["/usr/share"], "/run", 1))
    order = [
        words.index("/usr"),
        words.index("/usr/share"),
        words.index("/usr/share/a"),
        words.index("/usr/share/a/b/c"),
    ]
    assert order == sorted(order)
    assert words[words.index("/usr/share") - 1] == "--tmpfs"


def test_a_control_group_bounds_memory_of_all_processes_together():
    try:
        group = cgroups.make_group(64 << 20, 20)
    except OSError as error:
        pytest.skip(f"no control groups for this user: {error}")
    import subprocess

    try:
        eat = "b = []\nfor _ in range(400): b.append(bytes([1]) * (1 << 20))"
        done = subprocess.run([*group.command(), sys.executable, "-c", eat], capture_output=True, check=False)
        assert done.returncode != 0
        forks = (
            "import os\nfor _ in range(50):\n    if os.fork() == 0:\n        import time; time.sleep(1); os._exit(0)"
        )
        done = subprocess.run(
            [*group.command(), sys.executable, "-c", forks], capture_output=True, text=True, check=False
        )
        assert "Resource temporarily unavailable" in done.stderr
        time.sleep(1.2)
    finally:
        group.remove()
    assert not any(folder.exists() for folder in group.folders)


def test_a_folder_that_cannot_be_emptied_stops_the_kernel_before_any_code(tmp_path):
    from rnnkit.isolation import inside

    deep = tmp_path / "t"
    deep.mkdir()
    (deep / "kept").mkdir()
    (deep / "x").write_text("")
    inside._empty(str(deep), [str(deep / "kept")])
    assert [path.name for path in deep.iterdir()] == ["kept"]
    with contextlib.suppress(FileNotFoundError), pytest.raises(inside.WallError, match="cannot be emptied"):
        inside._empty(str(tmp_path / "missing"), [])


def test_no_open_file_leads_to_the_next_notebook(source):
    from rnnkit.grade.kernel import GradingKernel

    said = []
    for cell in ("os.pwrite(int(n), b'for the next', 5000)", "assert os.pread(int(n), 12, 5000) != b'for the next'"):
        kernel = GradingKernel(source, time.monotonic() + 60)
        scan = f"import os\nfor n in os.listdir('/proc/self/fd'):\n    try: {cell}\n    except OSError: pass"
        said.append(kernel.run(scan))
        kernel.stop()
    assert said == ["", ""]


def test_a_kernel_holds_no_end_of_the_templates_channels(kernel):
    look = (
        "import os, socket, stat\nfor n in os.listdir('/proc/self/fd'):\n"
        "    try: one = os.dup(int(n))\n    except OSError: continue\n"
        "    if stat.S_ISSOCK(os.fstat(one).st_mode):\n"
        "        assert socket.socket(fileno=one).type != socket.SOCK_SEQPACKET"
    )
    assert kernel.run(look) == ""


def test_landlock_alone_hides_what_lies_in_a_folder_that_may_be_read(monkeypatch, tmp_path):  # kills a survivor
    refuse_bubblewrap(monkeypatch)
    for name in ("lib", "solutions"):
        (tmp_path / name).mkdir()
    made = plan_for("auto", tmp_path, read=[str(tmp_path)], hidden=[str(tmp_path / "solutions")])
    assert str(tmp_path / "lib") in made.read
    assert not any((tmp_path / "solutions").is_relative_to(path) for path in made.read)
