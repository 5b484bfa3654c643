"""The stand-in for TensorFlow Lite's benchmark_model on a virtual device.

Flags, output and exit codes are those of the tool as LiteRT 2.1.4 builds it. On the CPU the model
really runs, through LiteRT and on the host's cores; for GPU, NNAPI, Hexagon and QNN it prints what
`qbench.placement` says and waits as long as the predictor says. What it tells is `emulated`.
"""
