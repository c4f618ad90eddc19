"""``kitchen bench``: what this machine does, figure by figure, each beside a named baseline measured in the same minutes.

The product is measured as it is run: its own processes, fed from outside. No figure is ever asserted.
"""

from cli.bench.command import bench
from cli.bench.figure import Size

__all__ = ["Size", "bench"]
