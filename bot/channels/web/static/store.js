// What the page keeps on this device: the session's token, the language, and messages that the
// server has not yet confirmed. Where the browser allows no storage (a private window, a frame of
// another site), memory serves until the page is closed.

const PREFIX = 'natiq.chat.';
const PENDING = 'pending.';
const memory = new Map();
const area = usable();

function usable() {
  try {
    const probe = `${PREFIX}probe`;
    localStorage.setItem(probe, '1');
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    return null;
  }
}

export function get(key) {
  if (memory.has(key)) return memory.get(key);
  return area ? area.getItem(PREFIX + key) : null;
}

export function set(key, value) {
  try {
    if (!area) throw new Error('no storage');
    area.setItem(PREFIX + key, value);
    memory.delete(key);
  } catch {
    memory.set(key, value); // also when the storage is full
  }
}

export function remove(key) {
  memory.delete(key);
  if (area) area.removeItem(PREFIX + key);
}

/** Messages not yet confirmed, oldest first. Each has a key of its own, so that two open pages
 * cannot overwrite each other's. */
export function pending() {
  const found = new Map();
  for (const key of keys()) {
    if (!key.startsWith(PENDING)) continue;
    try {
      const entry = JSON.parse(get(key));
      if (entry && typeof entry.id === 'string') found.set(entry.id, entry);
    } catch {
      remove(key);
    }
  }
  return [...found.values()].sort((a, b) => a.order - b.order);
}

export function keep(entry) {
  set(PENDING + entry.id, JSON.stringify(entry));
}

export function forget(id) {
  remove(PENDING + id);
}

/** Forget this chat on this device; the language stays. */
export function clear() {
  for (const key of keys()) {
    if (key === 'token' || key.startsWith(PENDING)) remove(key);
  }
}

/** Call `listener(key, value)` when another page of this chat changes the storage. */
export function onChange(listener) {
  addEventListener('storage', (event) => {
    if (event.key === null) listener('token', null);
    else if (event.key.startsWith(PREFIX)) {
      listener(event.key.slice(PREFIX.length), event.newValue);
    }
  });
}

export const isPending = (key) => key.startsWith(PENDING);

function keys() {
  const all = [...memory.keys()];
  if (area) {
    for (let index = 0; index < area.length; index += 1) {
      const key = area.key(index);
      if (key.startsWith(PREFIX)) all.push(key.slice(PREFIX.length));
    }
  }
  return all;
}
