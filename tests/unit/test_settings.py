"""`load`: which file, what it refuses, and in which words."""

from pathlib import Path
from textwrap import dedent

import pytest

from worker.domain.jobs import Policy, Task
from worker.settings import ConfigurationError, Settings, load


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "worker.toml") -> Path:
    path = Path.cwd() / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def refusal(text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(write(text), environ or {})
    return str(caught.value).splitlines()


def the_line(text: str, environ: dict[str, str] | None = None) -> str:
    (line,) = refusal(text, environ)
    return line


class TestWhichFile:
    def test_without_any_file_all_options_have_their_defaults(self):
        settings = load(environ={})
        assert settings.policy() == Policy()
        assert settings.sellers == {}
        assert settings.model_dump() == Settings().model_dump()

    def test_config_worker_toml_of_the_working_directory_is_found(self):
        write("[worker]\nconcurrency = 3", "config/worker.toml")
        assert load(environ={}).worker.concurrency == 3

    def test_the_variable_wins_over_the_working_directory_and_the_argument_over_both(self):
        write("[worker]\nconcurrency = 3", "config/worker.toml")
        write("[worker]\nconcurrency = 4", "named.toml")
        argument = write("[worker]\nconcurrency = 5", "argument.toml")
        environ = {"ORDER_WORKER_CONFIG": "named.toml"}
        assert load(environ=environ).worker.concurrency == 4
        assert load(argument, environ).worker.concurrency == 5

    @pytest.mark.parametrize("name", ["absent.toml", "", "."])
    def test_a_file_that_was_named_and_is_not_there_is_an_error(self, name):
        with pytest.raises(ConfigurationError, match="no configuration file"):
            load(name, {})
        with pytest.raises(ConfigurationError, match="ORDER_WORKER_CONFIG names"):
            load(environ={"ORDER_WORKER_CONFIG": name})

    def test_a_syntax_error_is_answered_with_file_and_line(self):
        assert the_line("[worker]\npatience = \nlease = 3").startswith(
            f"{Path.cwd() / 'worker.toml'}, line 2: Invalid value"
        )

    def test_a_file_that_ends_too_early_names_its_last_line(self):
        assert ", line 2: " in the_line('[worker]\nuser_agent = """open')

    def test_a_file_that_is_not_utf8_is_answered(self):
        path = write("")
        path.write_bytes(b'[worker]\nuser_agent = "\xff"')
        with pytest.raises(ConfigurationError, match="not UTF-8"):
            load(path, {})


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[worker]\nconcurrency = 0", "worker.concurrency = 0: must be a whole number"),
            ("[worker]\nconcurrency = 1.5", "worker.concurrency = 1.5: must be a whole number"),
            ("[worker]\nmax_attempts = true", "worker.max_attempts = true: must be a whole number"),
            ('[worker]\npatience = "soon"', 'worker.patience = "soon": must be a duration'),
            ("[worker]\nmargin = -1", "worker.margin = -1: must be 0 or a duration"),
            ("[worker]\nreserve = -1", "worker.reserve = -1: must be a whole number of at least 0"),
            (
                '[worker]\nlookup_after_confirm = "yes"',
                'worker.lookup_after_confirm = "yes": must be true or false',
            ),
            ('[worker]\nuser_agent = "a\\nb"', 'worker.user_agent = "a\\nb": must be printable'),
            ("worker = 3", "worker = 3: must be a table"),
            ("[sellers]\nacme = 3", "sellers.acme: must be a table"),
            ('[sellers.acme]\nregion = "na"', "sellers.acme.provider: is needed and not given"),
            ('[sellers.a]\nprovider = " "', 'sellers.a.provider = " ": must be a text'),
            ('[sellers.""]\nprovider = "x"', 'sellers."": must be a text that is not empty'),
        ],
    )
    def test_each_is_answered_with_key_value_and_rule(self, text, line):
        assert the_line(text).startswith(line)

    @pytest.mark.parametrize("rest", ["capacity = 0", "capacity = 0.5", "capacity = inf"])
    def test_a_capacity_below_one_or_without_end_is_refused(self, rest):
        line = the_line(f'[sellers.a]\nprovider="x"\n[sellers.a.quotas.Op]\nrestore_rate=1\n{rest}')
        assert line.startswith(f"sellers.a.quotas.Op.{rest}: must be a finite number of tokens")

    @pytest.mark.parametrize("rate", ["0", "-1", "inf", "nan", "true", '"fast"'])
    def test_a_restore_rate_that_is_not_above_zero_and_finite_is_refused(self, rate):
        line = the_line(
            f'[sellers.a]\nprovider="x"\n[sellers.a.quotas.Op]\ncapacity=1\nrestore_rate = {rate}'
        )
        assert line.startswith(f"sellers.a.quotas.Op.restore_rate = {rate}: must be a finite")

    def test_a_quota_needs_both_numbers(self):
        line = the_line('[sellers.a]\nprovider="x"\n[sellers.a.quotas.Op]\ncapacity=1')
        assert line == "sellers.a.quotas.Op.restore_rate: is needed and not given"

    def test_all_of_them_are_listed_one_line_each(self):
        lines = refusal(
            """
            [worker]
            patience = "never"
            call_timeout = "20s"
            [sellers.acme]
            secret_key = "obviously-fake"
            [sellers.acme.quotas.Op]
            capacity = 0
            restore_rate = 1
            """,
            {"ORDER_WORKER_LEDGER_URL": "sqlite:///x.db"},
        )
        assert [line.split()[0].rstrip(":") for line in lines] == [
            "ORDER_WORKER_LEDGER_URL",
            "worker.patience",
            "worker.lease",
            "sellers.acme.provider",
            "sellers.acme.quotas.Op.capacity",
            "sellers.acme.secret_key",
        ]

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[worker]\npatienc = 1", 'worker.patienc: is not an option; did you mean "patience"?'),
            ("[leger]", 'leger: is not an option; did you mean "ledger"?'),
            ("[Worker]", 'Worker: is not an option; did you mean "worker"?'),
            ("[broker]\nzzz = 1", "broker.zzz: is not an option; known: url"),
        ],
    )
    def test_an_unknown_key_is_refused_with_the_nearest(self, text, line):
        assert the_line(text) == line

    def test_an_unknown_key_of_a_quota_is_refused_with_the_nearest(self):
        lines = refusal(
            '[sellers.a]\nprovider="x"\n[sellers.a.quotas.Op]\ncapacity=1\nrestore_rat=1'
        )
        assert lines[-1] == (
            'sellers.a.quotas.Op.restore_rat: is not an option; did you mean "restore_rate"?'
        )

    def test_a_sellers_own_keys_are_its_providers_business(self):
        settings = load(write('[sellers.a]\nprovider = "x"\nodd = [1, { deep = true }]'), {})
        assert settings.seller("a") == {"provider": "x", "odd": [1, {"deep": True}]}


