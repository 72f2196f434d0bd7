"""The pages without a browser: who sees what, and that what is sent in is only shown."""

import re
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

import pytest

from worker.domain.jobs import Task
from worker.ledger import tokens
from worker.ledger.acceptance import Terms
from worker.web.doorman import SESSION

ORDER = "S01-1234567-1234567"
CONFIRM = {"task": "confirm", "seller": "acme", "order_id": ORDER}
PAGES = ("/", "/?range=day", "/jobs", "/jobs?state=failed", "/quotas")


@pytest.fixture
def browser(web):
    """A browser that has logged in as till, on this machine."""
    client = web.client(base_url="http://127.0.0.1")
    answer = client.post("/login", data={"token": web.token("read", "operate", name="till")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return client


@pytest.fixture
def job(web):
    client = web.client(web.token("enqueue", name="shop"))
    return client.post("/v1/jobs", json=CONFIRM).json()["id"]


def csrf(page):
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


def test_whoever_is_not_known_is_led_to_the_door_and_back(web, job):
    client = web.client(base_url="http://127.0.0.1")
    for path in (*PAGES, f"/jobs/{job}", f"/orders/acme/{ORDER}"):
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")
    door = client.get(client.get(f"/jobs/{job}").headers["location"])
    assert f'value="/jobs/{job}"' in door.text
    form = {"token": web.token("read"), "next": f"/jobs/{job}"}
    assert client.post("/login", data=form).headers["location"] == f"/jobs/{job}"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil", "", "x"])
def test_the_door_leads_to_no_other_site(web, target):
    form = {"token": web.token("read"), "next": target}
    assert web.client().post("/login", data=form).headers["location"] == "/"


def test_pages_are_answered_with_everything_in_them(browser, job):
    for path in (*PAGES, f"/jobs/{job}", f"/orders/acme/{ORDER}"):
        page = browser.get(path)
        assert page.status_code == 200, path
        assert page.headers["content-type"].startswith("text/html")
        for found in re.findall(r'(?:src|href|action)="([^"]*)"', page.text):
            assert found.startswith(("/", "#")), found
        assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page.text)
    page = browser.get("/")
    for asset in re.findall(r'"(/static/[^"]+)"', page.text):
        answer = browser.get(asset)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_a_token_opens_pages_too(web, job):
    assert web.client(web.token("read")).get(f"/jobs/{job}").status_code == 200


def test_a_wrong_token_stays_at_the_door_and_is_not_shown(web):
    answer = web.client().post("/login", data={"token": "ow_wrong-one"})
    assert answer.status_code == 401
    assert "This is no token" in answer.text
    assert "ow_wrong-one" not in answer.text
    assert SESSION not in answer.cookies


@pytest.mark.parametrize(
    ("base", "secure"),
    [("http://127.0.0.1", False), ("http://shop.example", True), ("https://127.0.0.1", True)],
)
def test_the_cookie_is_for_the_server_alone_and_for_tls_beyond_this_machine(web, base, secure):
    answer = web.client(base_url=base).post("/login", data={"token": web.token("read")})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert ("Secure" in cookie) is secure
    assert ("strict-transport-security" in answer.headers) is base.startswith("https")


def test_logging_out_ends_the_session_and_so_does_revoking_its_token(web, browser):
    kept = browser.cookies[SESSION]
    browser.post("/logout", data={"csrf": csrf(browser.get("/"))})
    browser.cookies.set(SESSION, kept)
    assert browser.get("/").status_code == 303
    secret = web.token("read", name="other")
    browser.post("/login", data={"token": secret})
    assert browser.get("/").status_code == 200
    tokens.revoke(web.ledger.database, "other")
    assert browser.get("/").status_code == 303


def test_a_job_is_withdrawn_from_its_page_under_the_tokens_name(browser, job):
    page = browser.get(f"/jobs/{job}")
    form = {"csrf": csrf(page), "why": "a <b>phone</b> call"}
    answer = browser.post(f"/jobs/{job}/withdraw", data=form)
    assert answer.headers["location"] == f"/jobs/{job}?done=withdraw"
    page = browser.get(answer.headers["location"])
    assert "The job is withdrawn." in page.text
    assert "Withdrawn by till" in page.text
    assert "a &lt;b&gt;phone&lt;/b&gt; call" in page.text


def test_what_cannot_be_done_says_why_on_the_page(browser, job):
    answer = browser.post(f"/jobs/{job}/retry", data={"csrf": csrf(browser.get(f"/jobs/{job}"))})
    assert answer.status_code == 409
    assert "it is still open" in answer.text


def test_an_order_is_kept_and_released_from_its_page(browser, job):
    path = f"/orders/acme/{ORDER}"
    for deed, said in (("keep", "Kept"), ("release", "Released")):
        page = browser.get(path)
        answer = browser.post(f"{path}/{deed}", data={"csrf": csrf(page), "why": deed})
        assert answer.headers["location"] == f"{path}?done={deed}"
        assert f"<strong>{said}</strong> by till" in browser.get(path).text


MARKUP = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{ 7 * 7 }}'


