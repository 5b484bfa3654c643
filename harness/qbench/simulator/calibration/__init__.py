"""What a device says of itself when it is asked with single operators, and what follows from it.

`singles` are the questions, `measure` asks them, `journal` keeps every answer, `solve` and `fit`
turn answers into prices of the `work` that kernels do, `reuse` says what is still in a cache,
`price` puts a model together from them, `document` is the file that all of it ends in.
"""
