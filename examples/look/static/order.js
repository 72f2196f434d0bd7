// Asks for this very page until its order is done. Without JavaScript a reload does the same.
const DONE = ["SUCCESS", "FAILURE", "REVOKED"];

async function look() {
  const answer = await fetch(location.href).catch(() => null); // no answer now: ask again
  if (answer?.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const state = page.querySelector("[data-state]").dataset.state;
    document.querySelector("main").replaceWith(page.querySelector("main"));
    if (DONE.includes(state)) return;
  }
  setTimeout(look, 500);
}

if (!DONE.includes(document.querySelector("[data-state]").dataset.state)) setTimeout(look, 200);
