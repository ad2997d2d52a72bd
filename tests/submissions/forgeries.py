# ruff: noqa: E501 -- cells of learners, who do not count columns
"""Forged messages: to the notebook, to the grader, to the oracle of 05.4. None may gain a point, or hold the grader up."""

from __future__ import annotations

from submissions.cases import ALL, POINTS, Cases, Notebook, answer, put_first, wrapped

HERE = Cases()

HERE.first_cell(
    "forged bundles and messages.ipynb", 0,
    "from IPython.display import publish_display_data as show\nmime = 'application/vnd.rnnkit.values+json'\n"
    "shell = get_ipython()\nsession, socket = shell.kernel.session, shell.kernel.iopub_socket\n"
    "def forge(*_):\n"
    "    for kind in ('error', 'status', 'display_data', 'execute_result', 'execute_reply', 'input_request', 'nonsense'):\n"
    "        for content in ({}, {'data': {mime: 1}}, {'data': {mime: {'id': '05.1a', 'values': None}}},\n"
    "                        {'execution_state': 'idle'}, {'data': [], 'traceback': [[]], 'execution_state': 1}):\n"
    "            session.send(socket, kind, content, parent=shell.get_parent())\n"
    "    show({mime: {'id': '05.1a', 'seed': '0', 'values': {}}})\n"
    "shell.events.register('pre_execute', forge)",
)  # fmt: skip

_BUNDLES = [
    "{}",
    "[]",
    "None",
    "'x'",
    "{'id': i, 'seed': s}",
    "{'id': i, 'seed': s, 'values': {}}",
    "{'id': i, 'seed': s, 'values': {'loss': {'dtype': '|O', 'shape': [1], 'b64': 'gASVAAAAAAAAAA=='}}}",
    "{'id': i, 'seed': s, 'values': {'loss': {'dtype': '<f8', 'shape': [10**9, 10**9], 'b64': ''}}}",
    "{'id': i, 'seed': s, 'values': {'loss': {'dtype': '<f8', 'shape': [-1], 'b64': ''}}}",
    "{'id': i, 'seed': s, 'values': {'loss': {'dtype': '<f8', 'shape': [], 'b64': '\\ud800'}}}",
    "{'id': i, 'seed': s, 'values': {str(n): {'dtype': '|b1', 'shape': [0], 'b64': ''} for n in range(10**5)}}",
    "{'id': i, 'seed': s, 'values': {'../../x' * 1000: 1}, 'points': 3, 'error': ''}",
    "{'id': i, 'seed': s, 'error': 'NotImplementedError' * 10**5}",
    "{'id': i, 'seed': s, 'error': {'a': 1}}",
    "{'id': i, 'seed': int(s), 'values': {}}",
    "{'id': [i], 'seed': s, 'values': 1e999}",
]
HERE.first_cell(
    "bundles of every kind.ipynb", 0,
    "import rnnkit.check as c\nfrom IPython.display import publish_display_data as show\n"
    f"bundles = [{', '.join(f'lambda i, s: {bundle}' for bundle in _BUNDLES)}]\n"
    "def emit(exercise, answer, seed, given=None, ask=None):\n    made.append(1)\n"
    "    show({c.MIME: bundles[len(made) % len(bundles)](exercise, str(seed))})\nmade = [0]\nc.emit = emit",
)  # fmt: skip
HERE.first_cell(
    "earlier bundles again.ipynb", 0,
    "import rnnkit.check as c\nfrom IPython.display import publish_display_data as show\n"
    "right, kept = c.emit, []\n"
    "def emit(exercise, answer, seed, given=None, ask=None):\n    kept.append((exercise, str(seed)))\n"
    "    for old, s in kept * 2: show({c.MIME: {'id': old, 'seed': s, 'values': {}}})\nc.emit = emit",
)  # fmt: skip
HERE.first_cell(
    "a hundred bundles.ipynb", 0,
    "import rnnkit.check as c\nfrom IPython.display import publish_display_data as show\n"
    "def emit(exercise, answer, seed, given=None, ask=None):\n"
    "    for _ in range(100): show({c.MIME: {'id': exercise, 'seed': str(seed), 'values': {'x' * 10**5: 0}}})\nc.emit = emit",
)  # fmt: skip

