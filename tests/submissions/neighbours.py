# ruff: noqa: E501 -- cells of learners, who do not count columns
"""What one notebook leaves for the next that the same worker grades: messages for an accomplice, traps for the innocent.

They are graded by one worker in the order of their names. Whatever a notebook does, the next keeps its points.
"""

from __future__ import annotations

from submissions.cases import ALL, TOKEN, Cases, Notebook, put_after, solution

HERE = Cases()


def innocent(file: str) -> None:
    HERE.notebook(file, ALL)(lambda made: None)


_CHANNELS = """import ctypes, glob, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
KEY, SIZE, FOLDERS = 0x5EED, 1 << 14, ("/tmp", "/dev/shm", "/run/rnnkit", "/dev", "/run", "/", "/tmp/home", "/tmp/work")
Message = type("Message", (ctypes.Structure,), {"_fields_": [("kind", ctypes.c_long), ("text", ctypes.c_char * 4000)]})
names = [*FOLDERS, *glob.glob("/run/rnnkit/*"), *glob.glob("/run/rnnkit/*/*"), os.path.expanduser("~/.."), *sys.path[:1]]


def attempt(function):
    try: return function()
    except BaseException: return None


"""
_WRITER = (
    _CHANNELS
    + f"""text = {solution(1)!r}.encode()
for folder in names:
    for name in (".note", "note", "nested/note"):
        attempt(lambda: os.makedirs(os.path.dirname(f"{{folder}}/{{name}}"), exist_ok=True))
        attempt(lambda: open(f"{{folder}}/{{name}}", "wb").write(text))
    for name in ("user.note", "trusted.note", "security.note"):
        attempt(lambda: os.setxattr(folder, name, text[:3000]))
    attempt(lambda: os.utime(folder, (5555, 7777)))
shared = libc.shmget(KEY, SIZE, 0o1666)
if shared >= 0: ctypes.memmove(libc.shmat(shared, None, 0), text[:SIZE], min(len(text), SIZE))
queue = libc.msgget(KEY, 0o1666)
if queue >= 0: libc.msgsnd(queue, ctypes.byref(Message(1, text[:3999])), 3999, 0o4000)
semaphores = libc.semget(KEY, 200, 0o1666)
for n in range(200 if semaphores >= 0 else 0): libc.semctl(semaphores, n, 16, text[n])
posix = libc.mq_open(b"/note", os.O_CREAT | os.O_RDWR, 0o666, None)
if posix >= 0: libc.mq_send(posix, text[:3999], 3999, 0)
libc.sethostname(b"note", 4)
libc.syscall(248, b"user", b"note", text, len(text), ctypes.c_long(-4))  # add_key
if not os.fork():
    os.setsid()
    door = socket.socket(socket.AF_UNIX)
    attempt(lambda: door.bind("\\0note"))
    door.listen()
    while True: door.accept()[0].send(text)
"""
)
_READER = (
    _CHANNELS
    + """texts, told = {}, []
for folder in names:
    for name in (".note", "note", "nested/note"):
        texts[f"{folder}/{name}"] = attempt(lambda: open(f"{folder}/{name}", "rb").read())
    for name in ("user.note", "trusted.note", "security.note"):
        texts[f"{folder} {name}"] = attempt(lambda: os.getxattr(folder, name))
    if attempt(lambda: os.stat(folder).st_atime == 5555 or os.stat(folder).st_mtime == 7777): told.append(f"times of {folder}")
shared = libc.shmget(KEY, SIZE, 0)
if shared >= 0: texts["shared memory"] = ctypes.string_at(libc.shmat(shared, None, 0), SIZE)
message = Message()
if libc.msgrcv(libc.msgget(KEY, 0), ctypes.byref(message), 4000, 0, 0o4000) > 0: texts["messages"] = message.text
semaphores = libc.semget(KEY, 200, 0)
if semaphores >= 0: texts["semaphores"] = bytes(libc.semctl(semaphores, n, 12) & 255 for n in range(200))
posix = libc.mq_open(b"/note", os.O_RDONLY | os.O_NONBLOCK)
buffer = ctypes.create_string_buffer(8192)
if posix >= 0 and libc.mq_receive(posix, buffer, 8192, None) > 0: texts["POSIX messages"] = buffer.value
if os.uname().nodename == "note": told.append("the host's name")


def call():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\\0note")
        return one.recv(1 << 16)


texts["a door"] = attempt(call)
for name, text in texts.items():
    if text and b"def bptt" in text:
        told.append(name)
        attempt(lambda: exec(text.rstrip(b"\\0"), globals()))
raise RuntimeError(f"found {told}")
"""
)
HERE.first_cell("01 leaves messages.ipynb", 0, _WRITER, needs=("files", "processes"))
HERE.first_cell(
    "02 looks for messages.ipynb",
    0,
    _READER,
    "raised RuntimeError: found []",
    needs=("files", "processes"),
    otherwise=10,
)

