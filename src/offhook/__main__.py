"""`python -m offhook` is the `offhook` command; `python -m offhook role NAME` starts a role.

Roles take the short way round the command-line library: each is a process of its own and starts that often.
"""

import sys


def main() -> None:
    """Run a role, or hand over to the command line."""
    if sys.argv[1:2] == ["role"] and len(sys.argv) == 3:
        from offhook.supervisor.role import run_role

        sys.exit(run_role(sys.argv[2]))
    from offhook.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
