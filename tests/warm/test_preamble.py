"""Parts of other packages are refused, whether they are loaded already or later."""

import subprocess
import sys

import pytest

PACKAGE = (
    "def solve(): return 42\nclass Layer:\n    def __init__(self, n): self.n = n\n    def run(self): return self.n\n"
)


@pytest.fixture
def said(tmp_path):
    (tmp_path / "other.py").write_text(PACKAGE)

    def run(source):
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom rnnkit.warm.preamble import enter\n{source}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


TRY = (
    "for f in (lambda: other.solve(), lambda: other.Layer(1)):\n"
    "    try: print(f())\n    except RuntimeError as e: print(e)"
)


@pytest.mark.parametrize("order", ["import other\nenter(names)\n", "enter(names)\nimport other\n"])
def test_functions_and_classes_are_refused_before_and_after_their_import(said, order):
    lines = said(f"names = ['other.solve', 'other.Layer', 'other.gone']\n{order}{TRY}").splitlines()
    assert lines == [
        f"{name} does what this exercise asks you to write; it is withheld while grading"
        for name in ("other.solve", "other.Layer")
    ]


def test_a_refused_class_can_still_be_derived_from(said):
    assert (
        said("import other\nenter(['other.Layer'])\nclass Mine(other.Layer): pass\nprint(Mine.__mro__[1].__name__)")
        == "Layer"
    )


def test_a_package_loads_as_ever_where_its_parts_are_withheld(said):
    assert (
        said("enter(['other.Layer'])\nimport other\nprint(other.solve(), type(other.__loader__).__name__)")
        == "42 SourceFileLoader"
    )


def test_torchs_layers_are_refused_with_what_they_call(said):
    pytest.importorskip("torch")
    source = (
        "enter(['torch.nn.LSTM'])\nimport torch\nx = torch.zeros(1, 1, 1)\n"
        "for f in (lambda: torch.nn.LSTM(1, 1), lambda: torch.lstm(x), lambda: torch._VF.lstm(x)):\n"
        "    try: f()\n    except RuntimeError as e: print('withheld' in str(e))\n"
        "print(torch.nn.Linear(1, 1)(x).shape[0])"
    )
    assert said(source).split() == ["True", "True", "True", "1"]
