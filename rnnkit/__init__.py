"""rnnkit: recurrent networks written to be read, every gradient derived by hand.

The rooms, from the ground up:

- :mod:`rnnkit.init`, :mod:`rnnkit.losses`, :mod:`rnnkit.text` -- plain functions over arrays
- :mod:`rnnkit.cells` -- one step forward and the same step backward
- :mod:`rnnkit.unroll` -- the step repeated over time; BPTT, truncated, checkpointed
- :mod:`rnnkit.gradients` -- is a gradient right, and where does it come from?
- :mod:`rnnkit.train` -- what moves the parameters
- :mod:`rnnkit.data`, :mod:`rnnkit.view` -- real sequences; figures
- :mod:`rnnkit.check` -- feedback for the learner; :mod:`rnnkit.grade` -- grades for the instructor

Importing this package needs NumPy and nothing else.
"""

__version__ = "0.1.0"