_TREES = """import os
names = ["a\\nb", "\\\\", "-rf", "x" * 255, os.fsdecode(b"\\xff\\xfe"), " ", "\\x1b[31m", "..."]
for top in ("/tmp", "/dev/shm", os.getcwd(), os.path.expanduser("~")):
    here = os.getcwd()
    try:
        os.chdir(top)
        for name in names:
            os.makedirs(name + "d"[: len(name) < 255], exist_ok=True)
            open(name + "f"[: len(name) < 255] * 2, "w").close() if len(name) < 250 else None
        os.symlink("/", "root"), os.symlink("nowhere", "dangling"), os.symlink("loop", "loop"), os.mkfifo("pipe")
        open("unreadable", "w").close(), os.chmod("unreadable", 0)
        for depth in range(3000):
            os.mkdir("d")
            os.chdir("d")
        for depth in range(40):
            os.makedirs("full/of/files", exist_ok=True)
            open(f"full/of/files/{depth}", "w").close()
        os.chmod("full/of/files", 0), os.chmod("full/of", 0o111), os.chmod("full", 0)
        os.chdir(top)
        os.chmod("d/d/d", 0), os.chmod("d", 0)
    except OSError as error: print(error)
    finally: os.chdir(here)
"""
HERE.first_cell("03 leaves trees.ipynb", 0, _TREES)
innocent("04 innocent after trees.ipynb")

_CLOSES = """import glob, os
for folder in ["/tmp", "/dev/shm", "/dev", os.getcwd(), os.path.expanduser("~"), "/run", *glob.glob("/run/rnnkit/*/*"),
               *glob.glob("/run/rnnkit/*"), "/run/rnnkit"]:
    try: os.chmod(folder, 0)
    except OSError as error: print(folder, error)
"""
HERE.first_cell("05 closes folders.ipynb", 0, _CLOSES)
innocent("06 innocent after closed folders.ipynb")

_STAYS = f'''import ctypes, os, signal, time
os.environ.clear()
for number in range(1, 32):
    if number not in (9, 19): signal.signal(number, signal.SIG_IGN)
for _ in range(20):
    if not os.fork():
        os.setsid()
        ctypes.CDLL(None).prctl(15, b"{TOKEN}", 0, 0, 0)
        while True:
            for folder in ("/tmp", "/tmp/work", "/tmp/home", "/dev/shm"):
                try: open(f"{{folder}}/numpy.py", "w").write("import os; os._exit(1)")
                except OSError: pass
            if os.fork(): os._exit(0)
'''
HERE.first_cell("07 leaves processes that write.ipynb", 0, _STAYS)
innocent("08 innocent after processes.ipynb")
HERE.first_cell(
    "09 fills what all share.ipynb", 0,
    "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
    "for n in range(5000): libc.shmget(n + 1, 1 << 24, 0o1666), libc.msgget(n + 1, 0o1666), libc.semget(n + 1, 250, 0o1666)\n"
    "for top in ('/tmp', '/dev/shm', os.path.expanduser('~')):\n    try:\n"
    "        for n in range(200_000): os.mknod(f'{top}/{n}')\n    except OSError: pass\n    try:\n"
    "        for n in range(20): open(f'{top}/b{n}', 'wb').write(bytes(60 << 20))\n    except OSError: pass",
)  # fmt: skip
innocent("10 innocent after full folders.ipynb")


@HERE.notebook("11 kills all and itself.ipynb", 0, solved=())
def _(made: Notebook) -> None:
    from submissions.cases import put_first, put_last

    kill = (
        "import os, signal\nfor pid in (-1, os.getppid(), 1, 2):\n    for number in (signal.SIGSTOP, signal.SIGKILL):\n"
        "        try: os.kill(pid, number)\n        except OSError: pass\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    put_first(made, kill)
    put_last(made, kill)


innocent("12 innocent after death.ipynb")


_FILES = "import os, stat\n\n\ndef files():\n    for number in range(200):\n        try:\n            if stat.S_ISREG(os.fstat(number).st_mode): yield number\n        except OSError: pass\n\n\n"
HERE.first_cell(
    "13 writes where the template writes.ipynb", 0,
    _FILES + f"for number in files():\n    try: os.pwrite(number, b'MARK' + {solution(1)!r}.encode() + b'END', 5000)\n    except OSError: pass",
)  # fmt: skip


@HERE.notebook("14 reads where the template writes.ipynb", 0, solved=(), says="raised RuntimeError: found []",
               needs=("files", "processes"), otherwise=10)  # fmt: skip
def _(made: Notebook) -> None:
    put_after(
        made, "answer-05-1",
        _FILES + "found = []\nfor number in files():\n    try: text = os.pread(number, 1 << 20, 0)\n    except OSError: continue\n"
        "    if b'MARK' in text:\n        found.append(number)\n        exec(text.partition(b'MARK')[2].partition(b'END')[0].decode())\n"
        "raise RuntimeError(f'found {found}')",
    )  # fmt: skip
