"""Running a plan under nbval: its collector and its cells, with our kernel and with values in place of outputs."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import numpy as np
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from rnnkit.check import answer_call, judged_values, make_oracle, run_probe
from rnnkit.check.values import MIME, FormError, compare, decode, encode
from rnnkit.grade.kernel import GradingKernel
from rnnkit.grade.plan import Plan, Step
from rnnkit.grade.results import CheckResult, GraderError, plain
from rnnkit.grade.source import KernelError, KernelSource

if TYPE_CHECKING:
    from rnnkit.check.oracle import Oracle
    from rnnkit.grade.master import CheckCell, Master

_NAMED = 3  # how many wrong values a reason names
_UNUSED = ("cacheprovider", "doctest", "junitxml", "threadexception", "unraisableexception")
"""Plugins of pytest that write files, or collect all garbage several times: a sixth of a submission's time."""

__all__ = ["Run", "run_plan"]


@dataclass
class Run:
    """One notebook's run: what goes in, and what the cells leave behind."""

    plan: Plan
    master: Master
    seed_of: Callable[[str], int]
    kernels: KernelSource
    checks: list[CheckResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failure: str = ""
    """Why no kernel could be had at all."""


def run_plan(run: Run) -> None:
    """Run the plan's cells in one kernel, through pytest; fills `run.checks` and `run.notes`."""
    with tempfile.TemporaryDirectory(prefix="n") as folder:
        # pytest never sees the submission's own folder: it would load a conftest.py or __init__.py from it.
        notebook = Path(folder, "notebook.ipynb")
        cells = [nbformat.v4.new_code_cell(step.source) for step in run.plan.steps]
        notebook.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells)), encoding="utf-8")
        options = ["--noconftest", "-c", os.devnull, "--rootdir", folder, "--tb=short", "-q"]
        options += [f"-pno:{name}" for name in _UNUSED]
        log = io.StringIO()
        with _own_pytest(), contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            code = pytest.main([*options, "-p", "nbval.plugin", str(notebook)], plugins=[_Collecting(run)])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise GraderError(f"pytest ended with {code!r}: {plain(log.getvalue()[-400:], 400)}")
    if run.failure:
        raise GraderError(run.failure)
    if len(run.checks) != len(run.master.checks):
        raise GraderError(f"only {len(run.checks)} checks were run: {plain(log.getvalue()[-400:], 400)}")


