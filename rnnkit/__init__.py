"""rnnkit: recurrent networks written to be read, every gradient derived by hand.

The rooms, from the ground up:

- :mod:`rnnkit.init`, :mod:`rnnkit.losses`, :mod:`rnnkit.text`, :mod:`rnnkit.predictors` -- plain functions over arrays
- :mod:`rnnkit.cells`, :mod:`rnnkit.notations` -- one step forward and the same step backward; as five lectures write it
- :mod:`rnnkit.unroll` -- the step repeated over time; BPTT, truncated, checkpointed
- :mod:`rnnkit.run`, :mod:`rnnkit.kernels`, :mod:`rnnkit.scan` -- the same, fast
- :mod:`rnnkit.gradients`, :mod:`rnnkit.probe` -- is a gradient right, where does it come from; what does a unit track?
- :mod:`rnnkit.initial`, :mod:`rnnkit.layers` -- where a recurrence starts; both directions, stacks
- :mod:`rnnkit.train`, :mod:`rnnkit.measure` -- what moves the parameters; what it costs and is worth
- :mod:`rnnkit.forcing`, :mod:`rnnkit.patterns`, :mod:`rnnkit.language`, :mod:`rnnkit.reservoir`,
  :mod:`rnnkit.seq2seq`, :mod:`rnnkit.trees` -- whole networks
- :mod:`rnnkit.torch`, :mod:`rnnkit.graph` -- modules for torch; graphs traced from running code
- :mod:`rnnkit.data`, :mod:`rnnkit.view` -- real sequences; figures
- :mod:`rnnkit.check` -- feedback for the learner; :mod:`rnnkit.grade` -- grades for the instructor

Importing this package needs NumPy and nothing else.
"""

__version__ = "0.1.0"
