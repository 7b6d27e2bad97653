/* Makes the desk's pages live and keeps what is typed. Everything works without it, only slower.

   The server says by an event stream that something changed; the script then fetches the part
   that the page shows and puts in what is new. Forms outside the parts are never touched. */
"use strict";

(() => {
  const DRAFT = "natiq-desk-draft:";
  const RETRY_MS = 5000;
  const BEAT_MS = 15000;
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

  // -- shortcuts: off while something is typed, and off for good if one wants ------------------

  const KEYS = "natiq-desk-keys";
  const help = document.getElementById("help");
  const keysOn = () => { try { return localStorage.getItem(KEYS) !== "off"; } catch { return true; } };
  if (help) {
    const opener = document.getElementById("open-help");
    const use = document.getElementById("use-keys");
    opener.hidden = false;
    opener.addEventListener("click", () => help.showModal());
    use.checked = keysOn();
    use.addEventListener("change", () => {
      try {
        if (use.checked) localStorage.removeItem(KEYS);
        else localStorage.setItem(KEYS, "off");
      } catch { /* storage is switched off: the choice holds for no longer than this page */ }
    });
  }

  const arabic = /[\u0600-\u06ff]/;
  const pressed = (event, key, code) =>
    event.key.toLowerCase() === key || (event.code === code && !event.shiftKey && arabic.test(event.key));
  const step = (by) => {
    const links = [...document.querySelectorAll("a.goto")];
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? links[by > 0 ? 0 : links.length - 1] : links[at + by];
    next?.focus();
  };
  const follow = (id) => document.getElementById(id)?.click();
  const enter = (id) => document.getElementById(id)?.focus();
  const shortcuts = [
    ["/", "Slash", () => enter("find")],
    ["j", "KeyJ", () => step(1)],
    ["k", "KeyK", () => step(-1)],
    ["q", "KeyQ", () => follow("to-queue")],
    ["r", "KeyR", () => enter("reply")],
    ["n", "KeyN", () => enter("note")],
  ];
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("input:not([type=checkbox]), select, textarea");
    if (event.key === "Escape" && field && !help?.open) { field.blur(); return; }
    if (field || !help || help.open || !keysOn()) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "?" || event.key === "؟") { event.preventDefault(); help.showModal(); return; }
    const found = shortcuts.find(([key, code]) => pressed(event, key, code));
    if (found) { event.preventDefault(); found[2](); }
  });

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
  const parts = () => document.querySelectorAll("[data-part]");
  const remember = (element) => asSent.set(element, element.outerHTML);
  for (const part of parts()) [...part.children].forEach(remember);
  let version = live.querySelector("[data-version]").dataset.version;

  // A reply begun before a colleague's came is not sent as if that had been read: the server then
  // asks once, and keeps the text.
  const reply = document.getElementById("reply");
  const takeSeen = () => {
    if (!reply || reply.value.trim()) return;
    reply.form.elements.seen.value = live.querySelector("[data-seen]").dataset.seen;
  };
  reply?.addEventListener("input", takeSeen);

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
      // What had the focus may be gone: then it goes no farther than to the part's neighbourhood.
      const heir = document.getElementById(focused) ?? document.getElementById("content");
      heir.focus({ preventScroll: true });
    }
    if (atEnd) part.scrollTop = part.scrollHeight;
    if (fresh.dataset.seen !== undefined) {
      part.dataset.seen = fresh.dataset.seen;
      takeSeen();
    }
  };

  // Said by screen readers when they have a pause; the focus stays where it is.
  const news = document.getElementById("news");
  const tell = (words) => {
    news.textContent = "";
    if (words) setTimeout(() => { news.textContent = words; }, 50);
  };

  // When the last heartbeat of whoever types went out. It is due at once when a colleague begins or
  // ends to write, because the lock may be free then, or lost.
  let beaten = -BEAT_MS;
  const colleagueWrites = () => Boolean(document.getElementById("answering-now"));

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
      const wrote = colleagueWrites();
      const known = new Set([...document.querySelectorAll("a.goto")].map((link) => link.id));
      for (const part of parts()) {
        const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
        if (fresh) update(part, fresh);
      }
      if (colleagueWrites() !== wrote) beaten = -BEAT_MS;
      if ([...document.querySelectorAll("a.goto")].some((link) => !known.has(link.id))) {
        tell(live.dataset.news);
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

  // -- "being answered by": while one types, colleagues see it ---------------------------------

  const form = document.querySelector("form[data-answering]");
  if (form) {
    const area = form.querySelector("textarea");
    const address = form.dataset.answering;
    const body = () => new URLSearchParams({ csrf: form.elements.csrf.value });
    const post = (to) => fetch(to, { method: "POST", body: body(), credentials: "same-origin" });
    let typed = false;
    const beat = async () => {
      if (ended || performance.now() - beaten < BEAT_MS) return;
      beaten = performance.now();
      try {
        const answer = await post(address);
        if (answer.status === 401) end();
      } catch { beaten = -BEAT_MS; /* tried again with the next key */ }
    };
    const leave = () => {
      if (!typed) return;
      typed = false;
      beaten = -BEAT_MS;
      navigator.sendBeacon(`${address}/end`, body());
    };
    area.addEventListener("input", () => {
      if (!area.value.trim()) { leave(); return; }
      typed = true;
      beat();
    });
    // Whoever sends has the lock until the reply is taken, and it ends with the reply.
    form.addEventListener("submit", () => { typed = false; });
    window.addEventListener("pagehide", leave);
    document.addEventListener("click", async (event) => {
      const button = event.target.closest?.("[data-take-over]");
      if (!button) return;
      event.preventDefault();
      try {
        const answer = await post(button.formAction);
        if (answer.status === 401 || answer.url.includes("/login")) { end(); return; }
      } catch { lost.hidden = false; return; }
      typed = true;
      beaten = performance.now();
      await refresh();
      area.focus();
    });
  }

  const talk = live.querySelector(".bubbles");
  if (talk) talk.scrollTo({ top: talk.scrollHeight, behavior: "instant" });
})();
