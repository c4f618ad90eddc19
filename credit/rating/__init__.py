"""Rating: facts of one merchant and a scheme's data in, a grade that can be explained out (domain.md C).

Pure and exact: no clock, no I/O, no binary float. A scheme is compiled once and rates many merchants.
"""
