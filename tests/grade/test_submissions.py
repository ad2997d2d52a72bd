import json
import os
from types import SimpleNamespace

import nbformat
import pytest

from rnnkit.grade.submissions import NoSubmissionsError, UnreadableError, belongs_to, find, fingerprint, read_cells


def write(path, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_students_are_files_or_folders(tmp_path):
    write(tmp_path / "ana.ipynb")
    write(tmp_path / "ben" / "05-bptt.ipynb")
    write(tmp_path / ".ipynb_checkpoints" / "ana.ipynb")
    assert [one.student for one in find([tmp_path])] == ["ana", "ben"]


def test_a_file_named_twice_is_one_submission(tmp_path):
    path = write(tmp_path / "ana.ipynb")
    assert len(find([tmp_path, path])) == 1


def test_a_folder_without_notebooks_is_an_error_that_says_what_was_expected(tmp_path):
    with pytest.raises(NoSubmissionsError, match=r"holds no notebook; expected .*student.ipynb"):
        find([tmp_path])


def test_a_missing_place_is_an_error(tmp_path):
    with pytest.raises(NoSubmissionsError, match="does not exist"):
        find([tmp_path / "nowhere"])


def test_a_name_that_is_no_utf8_becomes_printable(tmp_path):
    (tmp_path / os.fsdecode(b"an\xe9\x1b[2J.ipynb")).touch()
    (one,) = find([tmp_path])
    assert one.student == r"an\xe9 [2J"
    assert one.key.encode().endswith(rb"\xe9" + b"\x1b[2J.ipynb")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "not a notebook"),
        (b'{"nbformat": 4, "cells": 7}', "not a valid notebook"),
        (b'{"nbformat": 99, "cells": []}', "not a valid notebook"),
        (
            b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
            "cell 1 has no text",
        ),
        (b"9" * 10_000, "is not JSON"),
    ],
)
def test_what_is_no_notebook_gets_its_reason(tmp_path, content, reason):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        read_cells(path)


def test_an_oversized_file_is_not_read(tmp_path):
    path = tmp_path / "a.ipynb"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnreadableError, match="is over 20 MB"):
        read_cells(path)


def test_links_and_pipes_are_not_opened(tmp_path):
    (tmp_path / "link.ipynb").symlink_to(write(tmp_path / "secret.ipynb"))
    os.mkfifo(tmp_path / "pipe.ipynb")
    with pytest.raises(UnreadableError, match="symbolic link"):
        read_cells(tmp_path / "link.ipynb")
    with pytest.raises(UnreadableError, match="not a regular file"):
        read_cells(tmp_path / "pipe.ipynb")


def test_a_linked_folder_is_a_row_and_not_followed(tmp_path):
    write(tmp_path / "elsewhere" / "05-bptt.ipynb")
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "eve").symlink_to(tmp_path / "elsewhere")
    (one,) = find([tmp_path / "class"])
    with pytest.raises(UnreadableError, match="symbolic link"):
        read_cells(one.path)


def test_an_older_notebook_format_is_read(tmp_path):
    path = tmp_path / "old.ipynb"
    cell = {"cell_type": "code", "language": "python", "input": ["x = 1"], "outputs": [], "metadata": {}}
    path.write_text(json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}))
    assert read_cells(path)[1][0]["source"] == "x = 1"


def test_the_fingerprint_follows_the_content(tmp_path):
    one, two = write(tmp_path / "a.ipynb", "1"), write(tmp_path / "b.ipynb", "2")
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(one) == fingerprint(one) == read_cells(one)[0]


def master(name, *ids):
    cells = [{"metadata": {"nbgrader": {"grade_id": one}}, "source": ""} for one in ids]
    checks = [SimpleNamespace(source=f"check('{one}')") for one in ids]
    return SimpleNamespace(name=name, release=SimpleNamespace(cells=cells), checks=checks)


def test_a_notebook_belongs_to_the_master_whose_cells_it_holds():
    masters = [master("05-bptt", "a", "b"), master("06-gradients", "c")]
    own = [{"metadata": {"nbgrader": {"grade_id": "c"}}, "source": ""}]
    assert belongs_to("05-bptt.ipynb", own, masters).name == "06-gradients"
    stripped = [{"metadata": {}, "source": "check('a') "}]
    assert belongs_to("ana.ipynb", stripped, masters).name == "05-bptt"


def test_without_any_known_cell_the_file_name_decides():
    masters = [master("05-bptt", "a"), master("06-gradients", "c")]
    assert belongs_to("ana_06-gradients (1).ipynb", [], masters).name == "06-gradients"
    assert belongs_to("ana.ipynb", [], masters) is None


def test_a_notebook_is_found_at_any_depth_and_in_any_spelling(tmp_path):
    for name in ("ana/hw05/05-bptt.ipynb", "ben/05-BPTT.IPYNB", "cem/.ipynb_checkpoints/05-bptt.ipynb"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    assert [(one.student, one.name) for one in find([tmp_path])] == [
        ("ana", "05-bptt.ipynb"), ("ben", "05-BPTT.IPYNB"), ("cem", "cem"),
    ]  # fmt: skip
    with pytest.raises(UnreadableError, match="a folder that holds no notebook"):
        read_cells(tmp_path / "cem")


def test_notebooks_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for student in ("ana", "ben"):
        (tmp_path / student).mkdir()
        (tmp_path / student / "05-bptt.ipynb").write_text("{}")
    places = [tmp_path / student / "05-bptt.ipynb" for student in ("ana", "ben")]
    assert [one.student for one in find(places)] == ["ana", "ben"]
