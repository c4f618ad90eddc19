"""The command ``kitchen``: wiring, the process manager, and tools. Importing it loads nothing heavy; see ``cli.main``."""
