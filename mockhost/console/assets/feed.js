// What happens on the host, as it happens. A hidden page lets go of its connection and catches up afterwards.

const PATIENCE = 1000;
const HIDDEN = 30_000;

/** Listen; `heard` has functions hello(data), rows(data) and changed(data). `mark()` says what is known already. */
export function listen(heard, mark = () => ({ epoch: -1, since: 0 })) {
  const line = document.getElementById("line");
  let source = null;
  let timer = 0;

  function say(state, text) {
    line.dataset.state = state;
    line.textContent = text;
  }

  function open() {
    clearTimeout(timer);
    if (source) return;
    const { epoch, since } = mark();
    source = new EventSource(`/console/feed?epoch=${Math.max(epoch, 0)}&since=${epoch < 0 ? 0 : since}`);
    source.onopen = () => say("live", "live");
    for (const kind of ["hello", "rows", "changed"]) {
      source.addEventListener(kind, (event) => heard[kind]?.(JSON.parse(event.data)));
    }
    source.onerror = () => {
      close();
      say("lost", "not connected");
      timer = setTimeout(look, PATIENCE);
    };
  }

  function close() {
    source?.close();
    source = null;
  }

  // The host may have ended, or ask for its token again.
  async function look() {
    const answer = await fetch(location.href, { method: "HEAD", headers: { Accept: "text/html" } }).catch(() => null);
    if (answer?.status === 401) location.reload();
    else if (answer) open();
    else timer = setTimeout(look, PATIENCE);
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => { close(); say("", ""); }, HIDDEN);
    else open();
  });
  addEventListener("pagehide", close);
  open();
}
