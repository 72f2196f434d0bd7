"""`order-worker completion`: let a shell complete what is typed."""

import click
from click.shell_completion import get_completion_class

VARIABLE = "_ORDER_WORKER_COMPLETE"  # by which a shell asks click
HELP = """Print a script that lets the shell complete commands, options, sellers and jobs.

\b
bash  eval "$(order-worker completion bash)"    in ~/.bashrc
zsh   eval "$(order-worker completion zsh)"     in ~/.zshrc, after compinit
fish  order-worker completion fish | source     in ~/.config/fish/config.fish
"""


@click.command("completion", help=HELP, short_help="Print what makes a shell complete our words.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    from worker.cli.program import program

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not known to this version of click.")
    # Of bash click asks the version, by starting it: the script runs on any since 4.4.
    complete = kind(program, {}, "order-worker", VARIABLE)
    click.echo(complete.source_template % complete.source_vars())
