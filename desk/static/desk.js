/* Makes the desk's pages live and keeps what is typed. Everything works without it, only slower.

   The server says by an event stream that something changed; the script then fetches the part
   that the page shows and puts in what is new. Forms outside the parts are never touched. */
"use strict";

(() => {
  const DRAFT = "natiq-desk-draft:";
  const RETRY_MS = 5000;
  const live = document.getElementById("live");
  const lost = document.getElementById("live-lost");
  const over = document.getElementById("live-over");

  // -- drafts: kept in this browser until they are sent ---------------------------------------

  const store = {
    get(key) { try { return localStorage.getItem(DRAFT + key); } catch { return null; } },
    set(key, text) {
      try {
        if (text) localStorage.setItem(DRAFT + key, text);
        else localStorage.removeItem(DRAFT + key);
        return Boolean(text);
      } catch { return false; }
    },
    clear() {
      try {
        Object.keys(localStorage)
          .filter((key) => key.startsWith(DRAFT))
          .forEach((key) => localStorage.removeItem(key));
      } catch { /* storage is switched off: there is nothing to clear */ }
    },
  };

  const done = document.querySelector("[data-done]")?.dataset.done;
  for (const area of document.querySelectorAll("textarea[data-draft]")) {
    const key = area.dataset.draft;
    const hint = area.form.querySelector(".draft");
    if (done && area.dataset.doneWhen.split(" ").includes(done)) store.set(key, "");
    if (!area.value) area.value = store.get(key) ?? "";
    hint.hidden = !area.value || !store.set(key, area.value);
    area.addEventListener("input", () => { hint.hidden = !store.set(key, area.value); });
  }
  if (done) {
    // A reload must not say "done" again, nor clear what was typed since.
    const address = new URL(location.href);
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }
  document.querySelector("form[data-logout]")?.addEventListener("submit", () => store.clear());
  document.getElementById("trouble")?.focus();

  // -- forms: sent once, and from the keyboard -------------------------------------------------

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const form = event.target.closest?.("form[data-keys]");
    if (form) { event.preventDefault(); form.requestSubmit(); }
  });

  if (!live) return;

  // -- live parts ------------------------------------------------------------------------------

  // What the server sent for each keyed element: the page's own state (an opened list, a choice)
  // must not make it look changed.
  const asSent = new WeakMap();
  const parts = () => live.querySelectorAll("[data-part]");
  const remember = (element) => asSent.set(element, element.outerHTML);
  for (const part of parts()) [...part.children].forEach(remember);
  let version = live.querySelector("[data-version]").dataset.version;

  const update = (part, fresh) => {
    const talk = part.matches(".bubbles");
    const atEnd = talk && part.scrollHeight - part.scrollTop - part.clientHeight < 80;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const present = new Map([...part.children].map((child) => [child.dataset.key, child]));
    let after = null;
    for (const child of [...fresh.children]) {
      const old = present.get(child.dataset.key);
      present.delete(child.dataset.key);
      let placed = old;
      if (!old || asSent.get(old) !== child.outerHTML) {
        placed = document.importNode(child, true);
        asSent.set(placed, child.outerHTML);
        if (old) old.replaceWith(placed);
      }
      const next = after ? after.nextElementSibling : part.firstElementChild;
      if (placed !== next) part.insertBefore(placed, next);
      after = placed;
    }
    present.forEach((child) => child.remove());
    if (focused && document.activeElement?.id !== focused) {
      document.getElementById(focused)?.focus({ preventScroll: true });
    }
    if (atEnd) part.scrollTop = part.scrollHeight;
    if (fresh.dataset.seen !== undefined) {
      part.dataset.seen = fresh.dataset.seen;
      document.querySelector("[data-seen-field]").value = fresh.dataset.seen;
    }
  };

  let fetching = false;
  let again = false;
  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(live.dataset.partAddress, { credentials: "same-origin" });
      if (answer.status === 401) { end(); return; }
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of parts()) {
        const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
        if (fresh) update(part, fresh);
      }
      version = page.querySelector("[data-version]").dataset.version;
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    } finally {
      fetching = false;
      if (again) { again = false; refresh(); }
    }
  };

  let source = null;
  let timer = 0;
  let ended = false;
  const close = () => { clearTimeout(timer); source?.close(); source = null; };
  const end = () => { ended = true; close(); lost.hidden = true; over.hidden = false; };
  const open = () => {
    if (ended || source || document.hidden) return;
    const address = new URL(live.dataset.events, location.href);
    address.searchParams.set("version", version);
    const opened = new EventSource(address);
    source = opened;
    opened.addEventListener("ready", () => { clearTimeout(timer); lost.hidden = true; });
    opened.addEventListener("change", refresh);
    opened.addEventListener("over", end);
    opened.addEventListener("error", () => {
      // The part's answer tells a lost connection from a session that is over.
      close();
      timer = setTimeout(() => { refresh().then(open); }, RETRY_MS);
      lost.hidden = false;
    });
  };
  // A browser opens few connections to one server: tabs that nobody looks at hold none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else open();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);

  const talk = live.querySelector(".bubbles");
  if (talk) talk.scrollTo({ top: talk.scrollHeight, behavior: "instant" });
})();
