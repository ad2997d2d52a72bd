# ruff: noqa: E501 -- cells of learners, who do not count columns
"""Too much: time, output, memory, processes, files. What is right beside it keeps its points."""

from submissions.cases import ALL, POINTS, TOKEN, Cases, Notebook, answer, put_before, put_first, put_last, wrapped

HERE = Cases()

# ------------------------------------------------------------------ time: each of these waits for the deadline of a cell

HERE.first_cell("endless loop.ipynb", ALL, "while True: pass", says="ran longer than")
HERE.first_cell(
    "endless loop that cannot be interrupted.ipynb", ALL,
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass", says="ran longer than",
)  # fmt: skip
HERE.first_cell(
    "endless loop in C, signals ignored.ipynb", ALL,
    "import re, signal\nfor number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\nre.match('(a+)+$', 'a' * 60 + 'b')", says="ran longer than",
)  # fmt: skip
HERE.answer(
    "endless answer.ipynb", ALL - POINTS[5], 5, "def teacher_forced_loss(x, y, params):\n    return sum(range(10**15))",
    says="ran longer than", solved=POINTS,
)  # fmt: skip
HERE.first_cell(
    "prints without end, past Python.ipynb", ALL,
    "import os, subprocess\nsubprocess.Popen(['yes'], start_new_session=True)\nwhile True: print('x' * 10_000)",
    says="cell 3: ",
)  # fmt: skip

# ------------------------------------------------------------------ output


