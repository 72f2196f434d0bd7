"""The pages in a real browser, beside a worker and a provider that answers."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from processes import both_providers, opened, until

from tests import browsers

ORDER = "S01-6000000-000000"
SERIOUS = ("serious", "critical")

browser = browsers.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory, browser):
    """A shop with a worker and its pages; each test has orders of its own."""
    with both_providers() as sandbox, opened(tmp_path_factory.mktemp("web"), sandbox.url) as shop:
        shop.configuration(worker__max_attempts=1, worker__lookup_after_confirm=True)
        shop.ledger()
        made = shop.order_worker("token", "till", "--scopes", "read,operate")
        shop.token = made.stdout.splitlines()[-1]
        shop.start_worker()
        process = shop.start("worker", "web", "--port", "0")
        listens = until(lambda: re.search(r"http://\S+:\d+", shop.log_of(process)))
        shop.url, shop.sandbox = listens[0], sandbox
        yield shop


def log_in(page, site):
    page.goto("/")
    page.get_by_label("Token").fill(site.token)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Quotas")).to_be_visible()


@pytest.fixture
def page(browser, site):
    """A browser that has logged in; nothing may fail in it, nor be refused by its policy."""
    failed = []
    with browser.new_context(base_url=site.url) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.on("console", lambda said: said.type == "error" and failed.append(said.text))
        log_in(page, site)
        yield page
    assert failed == []


def confirm(site, name, *more):
    (job,) = site.told("confirm", name, "--seller", "acme", *more)
    return job["id"]


def state(page):
    return page.locator("#heading .state")


def test_a_job_is_followed_from_waiting_to_done_without_a_reload(site, page):
    name = f"{ORDER}1"
    match = {"operation": "ConfirmOrderReference", "order_id": name}
    site.sandbox.add_fault(match=match, delay=0.8)
    site.sandbox.add_fault(match={**match, "operation": "GetOrderReferenceDetails"}, delay=0.8)
    page.goto(f"/jobs/{confirm(site, name)}")
    page.evaluate("window.sameAsBefore = true")
    expect(state(page)).to_have_text("succeeded")
    expect(page.get_by_text("Sent ConfirmOrderReference")).to_be_visible()
    assert page.evaluate("window.sameAsBefore")


def test_a_failed_job_is_retried_under_the_tokens_name_and_succeeds(site, page):
    name = f"{ORDER}2"
    site.sandbox.add_fault(
        match={"operation": "ConfirmOrderReference", "order_id": name},
        answer={"status": 500, "body": "html"},
    )
    page.goto(f"/jobs/{confirm(site, name)}")
    expect(state(page)).to_have_text("failed")
    page.get_by_text("Retry…").click()
    page.get_by_label("Why").fill("the customer is on the phone")
    page.wait_for_timeout(2500)  # the page looks for what is new meanwhile, and takes nothing away
    expect(page.get_by_label("Why")).to_have_value("the customer is on the phone")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("The job is tried again.")).to_be_visible()
    expect(state(page)).to_have_text("succeeded")
    expect(page.get_by_text("Retried by till")).to_be_visible()
    expect(page.get_by_text("the customer is on the phone").first).to_be_visible()


def test_buyers_details_are_shown_to_who_asks_and_the_history_says_so(site, page):
    page.goto(f"/jobs/{confirm(site, f'{ORDER}3', '--wait')}")
    secret = "Details"
    expect(state(page)).to_have_text("succeeded")
    expect(page.locator("#facts")).not_to_contain_text(secret)
    page.get_by_role("button", name="Show the buyer's details").click()
    expect(page.locator("#facts")).to_contain_text(secret)
    expect(page.get_by_text("The buyer's details were shown by till")).to_be_visible()
    page.goto(page.url.removesuffix("/details"))
    expect(page.locator("#facts")).not_to_contain_text(secret)


def test_without_a_token_there_is_the_door_alone(site, browser):
    with browser.new_context(base_url=site.url) as stranger:
        page = stranger.new_page()
        for path in ("/", "/jobs", "/quotas", "/jobs/x", "/orders/acme/x"):
            page.goto(path)
            expect(page.get_by_label("Token")).to_be_visible()
            expect(page.get_by_role("link", name="Quotas")).to_have_count(0)
        page.get_by_label("Token").fill("ow_made-up")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("This is no token, or it has ended.")


def test_all_of_it_works_without_javascript(site, browser):
    held = confirm(site, f"{ORDER}4", "--wait")
    with browser.new_context(base_url=site.url, java_script_enabled=False) as plain:
        page = plain.new_page()
        log_in(page, site)
        page.get_by_role("link", name="Jobs", exact=True).click()
        page.get_by_label("Order", exact=True).fill(f"{ORDER}4")
        page.get_by_role("button", name="Show", exact=True).click()
        page.get_by_role("link", name=held[:8]).click()
        expect(state(page)).to_have_text("succeeded")
        page.locator("#facts").get_by_role("link", name=f"{ORDER}4").click()
        page.get_by_text("Keep…").click()
        page.get_by_role("button", name="Keep").click()
        expect(page.get_by_text("The order is kept: no sweep cancels it.")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Token")).to_be_visible()


def complaints(page):
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in Axe().run(page).response["violations"]
        if each["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_serious_complaint(site, page, scheme):
    job = confirm(site, f"{ORDER}5", "--wait")
    page.emulate_media(color_scheme=scheme)
    for path in ("/", "/jobs", "/quotas", f"/jobs/{job}", f"/orders/acme/{ORDER}5", "/login"):
        page.goto(path)
        assert complaints(page) == [], path
    page.evaluate("document.querySelector('label').remove()")
    assert [rule for rule, _ in complaints(page)] == ["label"]  # so it would have complained


def test_nothing_is_wider_than_a_phone(site, page):
    job = confirm(site, f"{ORDER}6", "--wait")
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/jobs", "/quotas", f"/jobs/{job}", f"/orders/acme/{ORDER}6"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
