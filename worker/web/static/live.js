"use strict";
// Looks every few seconds at the page itself, and takes over the parts that have changed.
// Without it the page is as it was sent.

(() => {
  const shown = document.getElementById("live");
  const every = Number(document.body.dataset.every) * 1000;
  if (!shown || !(every > 0)) return;

  let missed = 0;
  let timer = 0;

  const say = (text, isLive) => {
    if (shown.textContent !== text) shown.textContent = text;
    shown.classList.toggle("off", !isLive);
    shown.hidden = false;
  };

  // Somebody is typing there, or has opened what asks for a confirmation.
  const isInUse = (part) =>
    part.querySelector("details[open]") !== null ||
    (part.contains(document.activeElement) && document.activeElement.matches("input, select"));

  const placeOf = (part, element) =>
    part.contains(element) ? [...part.querySelectorAll("a, button, summary")].indexOf(element) : -1;

  const takeOver = (fresh) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (!other || isInUse(part) || part.outerHTML === other.outerHTML) continue;
      const place = placeOf(part, document.activeElement);
      const taken = document.adoptNode(other);
      part.replaceWith(taken);
      if (place >= 0) taken.querySelectorAll("a, button, summary")[place]?.focus();
    }
    if (document.title !== fresh.title) document.title = fresh.title;
  };

  const look = async () => {
    if (document.hidden) return;
    try {
      const url = location.href.split("#")[0];
      const answer = await fetch(url, { redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect") return location.reload(); // logged out meanwhile
      if (!answer.ok) throw new Error(String(answer.status));
      takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
      missed = 0;
      say("Live", true);
    } catch {
      missed += 1;
      if (missed > 1) say("Not reached", false);
    }
  };

  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => look().finally(again), Math.min(every * 2 ** missed, 30000));
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look().finally(again);
  });
  say("Live", true);
  again();
})();
