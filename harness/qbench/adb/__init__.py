"""One Android device over the adb server: listing, shell, files, cache. Every call has a deadline.

Import the module you need; `listing` alone is light enough for `qbench run` on a machine without
a phone.
"""
