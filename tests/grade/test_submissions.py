import json
import os
import socket
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from rnnkit.grade import submissions
from rnnkit.grade.submissions import (
    NoSubmissionsError,
    UnreadableError,
    belongs_to,
    cells_of,
    find,
    fingerprint,
    read_cells,
)


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
            b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"source": "1"}]}',
            "cell 1 has no type",
        ),
        (b"9" * 10_000, "not a notebook"),
        (b'{"nbformat": "4", "cells": []}', "no nbformat number"),
        (b'{"nbformat": true, "cells": []}', "no nbformat number"),
        (b'{"nbformat": NaN, "cells": []}', "its format is nan, known are 2 to 4"),
        (b'{"nbformat": 4, "cells": [],}', "is not JSON: .*line 1"),
        (b'{"nbformat": 4, "cells": [7]}', "cell 1 has no type"),
        (b'{"nbformat": 4, "cells": [{"cell_type": ["code"], "source": ""}]}', "cell 1 has no type"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 7}]}', "the source of cell 1 is no text"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["a", 7]}]}', "the source of cell 1 is no text"),
        (b'{"nbformat": 4, "cells": [' + b"{}," * 3000 + b"{}]}", "a list of at most 2000"),
        (b'{"nbformat": 4, "cells": [' + b"[]," * 2_000_000 + b"[]]}", "holds more than 1000000 values"),
        (b'{"nbformat": 4, "cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is not JSON"),
        (b'{"nbformat": 3, "worksheets": 7}', "cells must be a list"),
        (b'{"nbformat": 3, "worksheets": [{"cells": {"a": 1}}]}', "cell 1 has no type"),
    ],
)
def test_what_is_no_notebook_gets_its_reason(tmp_path, content, reason):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        read_cells(path)


def one_cell(**fields):
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = 1"} | fields]})


@pytest.mark.parametrize(
    "content",
    [
        one_cell().encode("utf-8-sig"),
        one_cell().encode("utf-16"),
        json.dumps(json.loads(one_cell()), indent=1).replace("\n", "\r\n").encode(),
        one_cell(source=["x = ", "1"]).encode(),
        one_cell(metadata=None, id=7, outputs="?").encode(),
        one_cell(outputs=[float("nan")]).encode(),
        one_cell(execution_count=0).replace("0", "9" * 5000).encode(),
        one_cell().replace('"source"', '"source": "older", "source"').encode(),
    ],
    ids=["a byte-order mark", "UTF-16", "CRLF", "source as a list", "no id", "NaN", "a long number", "a key twice"],
)
def test_an_oddity_of_a_file_changes_nothing(content):
    assert [cell["source"] for cell in cells_of(content)] == ["x = 1"]


def test_windows_line_ends_in_a_cell_become_plain_ones():
    assert cells_of(one_cell(source="a\r\nb\rc\n").encode())[0]["source"] == "a\nb\nc\n"


def test_half_a_character_costs_only_itself():
    assert cells_of(one_cell(source="Zo\xeb \ud800 = 1").encode())[0]["source"] == "Zo\xeb ? = 1"
    assert cells_of(one_cell(source="\ud83d\ude00").encode())[0]["source"] == "\N{GRINNING FACE}"


@pytest.mark.parametrize("source", [None, "", []])
def test_a_cell_without_text_is_an_empty_cell(source):
    assert cells_of(one_cell(source=source).encode())[0]["source"] == ""


def test_an_oversized_file_is_not_read(tmp_path):
    path = tmp_path / "a.ipynb"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnreadableError, match="is over 20 MB"):
        read_cells(path)


def test_what_is_no_file_is_never_opened(tmp_path, monkeypatch):
    (tmp_path / "link.ipynb").symlink_to(write(tmp_path / "secret.ipynb"))
    os.mkfifo(tmp_path / "pipe.ipynb")
    with socket.socket(socket.AF_UNIX) as one:
        monkeypatch.chdir(tmp_path)
        one.bind("socket.ipynb")
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest, **named: opened.append(path) or real(path, *rest, **named))
    monkeypatch.setattr(os, "supports_dir_fd", {os.open})
    reasons = {one.name: one.read().reason for one in find([tmp_path]) if one.name != "secret.ipynb"}
    assert reasons == {
        "link.ipynb": "is a symbolic link; hand in the file itself",
        "pipe.ipynb": "is not a regular file",
        "socket.ipynb": "is not a regular file",
    }
    assert not {"link.ipynb", "pipe.ipynb", "socket.ipynb"} & set(map(str, opened))


def test_a_device_is_not_read():
    with pytest.raises(UnreadableError, match="is not a regular file"):
        read_cells(Path("/dev/zero"))


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


