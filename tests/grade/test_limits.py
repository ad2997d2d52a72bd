import pytest

from rnnkit.grade.limits import Limits, kernel_environment
from rnnkit.grade.results import plain


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
