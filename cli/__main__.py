"""``python -m cli`` is ``kitchen``."""

from cli.main import app

if __name__ == "__main__":
    app(prog_name="kitchen")
