"""The examples, as a buyer sees them: through their pages, in a browser."""

import sqlite3
from contextlib import closing
from urllib.parse import parse_qs

from playwright.sync_api import expect


def place_order(page, product, card="4242"):
    """Choose and click; the order reference that the wallet has made."""
    page.get_by_label(product).check()
    page.get_by_label(card).check()
    with page.expect_request(is_checkout) as sent:
        page.get_by_role("button", name="Place order").click()
    return parse_qs(sent.value.post_data)["order_reference_id"][0]


def is_checkout(request):
    return request.method == "POST" and request.url.endswith("/orders")


def heading(page):
    return page.get_by_role("heading")


def test_an_order_is_placed_and_seen_confirmed_without_a_reload(site, page):
    site.sandbox.add_fault(match={"operation": "ConfirmOrderReference"}, delay=1.5)
    reference = place_order(page, "Tea bowl")
    expect(page).to_have_url(f"{site.url}/orders/{reference}")
    expect(heading(page)).to_have_text("Your order is placed.")
    page.evaluate("window.sameAsBefore = true")
    expect(page.get_by_text("Amazon Pay is confirming it.")).to_be_visible()
    expect(heading(page)).to_have_text("Thank you. Your order is confirmed.")
    assert page.evaluate("window.sameAsBefore")
    assert site.states(reference) == ["succeeded"]
    assert site.sandbox.order(reference)["state"] == "Open"


def test_a_declined_payment_says_what_to_do_and_another_card_confirms_the_order(site, page):
    reference = place_order(page, "Sencha", card="0002")
    expect(heading(page)).to_have_text("Your payment was declined.")
    expect(page.get_by_text("The buyer has to choose another payment method.")).to_be_visible()
    (job,) = site.told(reference)
    assert (job["state"], job["error"]["code"]) == ("rejected", "ConstraintsExist")

    page.get_by_label("4242").check()
    page.get_by_role("button", name="Pay again").click()
    expect(heading(page)).to_have_text("Thank you. Your order is confirmed.")
    expect(page).to_have_url(f"{site.url}/orders/{reference}")
    assert site.states(reference) == ["rejected", "succeeded"]


def test_a_double_click_orders_once(site, page):
    page.get_by_label("Sencha").check()
    page.get_by_role("button", name="Place order").dblclick()
    expect(heading(page)).to_have_text("Thank you. Your order is confirmed.")
    reference = page.url.rpartition("/")[2]
    assert site.states(reference) == ["succeeded"]
    assert site.sandbox.order(reference)["accepted"]["ConfirmOrderReference"] == 1


def test_a_checkout_that_is_rolled_back_leaves_neither_an_order_nor_a_job(site, page):
    with page.context.new_page() as faster:
        faster.goto("/")
        place_order(faster, "kettle")
        expect(heading(faster)).to_have_text("Thank you. Your order is confirmed.")
    reference = place_order(page, "kettle")
    expect(heading(page)).to_have_text("Somebody else has just bought the last one.")
    assert page.request.get(f"/orders/{reference}").status == 404
    assert site.told(reference) == []
    assert site.sandbox.order(reference)["accepted"] == {}


def test_a_checkout_while_the_database_is_held_by_somebody_else_says_so_and_can_be_repeated(
    site, page
):
    with closing(sqlite3.connect(site.database)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with page.expect_response("**/orders") as answer:
            reference = place_order(page, "Tea bowl")
        assert answer.value.status == 503
        expect(heading(page)).to_contain_text("We cannot take orders just now.")
        assert site.states(reference) == []
    page.get_by_role("link", name="Back to the shelf").click()
    place_order(page, "Tea bowl")
    expect(heading(page)).to_have_text("Thank you. Your order is confirmed.")


def test_an_order_that_amazon_cannot_know_is_refused(site, page):
    page.get_by_label("Sencha").check()
    page.evaluate("document.querySelector('form').submit()")  # past the wallet: no reference
    expect(heading(page)).to_have_text("This order cannot be taken.")
    expect(page.get_by_text("order_id: is empty")).to_be_visible()


def test_an_order_can_be_read_without_javascript(site, page, browser):
    reference = place_order(page, "Sencha")
    expect(heading(page)).to_have_text("Thank you. Your order is confirmed.")
    with browser.new_context(base_url=site.url, java_script_enabled=False) as plain:
        read = plain.new_page()
        read.goto(f"/orders/{reference}")
        expect(heading(read)).to_have_text("Thank you. Your order is confirmed.")