@contextlib.contextmanager
def _own_pytest() -> Iterator[None]:
    """Keep the instructor's pytest settings and plugins out of grading."""
    kept = {name: os.environ.pop(name, None) for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
    kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Collecting:
    """The pytest plugin of one run: it collects the plan, whatever the file says."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> GradedNotebook:
        """Make the collector of the planned notebook."""
        notebook: GradedNotebook = GradedNotebook.from_parent(parent, path=file_path)
        notebook.run = self.run
        return notebook


class GradedNotebook(IPyNbFile):  # type: ignore[misc]
    """nbval's notebook, whose kernel comes back after a death: earlier cells are run again, the deadly one is not."""

    run: Run
    kernel: GradingKernel | None = None

    def collect(self) -> Iterator[GradedCell]:
        """Yield the planned cells, under options of our own: no marker in a learner's cell is obeyed."""
        for number, step in enumerate(self.run.plan.steps):
            cell = nbformat.v4.new_code_cell(step.source)
            if step.check:
                cell.source = _emitting(step.check, self.run)
                cell.execution_count = 1  # nbval compares only what has been run
            options = defaultdict(bool, check=bool(step.check), check_exception=not step.check)
            item: GradedCell = GradedCell.from_parent(
                self, name=step.label, cell_num=number, cell=cell, options=options
            )
            item.step = step
            yield item

    def setup(self) -> None:
        """Start the clock and the first kernel."""
        self.deadline = time.monotonic() + self.run.kernels.limits.notebook_seconds
        self.done: list[str] = []
        self.restarts_left = self.run.kernels.limits.restarts
        try:
            self._start()
        except KernelError as error:
            self.run.failure = str(error)
            raise

    def _start(self) -> None:
        self.kernel = GradingKernel(self.run.kernels, self.deadline)

    def ready(self) -> GradingKernel:
        """Return a kernel that lives, with the earlier cells done; raises `KernelError` when there can be none."""
        if time.monotonic() > self.deadline:
            raise KernelError(f"the notebook's {self.run.kernels.limits.notebook_seconds:g} s were used up")
        if self.kernel is not None and self.kernel.is_alive():
            return self.kernel
        if not self.restarts_left:
            raise KernelError("the kernel ended too often")
        self.restarts_left -= 1
        self.stop()
        self._start()
        assert self.kernel is not None
        for source in self.done:
            self.kernel.run(source)
            if not self.kernel.is_alive():
                raise KernelError("the kernel ended again while earlier cells were repeated")
        return self.kernel

    def stop(self) -> None:
        """End the kernel with all its processes."""
        if self.kernel is not None:
            self.kernel.stop()

    def teardown(self) -> None:
        """End what still runs."""
        self.stop()


class GradedCell(IPyNbCell):  # type: ignore[misc]
    """nbval's cell; a learner's cell may fail, a check cell's values are compared here, outside the kernel."""

    step: Step
    parent: GradedNotebook

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.output_timeout = 3  # only named in nbval's messages: the kernel keeps its own deadlines

    def setup(self) -> None:
        """Do nothing: nbval would expect every cell after a time-out to fail."""

    def runtest(self) -> None:
        """Run the cell; whatever happens is recorded, and a lost check is a failed test."""
        check, run = self.step.check, self.parent.run
        self.verdict = self.detail = ""
        reason = self._run()
        if check:
            points = 0.0 if reason else float(check.points)
            result = CheckResult(
                check.exercise.id, check.grade_id, points, float(check.points), plain(reason), plain(self.detail)
            )
            run.checks.append(result)
            if reason:
                pytest.fail(f"{check.grade_id}: {reason}", pytrace=False)
            return
        if not reason:
            self.parent.done.append(self.step.source)
            reason = "" if self.step.given else self._raised()
        note = f"{self.step.label}: {plain(reason)}"
        if reason and not (run.notes and run.notes[-1].partition(": ")[2] == plain(reason)):
            run.notes.append(note)

    def _run(self) -> str:
        """Let nbval run the cell; return what went wrong (for a learner's cell, only what stopped it)."""
        try:
            kernel = self.parent.ready()
        except KernelError as error:
            return str(error)
        kernel.judged = self.step.check is not None
        if self.step.check:
            self._prepare(self.step.check, kernel)
        try:
            super().runtest()
        except NbCellError:
            return kernel.trouble or self.verdict or self._raised() or "it emitted no values"
        except KernelError as error:
            kernel.stop()  # dead or deaf; the next cell gets a new one
            return kernel.trouble or str(error)
        except GraderError:
            raise
        except Exception as error:  # a forged message can break nbval's loop anywhere
            return f"broken messages ({type(error).__name__})"
        finally:
            kernel.answer, kernel.judged = None, False
        return kernel.trouble

    def _prepare(self, check: CheckCell, kernel: GradingKernel) -> None:
        """Make the exercise's oracle, if it has one: it answers from here what the cell asks."""
        self.oracle = make_oracle(check.exercise, _secret(check, self.parent.run))
        kernel.answer = None if self.oracle is None else functools.partial(answer_call, self.oracle)

    def _raised(self) -> str:
        errors = [out for out in self.test_outputs or () if out.output_type == "error"]
        return f"raised {errors[-1].ename}: {errors[-1].evalue}" if errors else ""

    def compare_outputs(self, test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
        """Compare values with the reference's at the same seed, in place of nbval's comparison of texts."""
        assert self.step.check is not None
        self.comparison_traceback: list[str] = []
        self.verdict, self.detail = _judge(self.step.check, test, self.parent.run, self.oracle)
        return not self.verdict


def _emitting(check: CheckCell, run: Run) -> str:
    """Write the check cell as it runs in grading: values go out; the seed comes in only now."""
    seed, given = run.seed_of(check.exercise.id), _given(check, run)
    literal = repr(encode(given)) if given else "None"
    return (
        "from rnnkit.warm.preamble import emit as __emit\n"
        f"__emit({check.exercise.id!r}, {check.answer}, {seed}, {literal}, {check.exercise.oracle is not None})"
    )


def _given(check: CheckCell, run: Run) -> dict[str, np.ndarray]:
    """Make what the exercise is given from a seed that never enters the kernel: it would tell what was done to it."""
    return run.master.given(check.exercise.id, run.seed_of(f"{check.exercise.id} given"))


def _secret(check: CheckCell, run: Run) -> int:
    """Return the seed of what stays on this side: an oracle's weights, the data that a certificate is tried on."""
    return run.seed_of(f"{check.exercise.id} secret")


def _judge(check: CheckCell, outputs: list[Any], run: Run, oracle: Oracle | None) -> tuple[str, str]:
    """Say why these outputs earn nothing: a reason without any expected value, and the detail for the instructor."""
    bundles = [out["data"][MIME] for out in outputs if out.get("output_type") == "display_data"]
    if len(bundles) != 1:
        return f"it emitted {len(bundles)} bundles of values instead of one", ""
    bundle, seed = bundles[0], run.seed_of(check.exercise.id)
    if not isinstance(bundle, dict) or bundle.get("id") != check.exercise.id or bundle.get("seed") != str(seed):
        return "the values are not this check's", ""
    if "error" in bundle:
        error = plain(bundle["error"])
        if error.startswith("NotImplementedError"):
            return "not written yet", ""
        return error.removeprefix("FormError: ") if error.startswith(
            "FormError: "
        ) else f"the answer raised {error}", ""
    given, secret = _given(check, run), _secret(check, run)
    try:
        got = judged_values(check.exercise, decode(bundle.get("values")), secret, given, oracle)
    except FormError as error:
        return plain(error), ""
    except ValueError as error:
        return f"the values cannot be read: {plain(error)}", ""
    try:
        expected = run_probe(check.exercise, run.master.answers[check.answer], seed, given, secret)
    except Exception as error:
        raise GraderError(f"the reference of {check.exercise.id} raised {type(error).__name__}: {error}") from error
    tolerance = (check.exercise.rtol, check.exercise.atol)
    difference = compare(got, expected, *tolerance)
    return (_without_numbers(got, expected, tolerance), difference) if difference else ("", "")


def _without_numbers(
    got: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], tolerance: tuple[float, float]
) -> str:
    """Say which values differ, with nothing of what was expected beyond their names."""
    if missing := [name for name in expected if name not in got]:
        return f"{len(missing)} of {len(expected)} values are missing"
    wrong = [
        f"{name} {'differs' if got[name].shape == expected[name].shape else 'has another shape'}"
        for name in expected
        if compare({name: got[name]}, {name: expected[name]}, *tolerance)
    ]
    more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return "; ".join(wrong[:_NAMED]) + more or "there are values that were not asked for"
