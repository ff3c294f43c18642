"""Print a command of README.md, so that people and CI run the same one: `run` or `test`.

A command is the one line of the code block directly below `<!-- command: NAME -->`.
`tests/test_docs.py`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"

_MARKED = re.compile(r"^<!-- command: (\w+) -->\n```\w*\n([^\n]+)\n```$", re.MULTILINE)


def commands(readme: str) -> dict[str, str]:
    """The marked commands of a README, by name."""
    return dict(_MARKED.findall(readme))


def main(arguments: list[str]) -> int:
    """Print the command that is asked for; 2 when there is none of that name."""
    found = commands(README.read_text(encoding="utf-8"))
    if len(arguments) != 1 or arguments[0] not in found:
        print(f"usage: python3 docs/commands.py {{{'|'.join(found)}}}", file=sys.stderr)
        return 2
    print(found[arguments[0]])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
