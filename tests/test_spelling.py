"""The words of pages, docstrings and comments are spelt right, and the British way."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from importlib import resources
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("rnnkit", "book", "scripts", "benchmarks", "tests")

# Words of other languages, names and terms that look like slips.
KNOWN = "als,ans,fo,ine,ment,nd,oficial,ons,ot,residencial,te,tung"

# American forms that are right here too: a term of computing, the noun beside the verb, a word with another meaning.
RIGHT = {"center", "check", "color", "dialog", "disk", "license", "licensed", "practice", "practices", "program",
         "programs", "story", "writable"}  # fmt: skip


def without_code(markdown):
    """Leave out code, formulas, addresses and directives' names."""
    for code in (r"(?ms)^(`{3,}|~{3,})[^\n]*\n.*?^\1", r"`[^`]*`", r"(?s)\$\$.*?\$\$", r"\$[^$\n]+\$", r"https?://\S+",
                 r"\]\([^)]*\)", r"\{[^}]*\}", r":math:|\.\. math::"):  # fmt: skip
        markdown = re.sub(code, " ", markdown)
    return markdown


def of_python(text):
    """Return docstrings and comments."""
    tree = ast.parse(text)
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    strings = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, nodes)]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return without_code("\n".join(strings + comments))


def prose():
    """Yield name and text of everything that someone reads."""
    for folder in ("", "chapters", "exercises", "solutions", "reference", "benchmarks"):
        for path in sorted((ROOT / folder).glob("*.md")):
            yield path, without_code(path.read_text("utf8"))
        for path in sorted((ROOT / folder).glob("*.ipynb")) if folder else []:
            cells = nbformat.read(path, as_version=4).cells
            yield path, without_code("\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown"))
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "submissions" not in path.parts:  # answers of learners, with their slips
                yield path, of_python(path.read_text("utf8"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write the prose to files of the same names, for codespell to read."""
    folder = tmp_path_factory.mktemp("prose")
    for path, text in prose():
        file = folder / f"{path.relative_to(ROOT)}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf8")
    return folder


def codespell(folder):
    command = [sys.executable, "-m", "codespell_lib", f"--ignore-words-list={KNOWN}", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_no_word_is_misspelt(written):
    assert codespell(written).stdout == ""


def test_a_misspelt_word_would_be_found(tmp_path):
    (tmp_path / "page.txt").write_text("This is teh gradient.")  # codespell:ignore
    assert "teh ==> the" in codespell(tmp_path).stdout


def american():
    """Return American forms with their British ones."""
    table = resources.files("codespell_lib") / "data" / "dictionary_en-GB_to_en-US.txt"
    pairs = (line.rstrip(",").split("->") for line in table.read_text("utf8").splitlines() if "," not in line[:-1])
    return {us: gb for gb, us in pairs if us not in RIGHT}


def test_words_are_spelt_the_british_way(written):
    forms = american()
    assert forms["behavior"] == "behaviour"
    found = []
    for file in sorted(written.rglob("*.txt")):
        for word in re.findall(r"[A-Za-z]+", file.read_text("utf8")):
            if word in forms:  # with a capital it may stand in somebody's title
                found.append(f"{file.relative_to(written)}: {word}, here {forms[word]}")
    assert found == []
