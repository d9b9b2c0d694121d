"""The command line of the benchmarks: results on stdout, progress on stderr.

Exit codes: 0 measured ("met" says whether the target was), 1 not possible here, 2 bad usage.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

from bench import BENCHMARKS, NotPossible
from vae_core.errors import PlaygroundError


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    modules = {}
    for name, summary in BENCHMARKS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        command.add_argument("--json", action="store_true", help="print the whole result as JSON")
        modules[name] = importlib.import_module(f"bench.{name}")
        modules[name].add_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        result: dict[str, Any] = modules[arguments.name].measure(arguments)
    except (PlaygroundError, NotPossible) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(result, indent=2, allow_nan=False))
    else:
        for key, value in result.items():
            print(f"{key}: {json.dumps(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
