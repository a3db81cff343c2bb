"""A person reads the API in a real browser and tries it there, against a deployed sandbox."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser import browser
from tests.sandbox.conftest import token_of
from tooling.install import LOCAL

USERNAME = "jane"

# Of a phone's window and a laptop's, in pixels.
SIZES = [(390, 844), (1280, 800)]
# No screen has room for any number of calls.
A_DOZEN = 12

# For the README, once it looks as it should: docs/docs-page.png.
PICTURE = LOCAL / "docs-page.png"

HELPERS = """
const call = (method, path) => page.locator(`.opblock-${method}`)
  .filter({ has: page.locator(`[data-path="${path}"]`) });

const dialog = page.locator(".dialog-ux");
const authorize = page.locator(".auth-wrapper > .authorize");

async function fillIn(token) {
  await authorize.click();
  await dialog.locator("input").fill(token);
  await dialog.locator(".modal-btn.authorize").click();
  await dialog.locator(".btn-done").click();
}

async function execute(call) {
  await call.locator(".execute").click();
  const answer = call.locator(".live-responses-table tbody .response");
  const body = answer.locator(".highlight-code pre").first();
  return {
    status: await answer.locator(".response-col_status").innerText(),
    body: JSON.parse(await body.innerText()),
  };
}
"""

TRY = """
const firstScreens = {};
for (const [width, height] of values.sizes) {
  await page.setViewportSize({ width, height });
  await page.goto(values.root);
  await page.locator(".opblock").first().waitFor();
  firstScreens[width] = await page.evaluate(() =>
    [...document.querySelectorAll(".opblock-summary-control")]
      .filter((summary) => {
        const { top, bottom, left, right } = summary.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight && left >= 0 && right <= innerWidth;
      })
      .map((summary) => {
        const method = summary.querySelector(".opblock-summary-method").innerText;
        return `${method} ${summary.querySelector("[data-path]").dataset.path}`;
      }));
}
const arrivedAt = page.url();
await page.screenshot({ path: values.picture });
await fillIn(values.token);

const post = call("post", "/users");
await post.locator(".opblock-summary-control").click();
const body = JSON.stringify({ username: values.username }, null, 2);
await post.locator("textarea.body-param__text").fill(body);
const created = await execute(post);

const get = call("get", "/users/{username}");
await get.locator(".opblock-summary-control").click();
await get.locator("[data-param-name=username] input").fill(values.username);
const read = await execute(get);

const kept = () => page.evaluate(async () => ({
  local: Object.entries(localStorage),
  session: Object.entries(sessionStorage),
  cookies: document.cookie,
  databases: await indexedDB.databases(),
  caches: await caches.keys(),
}));
const stored = await kept();
const violations = await page.evaluate(() => violations);
await page.reload();
await post.locator(".opblock-summary-control").waitFor();
await authorize.click();
await dialog.locator(".btn-done").waitFor();
return {
  ...seen, arrivedAt, firstScreens, created, read, violations, stored,
  storedLater: await kept(),
  asksForToken: await dialog.locator("input").isVisible(),
};
"""


@pytest.fixture(scope="module")
def token(cloud: httpx.Client, folder: Path) -> str:
    return token_of(folder)


@pytest.fixture(scope="module")
def visit(
    cloud: httpx.Client, token: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a person did on the page, and what the browser saw meanwhile."""
    visit: dict[str, Any] = browser.run(
        browser.WATCH + HELPERS + TRY,
        tmp_path_factory.mktemp("docs"),
        root=f"{cloud.base_url}/",
        sizes=SIZES,
        token=token,
        username=USERNAME,
        picture=str(PICTURE),
    )
    return visit


def test_the_address_of_the_api_leads_to_the_page(
    visit: dict[str, Any], cloud: httpx.Client
) -> None:
    assert visit["arrivedAt"] == f"{cloud.base_url}/docs"


@pytest.mark.parametrize("width", [width for width, _ in SIZES])
def test_the_first_screen_shows_the_calls(
    width: int, visit: dict[str, Any], cloud: httpx.Client
) -> None:
    # The page lists HEAD last, because it says nothing that GET doesn't.
    calls = {
        f"{method.upper()} {path}"
        for path, item in cloud.get("/openapi.json").json()["paths"].items()
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}
    }
    shown = calls & set(visit["firstScreens"][str(width)])
    assert len(shown) >= min(len(calls), A_DOZEN), f"below the first screen: {calls - shown}"


def test_a_person_creates_a_user_and_reads_it_back(
    visit: dict[str, Any], cloud: httpx.Client
) -> None:
    assert visit["created"]["status"] == "201"
    assert visit["read"]["status"] == "200"
    assert visit["read"]["body"] == visit["created"]["body"]
    assert cloud.get(f"/users/{USERNAME}").json() == visit["created"]["body"]


def test_the_calls_carry_the_token_and_nothing_else_does(
    visit: dict[str, Any], token: str, cloud: httpx.Client
) -> None:
    calls = [
        (request["method"], request["url"])
        for request in visit["requests"]
        if request.get("authorization") == f"Bearer {token}"
    ]
    users = f"{cloud.base_url}/users"
    assert calls == [("POST", users), ("GET", f"{users}/{USERNAME}")]


def test_the_page_works_within_its_policy_and_asks_nobody_else(
    visit: dict[str, Any], cloud: httpx.Client
) -> None:
    assert (visit["complaints"], visit["violations"], visit["failed"]) == ([], [], [])
    for request in visit["requests"]:
        assert request["url"].startswith((f"{cloud.base_url}/", "data:"))


def test_the_token_is_stored_nowhere_and_gone_after_a_reload(visit: dict[str, Any]) -> None:
    nothing = {"local": [], "session": [], "cookies": "", "databases": [], "caches": []}
    assert visit["stored"] == visit["storedLater"] == nothing
    assert visit["asksForToken"]


def test_a_reload_does_not_load_the_renderer_again(
    visit: dict[str, Any], cloud: httpx.Client
) -> None:
    path = "/docs/swagger-ui-bundle.js"
    first = cloud.get(path)
    assert (first.status_code, first.headers["Content-Encoding"]) == (200, "gzip")
    again = cloud.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_the_page_works_behind_a_path(cloud: httpx.Client, token: str, tmp_path: Path) -> None:
    script = """
    await page.route("**/stage/**", async (route) => {
      const url = route.request().url().replace("/stage/", "/");
      await route.fulfill({ response: await route.fetch({ url }) });
    });
    await page.goto(`${values.origin}/stage/docs`);
    await fillIn(values.token);
    const get = call("get", "/users/{username}");
    await get.locator(".opblock-summary-control").click();
    await get.locator("[data-param-name=username] input").fill("nobody");
    return { ...await execute(get), ...seen };
    """
    origin = str(cloud.base_url)
    result = browser.run(browser.WATCH + HELPERS + script, tmp_path, origin=origin, token=token)
    assert result["status"] == "404"
    assert result["body"]["type"] == "/problems/user-not-found"
    assert result["failed"] == [f"{origin}/stage/users/nobody"]
    for request in result["requests"]:
        assert request["url"].startswith((f"{origin}/stage/", "data:"))
