import subprocess
import sys

import pytest

from rnnkit.grade.limits import Limits, kernel_environment
from rnnkit.grade.results import plain


def in_new_process(source):
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_withheld_function_refuses_wherever_rnnkit_holds_it():
    said = in_new_process(
        "import rnnkit.init, rnnkit.cells\nrnnkit.cells.borrowed = rnnkit.init.orthogonal\n"
        "from rnnkit.grade.preamble import withhold\nwithhold('rnnkit.init.orthogonal')\n"
        "for module in (rnnkit.init, rnnkit.cells):\n"
        "    try: (getattr(module, 'borrowed', None) or module.orthogonal)()\n"
        "    except RuntimeError as error: print(error)"
    )
    line = "rnnkit.init.orthogonal is what this exercise asks you to write; it is withheld while grading"
    assert said.splitlines() == [line, line]


@pytest.mark.parametrize("name", ["rnnkit.init.no_such_function", "no_such_package.f"])
def test_withholding_what_does_not_exist_is_an_error(name):
    source = f"from rnnkit.grade.preamble import withhold\ntry: withhold('{name}')\nexcept Exception: print('refused')"
    assert in_new_process(source) == "refused"


def test_limits_are_in_force_and_cannot_be_raised_by_a_child():
    said = in_new_process(
        "import resource\nfrom rnnkit.grade.preamble import bound\n"
        "bound({'DATA': 1 << 30, 'FSIZE': 1 << 20, 'CORE': 0})\n"
        "try: bytearray(2 << 30)\nexcept MemoryError: print('memory')\n"
        "print(resource.getrlimit(resource.RLIMIT_FSIZE) == (1 << 20, 1 << 20))"
    )
    assert said.split() == ["memory", "True"]


def test_no_secret_of_the_instructor_reaches_the_kernel(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "secret")
    monkeypatch.setenv("HOME", "/home/instructor")
    environment = kernel_environment("/tmp/private")
    assert "secret" not in environment.values()
    assert environment["HOME"] == "/tmp/private"
    assert environment["OMP_NUM_THREADS"] == "1"


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="cell_seconds is 0; give a number above 0"):
        Limits(cell_seconds=0)


def test_a_learners_text_cannot_move_the_terminals_cursor():
    assert plain("a\x1b[2J\r\n\u202eb\ud800") == "a [2J b"
    assert len(plain("x" * 10_000)) == 200
