"""Warm kernels: one template process imports once, then every notebook gets a fork of it in milliseconds.

``template`` is that process and ``child`` what a fork does to become a Jupyter kernel · ``wire`` carries messages
between them and ``client``, the starting side · ``provisioner`` makes warm kernels available to everything that starts
Jupyter kernels by name: ``rnnkit-warm`` (NumPy and matplotlib) and ``rnnkit-warm-torch``.

A fork is safe while the template has one thread, so it imports with one thread of linear algebra and never runs a
torch operation. Linux only; elsewhere the provisioner starts ordinary kernels.
"""
