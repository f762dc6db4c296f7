"""``python -m jsonschemabench`` is the command ``jsonschemabench``."""

from __future__ import annotations

from jsonschemabench.cli.app import main

if __name__ == "__main__":
    main()
