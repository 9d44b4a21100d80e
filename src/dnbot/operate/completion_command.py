"""`dnbot completion`: what a shell needs to complete commands, options and choices; click makes it."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
_HOW = {
    "bash": 'eval "$(dnbot completion bash)"  in ~/.bashrc',
    "zsh": 'eval "$(dnbot completion zsh)"  in ~/.zshrc',
    "fish": "dnbot completion fish > ~/.config/fish/completions/dnbot.fish",
}


@click.command(
    "completion", epilog="\b\n" + "\n".join(f"{shell}: {how}" for shell, how in _HOW.items()),
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print a script that lets the shell complete `dnbot` and `./dnbot`."""
    root = context.find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(root.command, {}, "dnbot", "_DNBOT_COMPLETE").source())
