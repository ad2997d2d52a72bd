"""Walls around a process that runs strangers' code: files, network, other processes, and how much it may use.

In layers, because no machine has all of them. ``bubblewrap`` gives a root folder, a network and process numbers of its
own (as root, or through user namespaces) · ``landlock`` closes files and signals without any privilege · ``syscalls``
is a seccomp filter · ``cgroups`` bounds memory and processes together, where writable · ``inside`` is entered by the
fork that will run the code, ``limits`` and all · ``probe`` tries to break out, so that a report says what holds, not
what was asked for · ``plan`` puts the layers together.

Linux only; ``plan`` says on other systems what is missing.
"""