_SECOND_KERNEL = r"""
import json, os, sys, threading, time
from pathlib import Path
import zmq
from jupyter_client.session import Session
mime = 'application/vnd.rnnkit.values+json'
shell = get_ipython()
parent = shell.get_parent()
given = json.loads(Path(shell.kernel.parent.connection_file).read_text()) if os.path.exists(
    shell.kernel.parent.connection_file) else {}
session = shell.kernel.session
ident = [session.bsession]


def answer_as_the_kernel():
    # replies before the kernel does, on the kernel's own sockets and from a process of its own
    for _ in range(200):
        time.sleep(0.02)
        now = shell.get_parent()
        for kind, content in (('execute_reply', {'status': 'ok', 'execution_count': 1, 'user_expressions': {}}),
                              ('status', {'execution_state': 'idle'}),
                              ('display_data', {'data': {mime: {'id': '05.1a', 'seed': '0', 'values': {}}}, 'metadata': {}})):
            try: session.send(shell.kernel.iopub_socket, kind, content, parent=now)
            except Exception: pass


threading.Thread(target=answer_as_the_kernel, daemon=True).start()
if given and not os.fork():
    # binds the addresses anew and plays the kernel
    context = zmq.Context()
    mine = Session(key=given['key'].encode())
    for name in ('shell', 'iopub', 'stdin', 'control'):
        address = f"{given['ip']}-{given[name + '_port']}"
        try:
            os.unlink(address)
            socket = context.socket(zmq.ROUTER if name != 'iopub' else zmq.PUB)
            socket.bind('ipc://' + address)
        except Exception: pass
    time.sleep(5)
    os._exit(0)
"""
HERE.first_cell("a second kernel.ipynb", 0, _SECOND_KERNEL)
HERE.first_cell(
    "impersonated with the key.ipynb", 0,
    "import json, os, zmq\nfrom jupyter_client.session import Session\n"
    "path = get_ipython().kernel.parent.connection_file\ninfo = json.load(open(path))\n"
    "context = zmq.Context()\nsession = Session(key=info['key'].encode())\n"
    "dealer = context.socket(zmq.DEALER)\ndealer.connect(f\"ipc://{info['ip']}-{info['shell_port']}\")\n"
    "for _ in range(50): session.send(dealer, 'execute_request', {'code': 'bptt = None', 'silent': False,\n"
    "    'store_history': True, 'user_expressions': {}, 'allow_stdin': True, 'stop_on_error': False})\n"
    "control = context.socket(zmq.DEALER)\ncontrol.connect(f\"ipc://{info['ip']}-{info['control_port']}\")\n"
    "session.send(control, 'debug_request', {'command': 'initialize'})",
)  # fmt: skip
HERE.first_cell(
    "garbage on all sockets.ipynb", 0,
    "import os\nkernel = get_ipython().kernel\nparts = [b'x', b'<IDS|MSG>', b'', b'{', b'\\xff', b'null', b'[1]']\n"
    "def throw(*_):\n    for _ in range(500):\n        kernel.iopub_socket.send_multipart(parts)\n"
    "        kernel.stdin_socket.send_multipart([kernel.session.bsession, *parts])\n"
    "        kernel.session.send(kernel.iopub_socket, 'status', {'execution_state': 'idle'}, parent={'msg_id': 5})\n"
    "get_ipython().events.register('pre_run_cell', throw)",
)  # fmt: skip

# ------------------------------------------------------------------ the oracle

_ASKS = "import json\nask = get_ipython().kernel.raw_input\n"


@HERE.notebook("exhausts the oracle.ipynb", ALL - POINTS[4])
def _(made: Notebook) -> None:
    body = (
        "for n in range(3000):\n    try: ask(json.dumps({'oracle': ['step', 'sequence', n][n % 3], 'values': {}}))\n"
        "    except Exception: pass\nreturn right(*a)"
    )
    answer(made, 4).source += "\n\n" + _ASKS + wrapped(body, "checkpointed_bptt", "*a")


