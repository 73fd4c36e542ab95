// Signing in: by the link that `serve` prints, whose part after # never leaves the browser, or by the form.

const form = document.getElementById("sign-in");
const problem = document.getElementById("problem");

async function signIn(token) {
  const answer = await fetch("/console/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (answer.ok) {
    history.replaceState(null, "", location.pathname + location.search);
    if (location.pathname === "/console/sign-in") location.assign("/console/");
    else location.reload();
  } else {
    problem.textContent = "That is neither a token nor a code of this host.";
    form.token.select();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(form.token.value.trim());
});

/** Sign in by the link, if this page was opened by it; also where the page was there already. */
function byLink() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return form.token.focus();
  history.replaceState(null, "", location.pathname + location.search);
  signIn(given);
}

addEventListener("hashchange", byLink);
document.body.inert = false;
byLink();
