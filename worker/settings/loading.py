"""From a file and an environment to checked settings."""

import os
import re
import time
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from worker.domain.jobs import Policy
from worker.settings.answers import mistakes_of
from worker.settings.environment import Environment
from worker.settings.mistakes import ConfigurationError, KeyPath, Mistake, nearest
from worker.settings.references import Withheld, references
from worker.settings.sections import Broker, Ledger, SellerTable, Web, Worker
from worker.settings.sweeps import Retry, Stale
from worker.settings.urls import Url
from worker.settings.values import Text

VARIABLE = "ORDER_WORKER_CONFIG"
DEFAULT = Path("config/worker.toml")


class Settings(BaseSettings):
    """What the file and the environment say. Made by `load`; without it, all defaults."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, case_sensitive=True
    )

    ledger: Ledger = Field(default_factory=Ledger)
    broker: Broker = Field(default_factory=Broker)
    worker: Worker = Field(default_factory=Worker)
    web: Web = Field(default_factory=Web)
    stale: Stale | None = None
    retry: Retry | None = None
    sellers: dict[Text, SellerTable] = Field(default={})

    _environ: Mapping[str, str] = PrivateAttr(default_factory=lambda: os.environ)
    _source: str = PrivateAttr(default="the defaults")
    _file: Path | None = PrivateAttr(default=None)
    _read_at: float = PrivateAttr(default=0.0)

    @property
    def source(self) -> str:
        """Which file this is, in words; or where none was found."""
        return self._source

    @property
    def read_at(self) -> float:
        """When it was read, in epoch seconds."""
        return self._read_at

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it depends on: its own, and those of the sellers' secrets."""
        secrets = [
            Path(reference.name).absolute()
            for seller in self.sellers.values()
            for _, reference in references(seller.options)
            if reference.kind == "file"
        ]
        return (*([self._file] if self._file else []), *secrets)

    def again(self) -> "Settings":
        """The same configuration as it is in its file now. Raises ConfigurationError."""
        return load(self._file, self._environ)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources that `load` made, the first one winning; never the process' own."""
        given = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        return tuple(given.get("sources", ()))

    def policy(self) -> Policy:
        """The waits and limits of `[worker]`, as the rules want them."""
        return self.worker.policy()

    def seller(self, name: str, *, secrets: bool = True) -> dict[str, Any]:
        """The table `[sellers.<name>]` as a plain mapping, for its provider.

        With `secrets`, references are replaced by what they refer to, read now; without, by
        `Withheld`. Raises ConfigurationError for an unknown name, and for each secret that
        is missing or empty.
        """
        if name not in self.sellers:
            raise ConfigurationError(
                f'there is no seller "{name}" in the configuration; {nearest(name, self.sellers)}'
            )
        seller = self.sellers[name]
        stand_ins: dict[KeyPath, object] = {}
        mistakes: list[Mistake] = []
        for path, reference in references(seller.options):
            try:
                stand_ins[path] = (
                    reference.read(self._environ) if secrets else Withheld(reference.source)
                )
            except ValueError as error:
                mistakes.append(Mistake(("sellers", name, *path), str(error)))
        if mistakes:
            raise ConfigurationError(*mistakes)
        return seller.table(stand_ins)

    def shop_url(self, name: str) -> Url:
        """The database of a seller's `stale.shop_query`; the ledger's, if it names none.

        Raises ConfigurationError for a URL that is missing or wrong.
        """
        section = self.sellers[name].stale
        try:
            return (section and section.url(self._environ)) or self.ledger.url
        except ValueError as error:
            mistake = Mistake(("sellers", name, "stale", "shop_url"), str(error))
        raise ConfigurationError(mistake)  # outside the handler: its locals hold the URL

    def check_secrets(self) -> None:
        """Raise ConfigurationError that lists every secret of every seller that cannot be had."""
        mistakes: list[str] = []
        for name in self.sellers:
            try:
                self.seller(name)
            except ConfigurationError as error:
                mistakes += error.mistakes
            try:
                self.shop_url(name)
            except ConfigurationError as error:
                mistakes += error.mistakes
        if mistakes:
            raise ConfigurationError(*mistakes)

    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown and can be had: for the redaction of logs."""
        values = [*self.ledger.url.passwords, *self.broker.url.passwords]
        for name, seller in self.sellers.items():
            with suppress(ConfigurationError):
                values += self.shop_url(name).passwords
            for _, reference in references(seller.options):
                with suppress(ValueError):  # one that is not there cannot be shown either
                    values.append(reference.read(self._environ))
        return tuple(dict.fromkeys(values))


def load(
    path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Read the configuration: the file, and the environment above it.

    The file is `path`, else what ORDER_WORKER_CONFIG names, else config/worker.toml in the
    working directory if there is one. `environ` is the process' own unless given. Raises
    ConfigurationError, with a line for each mistake; a secret that is not there is none yet.
    """
    environ = os.environ if environ is None else environ
    read_at = time.time()
    file = _file(path, environ)
    tables = _tables(file) if file else {}
    overrides = Environment(Settings, environ, tables)
    sources: dict[str, Any] = {"sources": (overrides, InitSettingsSource(Settings, tables))}
    mistakes = list(overrides.mistakes)
    try:
        settings = Settings(**sources)
    except ValidationError as error:
        mistakes += mistakes_of(error, Settings, overrides.variables)
    if mistakes:  # outside the handler: pydantic's error holds the input, secrets included
        raise ConfigurationError(*mistakes)
    settings._environ = environ  # noqa: SLF001
    settings._file = file.absolute() if file else None  # noqa: SLF001
    settings._read_at = read_at  # noqa: SLF001
    settings._source = (  # noqa: SLF001
        str(file.absolute()) if file else f"no file: there is no {DEFAULT} in {Path.cwd()}"
    )
    return settings


def _file(path: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path | None:
    named = path if path is not None else environ.get(VARIABLE)
    if named is None:
        return DEFAULT if DEFAULT.is_file() else None
    file = Path(named)
    if not os.fspath(named) or not file.is_file():
        by = "" if path is not None else f" that {VARIABLE} names"
        where = "" if file.is_absolute() else f" (in {Path.cwd()})"
        raise ConfigurationError(
            f'there is no configuration file "{os.fspath(named)}"{by}{where}; correct the path'
        )
    return file


def _tables(file: Path) -> dict[str, Any]:
    try:
        return TomlConfigSettingsSource(Settings, file)()
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = place[1] if place and place[1] else str(_lines(file))
        what = str(error)[: place.start()].strip() if place else str(error)
        answer = f"{file}, line {line}: {what}"
    except UnicodeDecodeError:
        answer = f"{file}: is not UTF-8 text; save it as UTF-8"
    except OSError as error:
        answer = f"{file}: cannot be read ({error.strerror})"
    raise ConfigurationError(answer)


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())
