// Sends the citizen's messages one after another, in the order in which they were written. Each
// is kept on the device until the server has confirmed it, and is always sent under the same id:
// so nothing is lost by a reload, and nothing doubled by a second attempt.

import * as server from './server.js';
import * as store from './store.js';

const PAUSE_MS = 1500;
const LONGEST_PAUSE_MS = 30000;

/** `handlers`: accepted(entry, receivedAt), trouble(entry, error). */
export class Queue {
  #handlers;
  #busy = false;
  #failures = 0;
  #wake = () => {};
  #stopped = false;

  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** Keep a message and send it; returns what is kept. `shown` is what may be seen of it. */
  add({ text, choice = null, shown = text, language }) {
    const entry = { id: newId(), order: nextOrder(), text, choice, language, at: isoNow() };
    if (shown !== text) entry.shown = shown;
    store.keep(entry);
    this.send();
    return entry;
  }

  /** Try again at once, also a message that was refused. */
  retry(id) {
    const entry = store.pending().find((one) => one.id === id);
    if (entry?.refused) store.keep({ ...entry, refused: false });
    this.send();
  }

  stop() {
    this.#stopped = true;
    this.#wake();
  }

  /** Send what waits, now. */
  async send() {
    this.#wake();
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let entry = first(); entry && !this.#stopped; entry = first()) {
        await this.#attempt(entry);
      }
    } finally {
      this.#busy = false;
    }
  }

  async #attempt(entry) {
    try {
      await server.openSession();
      const { id, text, choice, language } = entry;
      const body = choice === null ? { id, text, language } : { id, text, choice, language };
      const answer = await server.postMessage(body);
      if (this.#stopped) return;
      this.#failures = 0;
      store.forget(entry.id);
      this.#handlers.accepted(entry, answer.received_at);
    } catch (error) {
      if (this.#stopped) return;
      if (error.status === 401) store.remove('token'); // the next attempt opens a new session
      if (error.final) store.keep({ ...entry, refused: true });
      this.#handlers.trouble(entry, error);
      if (error.final) return;
      this.#failures += 1;
      const growing = Math.min(PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS);
      await this.#pause(error.retryAfter ? error.retryAfter * 1000 : growing);
    }
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => { clearTimeout(timer); resolve(); };
    });
  }
}

const first = () => store.pending().find((entry) => !entry.refused);

let lastOrder = 0;

function nextOrder() {
  lastOrder = Math.max(lastOrder + 1, Date.now());
  return lastOrder;
}

function isoNow() {
  return new Date().toISOString();
}

/** A random UUID; crypto.randomUUID exists on secure origins alone. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