def test_a_folder_exchanged_for_a_link_after_the_search_is_not_followed(tmp_path):
    write(tmp_path / "class/ana/05-bptt.ipynb")
    write(tmp_path / "secret/05-bptt.ipynb", "the solution")
    (one,) = find([tmp_path / "class"])
    (tmp_path / "class/ana").rename(tmp_path / "was")
    (tmp_path / "class/ana").symlink_to(tmp_path / "secret")
    assert one.read().reason == "cannot be read: Not a directory"


def test_a_file_exchanged_for_a_link_after_the_search_is_not_followed(tmp_path):
    path = write(tmp_path / "class/ana.ipynb")
    (one,) = find([tmp_path / "class"])
    path.unlink()
    path.symlink_to(write(tmp_path / "secret.ipynb", "the solution"))
    assert one.read().reason == "is a symbolic link; hand in the file itself"


def test_the_way_to_the_class_may_hold_links_and_be_relative(tmp_path, monkeypatch):
    write(tmp_path / "real/class/ana/05-bptt.ipynb", "x = 1")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path / "link/class")
    for place in (tmp_path / "link/class", Path(), Path("../class/ana"), "ana/05-bptt.ipynb"):
        (one,) = find([place])
        assert one.read().cells()[0]["source"] == "x = 1"


def test_hard_links_are_files_of_their_own(tmp_path):
    path = write(tmp_path / "ana.ipynb", "x = 1")
    (tmp_path / "ben.ipynb").hardlink_to(path)
    assert [(one.student, one.read().cells()[0]["source"]) for one in find([tmp_path])] == [
        ("ana", "x = 1"), ("ben", "x = 1"),
    ]  # fmt: skip


def test_a_folder_that_cannot_be_searched_is_a_row_with_its_reason(tmp_path, monkeypatch):
    write(tmp_path / "ana/05-bptt.ipynb")
    (tmp_path / "ben").mkdir()
    real = os.scandir

    def scandir(folder):
        if str(folder).endswith("ben"):
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert [(one.student, one.read().reason) for one in find([tmp_path])] == [
        ("ana", ""), ("ben", "is a folder that cannot be searched: Permission denied"),
    ]  # fmt: skip


def test_a_folder_of_very_many_files_is_not_searched_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "_MOST_FILES", 3)
    (tmp_path / "eve").mkdir()
    for number in range(4):
        (tmp_path / f"eve/{number}.txt").touch()
    (one,) = find([tmp_path])
    assert one.read().reason == "holds more than 3 files; hand in the notebook alone"


def test_a_very_deep_folder_does_not_end_the_search(tmp_path, monkeypatch):
    write(tmp_path / "ana.ipynb")
    (tmp_path / "eve").mkdir()
    monkeypatch.chdir(tmp_path / "eve")
    for _ in range(20):  # 5,000 characters: longer than a path may be
        Path("d" * 250).mkdir()
        os.chdir("d" * 250)
    ana, eve = find([tmp_path])
    assert ana.read().cells() == []
    assert eve.read().reason == "is a folder that cannot be searched: File name too long"


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"an\x01a", b"an\x02a"), (b"Ana", b"ana"), ("Zo\xeb".encode(), "Zoe\u0308".encode()), (b"x" * 240, b"x" * 241)],
    ids=["control characters", "case", "composed", "cut"],
)
def test_students_whose_names_look_the_same_are_told_apart(tmp_path, one, other):
    for name in (one, other, b"ben"):
        write(tmp_path / os.fsdecode(name + b".ipynb"))
    found = find([tmp_path])
    students = {each.student for each in found}
    assert len({each.key for each in found}) == len(students) == 3
    assert len({student.casefold()[:32] for student in students}) == 3
    assert "ben" in students


def test_a_student_of_two_folders_is_one_student_with_two_files(tmp_path):
    for folder in ("first", "second"):
        write(tmp_path / folder / "ana.ipynb")
    assert [(one.student, one.name) for one in find([tmp_path / "first", tmp_path / "second"])] == [
        ("ana", "ana.ipynb in first"), ("ana", "ana.ipynb in second"),
    ]  # fmt: skip


def test_a_name_that_spells_an_escape_does_not_hide_the_file_of_another(tmp_path):
    for name in (b"an\xe9.ipynb", b"an\\xe9.ipynb"):
        write(tmp_path / os.fsdecode(name))
    found = find([tmp_path])
    assert len({one.key for one in found}) == len({one.student for one in found}) == 2


def test_names_that_other_systems_reserve_are_names(tmp_path):
    for name in ("con.ipynb", "NUL.ipynb", "aux .ipynb", "a:b.ipynb", "-rf.ipynb", "\x01.ipynb", "<b>.ipynb"):
        write(tmp_path / name)
    assert {one.student for one in find([tmp_path])} == {"con", "NUL", "aux", "a:b", "-rf", "unnamed", "<b>"}
