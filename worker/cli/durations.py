"""Durations on the command line, written as in the configuration: 30m, 24h, 1h30m, 2.5."""

import click


class Duration(click.ParamType["float"]):
    """Gives seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from worker.settings.values import seconds

        try:
            return seconds(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}.", param, ctx)


DURATION = Duration()
