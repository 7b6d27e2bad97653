// Keeps the page up to date: reads the event stream with fetch (EventSource cannot send the token
// in a header), reconnects with growing pauses, and asks for news instead where streams do not
// pass (a proxy that holds them back, too many open pages).

import { history, openEvents } from './server.js';

const SILENCE_MS = 40000; // the server gives a sign of life every 15 seconds
const FIRST_MS = 8000; // and speaks first as soon as the stream is open
const SHORT_MS = 5000; // a stream that ends sooner does not really pass
const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30000;
const POLL_MS = 3000;
const LONGEST_POLL_MS = 15000;
const POLLS_BEFORE_STREAM = 20;

/** `handlers`: cursor() -> number, message(m), state(s), merged(history), connected(bool), and
 * lost() when the server does not know the session. */
export class Live {
  #handlers;
  #run = null;
  #wake = () => {};

  constructor(handlers) {
    this.#handlers = handlers;
  }

  get running() {
    return this.#run !== null;
  }

  start() {
    if (this.#run) return;
    this.#run = new AbortController();
    this.#loop(this.#run.signal);
  }

  stop() {
    this.#run?.abort();
    this.#run = null;
    this.#wake();
  }

  /** Do not wait any longer: the network is back, or the page is looked at again. */
  hurry() {
    this.#wake();
  }

  async #loop(signal) {
    let failures = 0;
    while (!signal.aborted) {
      const began = Date.now();
      const reached = await this.#stream(signal);
      if (signal.aborted) return;
      failures = reached === 'down' ? failures + 1 : 0;
      if (reached === 'down') await this.#pause(PAUSE_MS * 2 ** (failures - 1), signal);
      else if (reached === 'spoke' && Date.now() - began > SHORT_MS) await this.#pause(200, signal);
      else await this.#poll(signal);
    }
  }

  /** One stream, preceded by the history. How far it came: `spoke`, `answered` (the history came,
   * the stream did not), or `down`. */
  async #stream(signal) {
    const attempt = new AbortController();
    const end = () => attempt.abort();
    signal.addEventListener('abort', end, { once: true });
    let timer;
    const patience = (milliseconds) => {
      clearTimeout(timer);
      timer = setTimeout(end, milliseconds);
    };
    let reached = 'down';
    try {
      const past = await history();
      if (signal.aborted) return reached;
      reached = 'answered';
      this.#handlers.merged(past);
      this.#handlers.connected(true);
      patience(FIRST_MS);
      const response = await openEvents(this.#handlers.cursor(), attempt.signal);
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      const parser = new EventParser((event) => this.#handle(event));
      for (;;) {
        const { done, value } = await reader.read();
        if (done || signal.aborted) break;
        reached = 'spoke';
        this.#handlers.connected(true);
        patience(SILENCE_MS);
        parser.push(decoder.decode(value, { stream: true }));
      }
    } catch (error) {
      // Whatever went wrong, the loop tries again.
      if (!signal.aborted) {
        if (error.status === 401) this.#handlers.lost();
        else if (reached === 'down') this.#handlers.connected(false);
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      attempt.abort();
    }
    return reached;
  }

  /** Ask for news for a while; ends early when nothing answers any more. */
  async #poll(signal) {
    let pause = POLL_MS;
    for (let round = 0; round < POLLS_BEFORE_STREAM; round += 1) {
      await this.#pause(pause, signal);
      if (signal.aborted) return;
      let news;
      try {
        news = await history(this.#handlers.cursor());
      } catch {
        return;
      }
      if (signal.aborted) return;
      this.#handlers.merged(news);
      const quiet = news.messages.length === 0 && !news.waiting;
      pause = quiet ? Math.min(pause * 1.3, LONGEST_POLL_MS) : POLL_MS;
    }
  }

  async #pause(milliseconds, signal) {
    if (signal.aborted) return;
    const wait = Math.min(milliseconds, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => { clearTimeout(timer); resolve(); };
    });
  }

  #handle({ name, data }) {
    let parsed;
    try {
      parsed = JSON.parse(data);
    } catch {
      return;
    }
    if (name === 'message') this.#handlers.message(parsed);
    else if (name === 'state') this.#handlers.state(parsed);
  }
}

/** Splits an event stream into events, as the HTML standard describes. */
export class EventParser {
  #rest = '';
  #name = '';
  #data = [];
  #emit;

  constructor(emit) {
    this.#emit = emit;
  }

  push(text) {
    this.#rest += text;
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === '') {
      if (this.#data.length) {
        this.#emit({ name: this.#name || 'message', data: this.#data.join('\n') });
      }
      this.#name = '';
      this.#data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#name = value;
    else if (field === 'data') this.#data.push(value);
  }
}
