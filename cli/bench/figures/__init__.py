"""The figures of ``kitchen bench``, one module each; every module has NAME, TITLE and ``contest``."""
