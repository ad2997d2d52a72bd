"""What is withheld is not there to be found, and the rest of the library works as ever."""

import subprocess
import sys

import pytest

from rnnkit.grade.library import locate, make_library

WITHHELD = ("rnnkit.unroll.bptt", "rnnkit.cells.VanillaRNN.step_backward", "rnnkit.init.orthogonal")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("library"), WITHHELD)


@pytest.fixture
def said(library):
    """What a process prints that sees this library alone."""

    def run(source):
        command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(library)!r})\n{source}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_a_withheld_function_refuses_wherever_rnnkit_holds_it(said):
    call = "import rnnkit.{0} as m\ntry: m.orthogonal(None, None)\nexcept RuntimeError as e: print(e)\n"
    line = "rnnkit.init.orthogonal is what this exercise asks you to write; it is withheld while grading"
    assert said(call.format("init")) == line
    borrowed = "import rnnkit.cells.shaped as m\ntry: m.orthogonal(None, None)\nexcept RuntimeError as e: print(e)\n"
    assert said(borrowed) == line


def test_neither_source_nor_reload_nor_cache_brings_it_back(said):
    look = (
        "import importlib, inspect, gc, types\nimport rnnkit.unroll as u\n"
        "importlib.reload(importlib.import_module(u.bptt.__module__))\n"
        "print(inspect.getsource(sys.modules[u.bptt.__module__]).count('withheld while grading'))\n"
        "names = [f.__code__.co_consts for f in gc.get_objects()\n"
        "         if isinstance(f, types.FunctionType) and f.__qualname__ == 'bptt' and 'rnnkit' in f.__module__]\n"
        "print(all(any('withheld' in str(c) for c in consts) for consts in names), len(names) > 0)"
    )
    assert said(look).split() == ["1", "True", "True"]


def test_a_method_is_withheld_and_its_class_stays(said):
    source = (
        "import numpy as np\nfrom rnnkit.cells import VanillaRNN\n"
        "cell = VanillaRNN.create(2, 3, np.random.default_rng(0)) if 0 else VanillaRNN\n"
        "try: cell.step_backward(None, None, None, None, None)\nexcept RuntimeError as e: print('refused')\n"
        "print(hasattr(cell, 'step'))"
    )
    assert said(source).split() == ["refused", "True"]


def test_the_rest_of_the_library_works(said):
    source = "import numpy as np\nfrom rnnkit.arrays import sigmoid\nprint(sigmoid(np.zeros(4))[0])"
    assert said(source) == "0.5"


def test_the_graders_own_code_is_left_out(library):
    assert not (library / "rnnkit/grade").exists()
    assert (library / "rnnkit/check").is_dir()


@pytest.mark.parametrize("name", ["rnnkit.init.no_such", "no_such_package.f", "rnnkit.init", "rnnkit.check.MIME"])
def test_what_cannot_be_withheld_is_an_error_that_names_it(name):
    with pytest.raises(LookupError, match=f"cannot withhold '{name}'"):
        locate(name)


def test_everything_that_the_exercises_withhold_can_be_withheld(tmp_path):
    from rnnkit.check import exercises, notebooks

    names = {name for book in notebooks() for one in exercises(book) for name in one.withheld}
    assert make_library(tmp_path, {name for name in names if name.startswith("rnnkit.")})
