"""A virtual Android device that real adb servers accept, with faults on demand.

One process tree per device:

    supervisor (outside)  control socket, the device's physics, faults that need the host
      init (pid 1 inside) reaps, remounts, kills everything at a reboot
        daemon (inside)   the device side of the ADB protocol; its children are the shells

Inside is a jail: an Android-like tree in its own mount, pid, uts and ipc namespaces. Numbers that
come out of it are `origin: emulated`, never `device`.
"""
