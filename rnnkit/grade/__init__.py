"""The instructor's grader: `rnnkit grade SUBMISSIONS…`.

A submission runs in its own kernel, which emits *values*; this side compares them with the reference's values at the
same fresh seed. Nothing in the learner's kernel decides a grade.

``submissions`` finds and reads the files · ``plan`` merges the learner's cells with the pristine ones · ``kernel`` and
``notebook`` run the plan under nbval · ``preamble`` is the part inside the kernel · ``grader`` makes one row ·
``lanes`` runs many workers · ``gradebook`` keeps the rows · ``report`` shows them · ``cli`` is the command.
"""
