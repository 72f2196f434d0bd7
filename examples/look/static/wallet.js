// Plays Amazon Pay's widget, which is Amazon's own script in a real shop: it makes the order
// reference, and tells Amazon (here: the sandbox) how the buyer pays. The shop hears of no card.
const sandbox = document.currentScript.dataset.sandbox;

function digits(count) {
  return Array.from(crypto.getRandomValues(new Uint8Array(count)), (byte) => byte % 10).join("");
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { card, order_reference_id: reference } = event.target.elements;
  reference.value ||= `S01-${digits(7)}-${digits(7)}`;
  const constraints = card.value === "declined" ? ["PaymentMethodNotAllowed"] : [];
  await fetch(`${sandbox}/_sandbox/orders/${reference.value}`, {
    method: "POST",
    mode: "no-cors",
    body: JSON.stringify({ constraints }),
  }).catch(() => {}); // no sandbox: the order waits for it
  event.target.submit();
});

// A page that comes back by the browser's back button would order the same once more.
addEventListener("pageshow", (event) => event.persisted && location.reload());