class TestWaits:
    def test_a_lease_that_does_not_outlast_the_call_says_by_how_much(self):
        line = the_line('[worker]\nlease = "8s"')
        assert line == (
            'worker.lease = "8s": must be longer than worker.call_timeout (10s);'
            " the lease of 8s is 2s shorter"
        )

    def test_a_default_lease_is_held_against_a_longer_call(self):
        assert the_line('[worker]\ncall_timeout = "15s"').endswith(
            "must be longer than worker.call_timeout, which is 15s too"
        )

    def test_patience_ends_within_the_lease(self):
        assert "longer than worker.patience (20s)" in the_line('[worker]\npatience = "20s"')

    def test_give_up_after_is_for_cancels_and_confirms_have_their_own(self):
        policy = load(write('[worker]\ngive_up_after = "2d"'), {}).policy()
        assert policy.give_up_after == {Task.CANCEL: 172800.0, Task.CONFIRM: 10800.0}

    def test_every_wait_of_the_file_reaches_the_policy(self):
        text = """
            [worker]
            patience = 1
            call_timeout = 3
            lease = 4
            max_attempts = 5
            give_up_after = 6
            give_up_after_confirm = 7
            doubt_wait = 8
            doubt_limit = 9
            credentials_retry = 11
            lookup_after_confirm = false
        """
        assert load(write(text), {}).policy() == Policy(
            patience=1,
            call_timeout=3,
            lease=4,
            max_attempts=5,
            give_up_after={Task.CANCEL: 6, Task.CONFIRM: 7},
            doubt_wait=8,
            doubt_limit=9,
            credentials_retry=11,
            lookup_after_confirm=False,
        )


def test_an_unknown_seller_is_answered_with_the_nearest():
    settings = load(write('[sellers.acme]\nprovider = "x"'), {})
    with pytest.raises(ConfigurationError, match=r'no seller "acne".*did you mean "acme"'):
        settings.seller("acne")
