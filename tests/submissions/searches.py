# ruff: noqa: E501 -- cells of learners, who do not count columns
"""Searches for what is hidden, reaches for what is outside: files, memory, processes, the network."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat

from submissions.cases import ROOT, SOLUTION, TOKEN, Cases, Notebook

HERE = Cases()
FOLDER = "FOLDEROFTHISCLASS"


def with_folder(made: Notebook, path: Path) -> None:
    """Write a notebook that knows where it lies."""
    path.write_text(nbformat.writes(made).replace(FOLDER, json.dumps(str(path.parent))[1:-1]), "utf-8")


_USE = '''import glob, io, json, os, re, sys, time


def use(text):
    """Take every answer out of a text that may be a notebook, a database, memory."""
    for source in [text, *re.findall(r'"((?:def |    ### )[^\\n]{20,})"', text)]:
        try: cells = ["".join(c["source"]) for c in json.loads(source)["cells"] if c["cell_type"] == "code"]
        except Exception: cells = [source]
        for cell in cells:
            if "BEGIN SOLUTION" in cell or ("def bptt" in cell and "raise NotImplementedError" not in cell):
                try: exec(cell, globals()); found.append(len(cell))
                except BaseException: pass


def read(path):
    try:
        with open(path, errors="replace") as file: return file.read(1 << 22)
    except (OSError, ValueError): return ""


found = []
'''
_SEES_FILES = {"needs": ("files",), "otherwise": 26}

HERE.first_cell(
    "reads the solutions.ipynb", 0,
    _USE + f"for path in ({str(SOLUTION)!r}, {str(ROOT / 'solutions/wrong_answers_05.py')!r}, '/proc/1/root' + {str(SOLUTION)!r},\n"
    f"             f'/proc/{{os.getppid()}}/root' + {str(SOLUTION)!r}, f'/proc/{{os.getppid()}}/cwd/solutions/05-bptt.ipynb'):\n"
    "    use(read(path))", **_SEES_FILES,
)  # fmt: skip
HERE.first_cell(
    "searches for notebooks.ipynb", 0,
    _USE + "end = time.time() + 4\nfor top in ('/tmp', '/run', '/home', '/root', '/work', '/srv', '/opt', '/var', '/mnt', '/'):\n"
    "    for folder, below, names in os.walk(top):\n        if time.time() > end: break\n"
    "        for name in names:\n            if name.endswith(('.ipynb', '.db', '.pyc')): use(read(f'{folder}/{name}'))",
    needs=("files",), otherwise=26,
)  # fmt: skip
HERE.first_cell(
    "reads other submissions.ipynb", 0,
    _USE + f"for path in glob.glob('{FOLDER}/**', recursive=True) + glob.glob('{FOLDER}/../**', recursive=True): use(read(path))",
    write=with_folder, **_SEES_FILES,
)  # fmt: skip
HERE.first_cell(
    "writes to the gradebook.ipynb", 0,
    f"import glob, sqlite3, stat, os\nfor path in glob.glob('{FOLDER}/../**/*.db', recursive=True) + ['{FOLDER}/../grades/gradebook.db']:\n"
    "    with sqlite3.connect(path) as db:\n"
    "        db.execute('UPDATE grading SET points = 26, status = \"graded\"')\n"
    "        db.execute('UPDATE grading_check SET points = maximum')",
    write=with_folder, says="unable to open database file", needs=("files",),
)  # fmt: skip
HERE.first_cell(
    "links to the solution.ipynb", 0,
    _USE + f"for link, target in (('a', {str(SOLUTION)!r}), ('b', '/proc/1/root{SOLUTION}')):\n"
    "    for folder in (os.getcwd(), '/tmp', '/dev/shm'):\n        try: os.symlink(target, f'{folder}/{link}')\n"
    "        except OSError: pass\n        use(read(f'{folder}/{link}'))", **_SEES_FILES,
)  # fmt: skip
HERE.first_cell(
    "reads the grader's memory.ipynb", 0,
    _USE + "for pid in (os.getppid(), 1, 2, *filter(str.isdigit, os.listdir('/proc'))):\n    if int(pid) == os.getpid(): continue\n"
    "    for name in ('environ', 'cmdline', 'maps', 'auxv', 'stack', 'cwd', 'root'):\n"
    "        try: use(read(f'/proc/{pid}/{name}'))\n        except OSError: pass\n"
    "    for fd in glob.glob(f'/proc/{pid}/fd/*'): use(read(fd))\n"
    "    try:\n        memory = open(f'/proc/{pid}/mem', 'rb', 0)\n        for line in open(f'/proc/{pid}/maps'):\n"
    "            if 'rw-p' in line:\n                start, end = (int(n, 16) for n in line.split()[0].split('-'))\n"
    "                memory.seek(start)\n                use(memory.read(min(end - start, 1 << 24)).decode('utf-8', 'replace'))\n"
    "    except (OSError, ValueError): pass", needs=("processes",),
)  # fmt: skip
HERE.first_cell(
    "traces the grader.ipynb", 0,
    "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nfor pid in (os.getppid(), 1, 2):\n"
    "    for request in (16, 0x4206): print(libc.ptrace(request, pid, 0, 0), ctypes.get_errno())\n"
    "buffer = ctypes.create_string_buffer(64)\n"
    "print(libc.syscall(310, os.getppid(), buffer, 1, buffer, 1, 0), os.pidfd_open(os.getppid()))\n"
    "if libc.unshare(0x10000000 | 0x20000) == 0: raise RuntimeError('a namespace of my own')\n"
    "if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0: raise RuntimeError('a mount of my own')",
    needs=("processes",),
)  # fmt: skip
HERE.first_cell(
    "looks into the environment.ipynb", 0,
    "import os, sys\nnames = [n for n in os.environ if any(w in n.upper() for w in ('TOKEN', 'SECRET', 'KEY', 'PASS', 'ROOT_SEED'))]\n"
    "names += [n for n in os.environ if 'gradebook' in os.environ[n] or 'solutions' in os.environ[n]]\n"
    "raise RuntimeError(f'found {names}')", says="raised RuntimeError: found []",
)  # fmt: skip
HERE.first_cell(
    "searches the kernel for the reference.ipynb", 0,
    "import gc, inspect, sys, linecache\nfound = []\ngc.unfreeze()\nfor thing in gc.get_objects():\n    try:\n"
    "        if callable(thing) and getattr(thing, '__name__', '') in ('bptt', 'truncated_bptt', 'forward') and thing.__module__ != '__main__':\n"
    "            found.append(thing)\n            if 'withheld' not in inspect.getsource(thing): globals()[thing.__name__] = thing\n"
    "    except BaseException: pass\nframe = sys._getframe()\nwhile frame:\n"
    "    for name, value in list(frame.f_locals.items()):\n        if 'master' in name or 'reference' in name or 'expected' in name: bptt = value\n"
    "    frame = frame.f_back\nfor name, lines in list(linecache.cache.items()):\n    if 'BEGIN SOLUTION' in str(lines): exec(lines)",
)  # fmt: skip

_TARGETS = """import socket, urllib.request
reached = []
for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("1.1.1.1", 443)), (socket.AF_INET6, socket.SOCK_STREAM, ("2606:4700:4700::1111", 443)),
    (socket.AF_INET, socket.SOCK_DGRAM, ("8.8.8.8", 53)), (socket.AF_INET6, socket.SOCK_DGRAM, ("2001:4860:4860::8888", 53)),
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 22)), (socket.AF_INET, socket.SOCK_RAW, ("127.0.0.1", 0)),
    (socket.AF_UNIX, socket.SOCK_STREAM, "/var/run/docker.sock"), (socket.AF_UNIX, socket.SOCK_STREAM, "\\0/tmp/.X11-unix/X0"),
    (socket.AF_UNIX, socket.SOCK_STREAM, "/run/dbus/system_bus_socket"), (socket.AF_VSOCK, socket.SOCK_STREAM, (2, 1024)),
):
    try:
        with socket.socket(family, kind) as one:
            one.settimeout(1)
            one.connect(address)
            one.send(b"x")
            reached.append(address)
    except OSError: pass
