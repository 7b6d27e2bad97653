// The API's requests. The token goes in a header, never in an address or a cookie.

import * as store from './store.js';

const base = new URL('../api/', import.meta.url);
const REQUEST_MS = 20000;

/** An answer other than success. `status` 0: no answer came at all. */
export class Refused extends Error {
  constructor(status, words = null, retryAfter = 0) {
    super(`status ${status}`);
    this.status = status;
    this.words = words;
    this.retryAfter = retryAfter;
  }

  /** True when the same request cannot succeed later either. */
  get final() {
    return this.status >= 400 && this.status < 500 && ![401, 408, 429].includes(this.status);
  }
}

export function hasSession() {
  return store.get('token') !== null;
}

let opening = null;

/** Make a session if there is none. */
export function openSession() {
  if (hasSession()) return Promise.resolve();
  opening ??= call('session', { method: 'POST' })
    .then((made) => {
      // Another page may have made one in the meantime: both must go on with the same.
      if (!hasSession()) store.set('token', made.token);
    })
    .finally(() => { opening = null; });
  return opening;
}

export const history = (after = 0) => call(`messages?after=${after}`);

export const postMessage = (message) => call('messages', { method: 'POST', body: message });

export const postDelivered = (ids) => call('delivered', { method: 'POST', body: { ids } });

/** Open the event stream after `cursor`; resolves to the response, whose body is unread. */
export async function openEvents(cursor, signal) {
  const headers = { ...authorization(), Accept: 'text/event-stream' };
  if (cursor) headers['Last-Event-ID'] = String(cursor);
  const response = await request('events', { headers, signal });
  if (!response.ok) throw await refusal(response);
  if (!response.body) throw new Refused(0);
  return response;
}

function authorization() {
  const token = store.get('token');
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function call(path, { method = 'GET', body } = {}) {
  const headers = authorization();
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), REQUEST_MS);
  try {
    const response = await request(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      signal: patience.signal,
    });
    if (!response.ok) throw await refusal(response);
    if (response.status === 204) return null;
    return await response.json().catch(() => { throw new Refused(0); });
  } finally {
    clearTimeout(timer);
  }
}

async function request(path, options) {
  try {
    return await fetch(new URL(path, base), {
      ...options, cache: 'no-store', credentials: 'omit', redirect: 'error',
    });
  } catch {
    throw new Refused(0);
  }
}

async function refusal(response) {
  const told = await response.json().catch(() => null);
  const seconds = Number(response.headers.get('Retry-After')) || 0;
  return new Refused(response.status, told?.error?.message ?? null, seconds);
}