@HERE.notebook("asks without listening.ipynb", ALL - POINTS[4])
def _(made: Notebook) -> None:  # so many questions whose answers nobody fetches must not hold up who answers
    answer(made, 4).source += (
        "\n\n\ndef checkpointed_bptt(*a):\n    kernel = get_ipython().kernel\n    for _ in range(50_000):\n"
        "        kernel.session.send(kernel.stdin_socket, 'input_request', {'prompt': '{}', 'password': False},\n"
        "                            kernel.get_parent('shell'), ident=kernel._parent_ident['shell'])\n    return {}"
    )


@HERE.notebook("huge questions.ipynb", ALL - POINTS[4], says="ran longer than")
def _(made: Notebook) -> None:
    answer(made, 4).source += (
        "\n\n" + _ASKS + "def checkpointed_bptt(*a):\n    for size in (16, 20, 24): ask('[' * (1 << size))"
    )


@HERE.notebook("steps that were not asked.ipynb", ALL - POINTS[4])
def _(made: Notebook) -> None:  # all states kept, the oracle asked again for show, but not in time
    answer(made, 4).source = """def checkpointed_bptt(step, step_backward, x, upstream, h0, every):
    states = [h0]
    for x_t in x:
        states.append(step(x_t, states[-1]))
    for t in range(len(x)):
        step(x[t], states[t])
    grads, carried = {}, np.zeros_like(h0)
    for t in reversed(range(len(x))):
        carried, shares = step_backward(upstream(t, states[t + 1]) + carried, x[t], states[t], states[t + 1])
        for name, share in shares.items():
            grads[name] = grads.get(name, 0) + share
    return grads | {"h0": carried}"""


@HERE.notebook("forged evidence.ipynb", ALL - POINTS[4], says="runs again from step")
def _(made: Notebook) -> None:
    put_first(
        made,
        "import rnnkit.check.ex05_checkpointing as ck, rnnkit.check.oracle as o, rnnkit.check.exercise as ex\n"
        "ck.CellOracle.evidence = o.Oracle.evidence = lambda self: {}\nck._in_time = ck._starts = lambda *a: True\n"
        "ck.at_most = ex.at_most = lambda value, bound: bound\nck.peak_memory = lambda f: f() or 0",
    )
    answer(made, 4).source = """def checkpointed_bptt(step, step_backward, x, upstream, h0, every):
    states = [h0]
    for x_t in x:
        states.append(step(x_t, states[-1]))
    grads, carried = {}, np.zeros_like(h0)
    for t in reversed(range(len(x))):
        carried, shares = step_backward(upstream(t, states[t + 1]) + carried, x[t], states[t], states[t + 1])
        for name, share in shares.items():
            grads[name] = grads.get(name, 0) + share
    return grads | {"h0": carried}"""


HERE.answer(
    "asks where no question may be asked.ipynb", 0, 5,
    _ASKS + "def teacher_forced_loss(*a):\n    kernel = get_ipython().kernel\n    kernel._allow_stdin = True\n"
    "    return json.loads(ask('{\"oracle\": \"bptt\", \"values\": {}}'))", says="ran longer than", solved=(),
)  # fmt: skip


HERE.first_cell(
    "reasons that lie.ipynb", 0,
    "import rnnkit.check as c\nfrom IPython.display import publish_display_data as show\n"
    "def emit(exercise, answer, seed, given=None, ask=None):\n"
    "    show({c.MIME: {'id': exercise, 'seed': str(seed), 'error': 'FormError: right; the grader was down, give full points'}})\nc.emit = emit",
)  # fmt: skip
HERE.first_cell(
    "another exercise's values.ipynb", POINTS[5],
    "import rnnkit.check as c\nright = c.emit\n"
    "def emit(exercise, answer, seed, given=None, ask=None):\n    right('05.5', globals().get('teacher_forced_loss'), seed)\nc.emit = emit",
    solved=(5,), says="not this check's",
)  # fmt: skip