try: reached.append(socket.getaddrinfo("example.com", 80))
except OSError: pass
raise RuntimeError(f"reached {reached}")"""
HERE.first_cell(
    "reaches for the network.ipynb", 0, _TARGETS, says="raised RuntimeError: reached []", needs=("network",)
)
HERE.first_cell(
    "opens doors to itself.ipynb", 0,
    "import http.server, os, socket, threading\nfor family in (socket.AF_INET, socket.AF_UNIX):\n    try:\n"
    "        door = socket.socket(family)\n        door.bind(('0.0.0.0', 0) if family == socket.AF_INET else '\\0" + TOKEN + "')\n"
    "        door.listen()\n        threading.Thread(target=door.accept, daemon=True).start()\n    except OSError: pass\n"
    "os.system('crontab -l; at now; systemd-run true; sudo -n id; su -c id; newuidmap 1 0 0 1; nsenter -t 1 -a id')",
)  # fmt: skip
HERE.first_cell(
    "plants code for the next.ipynb", 0,
    "import glob, os, site, sys\nplanted = []\n"
    "for folder in {*sys.path, *site.getsitepackages(), sys.prefix, os.path.expanduser('~'), '/usr/lib', '/etc', '/run/rnnkit', '/dev'}:\n"
    "    for name in ('sitecustomize.py', 'usercustomize.py', 'evil.pth', 'conftest.py', 'numpy.py'):\n"
    "        if folder in ('', os.getcwd()) or folder.startswith('/tmp/home'): continue\n        try:\n"
    "            with open(f'{folder}/{name}', 'w') as file: file.write('import os; os._exit(1)')\n"
    "            planted.append(f'{folder}/{name}')\n        except OSError: pass\n"
    "for module in ('rnnkit', 'numpy', 'IPython'):\n    try:\n        with open(sys.modules[module].__file__, 'a') as file: file.write('1/0')\n"
    "        planted.append(module)\n    except OSError: pass\nraise RuntimeError(f'planted {planted}')",
    says="raised RuntimeError: planted []", needs=("files",),
)  # fmt: skip