@HERE.notebook("prints 100 MB.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "print('x' * 50_000_000)\nprint(*['y' * 99] * 200_000, sep='\\n')")
    put_first(made, "import os\nfor _ in range(1000): os.write(1, b'z' * 50_000); os.write(2, b'z' * 50_000)")
    put_first(made, "from IPython.display import display\nfor n in range(20_000): display(n)")


HERE.answer(
    "values without number.ipynb", 0, 1,
    wrapped("loss, grads = right(*a)\nreturn loss, {k: np.broadcast_to(0.0, (10**9,)) for k in grads}", "bptt", "*a"),
)  # fmt: skip
HERE.answer(
    "millions of entries.ipynb", 10, 1,
    wrapped("loss, grads = right(*a)\nreturn loss, {**dict.fromkeys(range(10**6), 0.0), **grads}", "bptt", "*a"),
)  # fmt: skip
HERE.answer(
    "infinite and not numbers.ipynb", 0, 1,
    wrapped("loss, grads = right(*a)\nreturn np.nan, {k: np.full_like(v, [np.inf, -np.inf, np.nan, -0.0][len(k) % 4])"
            " for k, v in grads.items()}", "bptt", "*a"),
    says="loss differs",
)  # fmt: skip
HERE.answer(
    "an error of a megabyte.ipynb", 0, 1,
    "def bptt(*a):\n    raise Exception('\\x1b]0;all points\\x07\\x1b[2J\\r' + '<script>' * 200_000)", says="the answer raised",
)  # fmt: skip
HERE.answer(
    "an error that cannot be told.ipynb", 0, 1,
    "class Mute(Exception):\n    def __str__(self): raise ValueError('no')\n    __repr__ = __str__\n\n\n"
    "def bptt(*a):\n    raise Mute",
)  # fmt: skip
HERE.answer(
    "answer that raises SystemExit.ipynb", 0, 1, "def bptt(*a):\n    raise SystemExit(0)", says="raised SystemExit"
)
HERE.answer(
    "answer that raises what no answer should.ipynb", ALL - POINTS[1], 1,
    "def bptt(*a):\n    raise [KeyboardInterrupt, GeneratorExit, BaseException][len(told) % 3]()\n\n\ntold = []",
    solved=POINTS,
)  # fmt: skip

# ------------------------------------------------------------------ memory, processes, disk

HERE.first_cell(
    "takes all memory.ipynb", ALL, "hoard = [np.empty(1 << 27) for _ in range(100)]", says="MemoryError",
)  # fmt: skip
HERE.first_cell(
    "takes all memory and uses it.ipynb", ALL,
    "import os\nfor _ in range(6):\n    if not os.fork():\n"
    "        hoard = [bytearray(os.urandom(1 << 10)) * (1 << 18) for _ in range(15)]\n        os._exit(0)\n"
    "for _ in range(6): os.wait()",
    needs=("cgroup",),
)  # fmt: skip
HERE.first_cell(
    "fork bomb.ipynb", ALL,
    "import os\nwhile True:\n    try: os.fork()\n    except OSError: os._exit(0)", needs=("cgroup",),
)  # fmt: skip
HERE.first_cell(
    "thread bomb.ipynb", ALL,
    "import threading, time\nfor _ in range(100_000): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    says="start new thread", needs=("cgroup",),
)  # fmt: skip


@HERE.notebook("fills the disk.ipynb", ALL, says="OSError")
def _(made: Notebook) -> None:
    put_first(
        made,
        "import os, tempfile\nfor folder in ('/tmp', '/dev/shm', '/var/tmp', os.getcwd(), '/run', '/dev'):\n    try:\n"
        "        for n in range(100):\n            with open(f'{folder}/{n}', 'wb') as file: file.write(bytes(60 << 20))\n"
        "    except OSError: pass\nraise OSError('full, or closed')",
    )
    put_before(made, "answer-05-2", "import os, shutil\nfor n in range(100):\n    for folder in ('/tmp', '/dev/shm', os.getcwd()):\n"
               "        try: os.unlink(f'{folder}/{n}')\n        except OSError: pass")  # fmt: skip


@HERE.notebook("opens everything.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "import os\nopened = []\nwhile True: opened.append(os.open('/dev/null', 0))")
    put_before(made, "answer-05-1", "import os\nfor number in opened: os.close(number)")


@HERE.notebook("closes everything.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, "import os\nos.closerange(0, 3)")


HERE.first_cell("closes the kernel's sockets.ipynb", ALL, "import os\nos.closerange(3, 1000)", says="")

# ------------------------------------------------------------------ what would outlive the run, and deaths

_LEAVE = (
    "import ctypes, os, signal, subprocess, sys, time\n"
    f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5000)  # {TOKEN}'], start_new_session=True)\n"
    "if not os.fork():\n    os.setsid()\n    if not os.fork():\n"
    "        for number in range(1, 32):\n"
    "            if number not in (9, 19): signal.signal(number, signal.SIG_IGN)\n"
    f"        ctypes.CDLL(None).prctl(15, b'{TOKEN}', 0, 0, 0)\n        os.environ.clear()\n        os.closerange(0, 1000)\n"
    "        while True:\n            time.sleep(0.05)\n            if os.fork(): os._exit(0)\n    os._exit(0)"
)


@HERE.notebook("leaves processes behind.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(made, _LEAVE)


@HERE.notebook("leaves processes and dies.ipynb", ALL, says="ended the kernel")
def _(made: Notebook) -> None:
    put_first(made, _LEAVE + "\ntime.sleep(0.2)\nos.kill(os.getpid(), signal.SIGKILL)")
    put_last(made, "import os\nos._exit(0)")


@HERE.notebook("kernel killed midway.ipynb", ALL, says="ended the kernel")
def _(made: Notebook) -> None:
    put_first(made, "import os\nos._exit(0)")
    put_last(made, "import os\nos._exit(0)")


@HERE.notebook("dies when things are put away.ipynb", ALL, says="ended the kernel")
def _(made: Notebook) -> None:
    put_first(made, "import atexit, os, ctypes\natexit.register(os._exit, 0)\n\n\nclass Bomb:\n"
              "    def __del__(self): os._exit(0)\n\n\nbomb = Bomb()\ndel bomb")  # fmt: skip
    put_first(made, "import ctypes\nctypes.string_at(0)")


@HERE.notebook("dies too often.ipynb", 0, says="the kernel ended too often", solved=())
def _(made: Notebook) -> None:
    for _ in range(5):
        put_first(made, "import os\nos._exit(0)")


HERE.answer(
    "answer kills the kernel.ipynb", ALL - POINTS[5], 5,
    "def teacher_forced_loss(x, y, params):\n    import os\n    os._exit(0)", says="ended the kernel", solved=POINTS,
)  # fmt: skip


@HERE.notebook("kills whom it can.ipynb", ALL)
def _(made: Notebook) -> None:  # where it reaches its parent, the row says so; a second template serves the rest
    put_first(
        made,
        "import os, signal\nfor number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):\n"
        "    for pid in (os.getppid(), 1, 2, -1):\n        try: os.kill(pid, number)\n        except OSError: pass",
    )


@HERE.notebook("many cells.ipynb", ALL)
def _(made: Notebook) -> None:
    for number in range(300):
        put_last(made, f"{number}")


@HERE.notebook("evil objects.ipynb", ALL)
def _(made: Notebook) -> None:
    put_first(
        made,
        "import sys\n\n\nclass Evil:\n    def __repr__(self): raise SystemExit\n    def __eq__(self, other): return True\n"
        "    def __hash__(self): return 0\n    def _repr_html_(self): raise KeyboardInterrupt\n"
        "    def __getattr__(self, name): raise OSError(name)\n\n\nevil = Evil()\nnp.array([evil] * 3, object)",
    )
    put_first(made, "class Loop(Exception):\n    def __str__(self): return str(self)\nraise Loop")
    answer(made, 5).source += "\nevil"


_MIME = "application/vnd.rnnkit.values+json"
_ERRORS = (
    "k = get_ipython().kernel\nfor _ in range(4):\n    k.session.send(k.iopub_socket, 'error',"
    " {'ename': 'E', 'evalue': 'x' * 14_000_000, 'traceback': []}, parent=k.get_parent())"
)
_LISTS = f"from IPython.display import publish_display_data as show\nshow({{{_MIME!r}: [[]] * 3_500_000}})"


@HERE.notebook("errors and values of megabytes beside.ipynb", ALL)
def _(made: Notebook) -> None:
    for source in (_ERRORS, _LISTS):
        put_first(made, source)


HERE.first_cell(
    "takes all processors.ipynb",
    ALL,
    "import os\nfor _ in range(200):\n    if not os.fork():\n        while True: pass",
    needs=("cgroup",),
)