class Elements(HTMLParser):
    """A page as a browser reads it: its elements, with their attributes, and its texts."""

    def __init__(self, page):
        super().__init__()
        self.found, self.texts = [], []
        self.feed(page.text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def scripts(self):
        return [each["src"].partition("?")[0] for tag, each in self.found if tag == "script"]


def test_markup_in_a_name_is_text_on_every_page(web, browser):
    words = {"reason": MARKUP, "parent_order_id": MARKUP}
    for job_id, seller in ((MARKUP, MARKUP), ("plain", "acme")):
        terms = Terms(job_id, MARKUP, may_publish=False)
        given = {**words, "seller": seller}
        web.now.producers.accept_foreign(Task.CONFIRM, (MARKUP,), given, terms)
    listed = Elements(browser.get("/jobs"))
    links = {each["href"] for tag, each in listed.found if each.get("class") == "mono"}
    assert len(links) == 4
    filters = urlencode({"order_id": MARKUP, "seller": MARKUP})
    for place in ("/jobs", f"/jobs?{filters}", *sorted(links)):
        page = Elements(browser.get(place))
        assert MARKUP in page.texts or f"Confirm {MARKUP}" in page.texts, place
        assert page.scripts == ["/static/live.js"], place
    for place in ("/", "/quotas", f"/{quote(MARKUP)}", f"/jobs?{urlencode({MARKUP: MARKUP})}"):
        page = Elements(browser.get(place))
        assert page.scripts in (["/static/live.js"], []), place
        assert "img" not in [tag for tag, _ in page.found], place


SLASHED = """
[sellers."a/b"]
provider = "seller_center"
endpoint = "http://127.0.0.1:9"
user_id = "slash@example.com"
api_key = { env = "DOOR_KEY" }
"""


@pytest.mark.parametrize("sections", [SLASHED])
@pytest.mark.parametrize("order", ["4711", "47/11", "keep", "%2F"])
def test_names_with_a_slash_have_pages_that_their_links_lead_to(web, browser, order):
    terms = Terms("a/job", "message", may_publish=False)
    web.now.producers.accept_foreign(Task.CANCEL, (order,), {"seller": "a/b"}, terms)
    page = browser.get("/jobs")
    of_job, of_order = sorted(set(re.findall(r'class="mono" href="([^"]+)"', page.text)))
    assert ">a/job<" in browser.get(of_job).text
    page = browser.get(of_order)
    assert f'<bdi class="mono">{order}</bdi>' in page.text
    assert "a/b · " in page.text
    client = web.client(web.token("read", "operate", name="api"))
    assert client.get(f"/v1{of_order}").json()["seller"] == "a/b"
    if order.isdigit():  # of what cannot be an order's id nothing is kept
        kept = browser.post(f"{of_order}/keep", data={"csrf": csrf(page)})
        assert "The order is kept" in browser.get(kept.headers["location"]).text
        assert client.post(f"/v1{of_order}/keep", json={"kept": False}).json()["changed"]


@pytest.mark.parametrize(
    "forged",
    [
        {"data": {"why": "no token of a form"}},
        {"data": {"csrf": "0" * 64}},
        {"headers": {"Origin": "https://evil.example"}},
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
    ],
)
def test_a_form_of_another_site_does_nothing(browser, job, forged):
    form = {"data": {"csrf": csrf(browser.get(f"/jobs/{job}"))}, **forged}
    for path in (f"/jobs/{job}/withdraw", f"/orders/acme/{ORDER}/keep", "/logout"):
        assert browser.post(path, **form).status_code == 403
    assert "waiting" in browser.get(f"/jobs/{job}").text


def test_reading_permits_no_deed_and_shows_no_button(web, job):
    client = web.client(base_url="http://127.0.0.1")
    client.post("/login", data={"token": web.token("read")})
    page = client.get(f"/jobs/{job}")
    assert "withdraw" not in page.text
    form = {"csrf": csrf(page)}
    assert client.post(f"/jobs/{job}/withdraw", data=form).status_code == 403
    only = web.client(web.token("enqueue"))
    assert only.get("/").status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs/made-up", 404),
        ("/jobs/%3Cscript%3E", 404),
        ("/orders/acme/%3Cscript%3Ealert(1)%3C%2Fscript%3E", 404),
        ("/jobs?before=made-up", 422),
        ("/jobs?state=%3Cscript%3E", 422),
        ("/jobs?colour=red", 422),
        ("/nowhere", 404),
        ("/static/../secrets", 404),
        ("/static/none.css", 404),
    ],
)
def test_what_is_not_there_is_said_on_a_page(browser, path, status):
    answer = browser.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>" not in answer.text


def test_filters_are_links_and_empty_fields_do_not_matter(browser, job):
    page = browser.get("/jobs?state=waiting&task=&seller=acme&order_id=&since=1h&waiting_for=")
    assert f"/jobs/{job}" in page.text
    assert '<option value="waiting" selected>' in page.text
    assert "No job fits." in browser.get("/jobs?state=failed").text


def test_pages_of_jobs_follow_one_another(web, browser):
    words = [{**CONFIRM, "order_id": f"S01-0000000-{number:07}"} for number in range(60)]
    web.client(web.token("enqueue")).post("/v1/jobs", json=words)
    first = browser.get("/jobs?seller=acme")
    older = re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    assert "seller=acme" in older
    second = browser.get(older)
    orders = [re.findall(r"S01-0000000-\d{7}(?=</bdi>)", page.text) for page in (first, second)]
    assert orders[0] + orders[1] == [each["order_id"] for each in reversed(words)]
    assert "Older" not in second.text


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x", ""])
def test_a_body_that_is_no_form_is_refused(browser, media_type):
    headers = {"Content-Type": media_type}
    assert browser.post("/login", content=b"token=x", headers=headers).status_code == 422
