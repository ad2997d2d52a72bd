"""The instructor's grader: `rnnkit grade SUBMISSIONS…`.

A submission runs in its own kernel, which emits *values*; this side compares them with the reference's values at the
same fresh seed. Nothing in the learner's kernel decides a grade.

``submissions`` finds and reads the files · ``tasks`` is what travels to a worker, ``lanes`` and ``cluster`` run many of
them · ``grader`` makes one row: ``plan`` merges the learner's cells with pristine ones, ``library``, ``source`` and
``kernel`` give it kernels, ``notebook`` runs it under nbval · ``gradebook`` keeps the rows, ``late`` scores them and
``report``, ``exports``, ``feedback`` and ``similarity`` show them · ``course`` grades a class, ``cli`` is the command.
"""

import sys

# nbformat imports jsonschema, which would build a grammar of URLs where the package rfc3987_syntax is installed: 0.8 s
# for a format that no notebook is checked against. It does without when it finds no such package.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
