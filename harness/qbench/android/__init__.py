"""Android devices: who they are, how they are, what they run, and putting them back.

`backend.AndroidBackend` drives one device; `identity`, `preflight` and `doctor` look at it;
`command` is the only module that knows benchmark_model's flags. What runs on the device is
android_runner/, reached through `runner.Runner`.
"""
