// Puts the page together: what is written goes to the queue, what comes goes to the log.

import { Composer } from './composer.js';
import { Live } from './stream.js';
import { Log } from './log.js';
import { Queue } from './queue.js';
import { setUpResume } from './resume.js';
import { setUpMenu } from './menu.js';
import * as server from './server.js';
import * as store from './store.js';
import * as words from './words.js';

const ACKNOWLEDGE_MS = 400;
const byId = (id) => document.getElementById(id);

let cursor = 0;
let connected = true;
let unread = false;
const unacknowledged = new Set();
let acknowledging = null;
let barTimer = null;

const log = new Log({
  choose: (choice) => say(choice.label, choice.value),
  retry: (id) => {
    log.put({ direction: 'in', id, state: 'sending' });
    queue.retry(id);
  },
});

const queue = new Queue({
  accepted(entry, receivedAt) {
    log.put({ direction: 'in', id: entry.id, at: receivedAt, order: 0, state: 'received' });
    setConnected(true);
    live.start();
    live.hurry();
  },
  trouble(entry, error) {
    // Without a network the bar says it all; the message simply waits.
    const failed = error.final || (error.status !== 0 && error.status !== 429);
    const news = failed ? { state: 'failed', reason: error.words } : { state: 'sending' };
    log.put({ direction: 'in', id: entry.id, ...news });
    if (error.status === 0) setConnected(false);
    else if (error.status === 429) showBar(error.words);
  },
});

const live = new Live({
  cursor: () => cursor,
  message: (message) => hear([message]),
  state: showState,
  merged(history) {
    hear(history.messages);
    cursor = Math.max(cursor, history.cursor);
    showState(history);
    log.welcome(true);
  },
  connected: setConnected,
  lost() {
    store.remove('token');
    live.stop();
    log.welcome(true);
  },
});

const composer = new Composer((text) => say(text));

/** Send a message; `shown` is what the page shows of it, where that is not all. */
function say(text, choice = null, shown = text) {
  const entry = queue.add({ text, choice, shown, language: words.currentLanguage() });
  log.follow();
  log.put({ direction: 'in', state: 'sending', ...visible(entry) });
}

const visible = ({ shown, ...entry }) => ({ ...entry, text: shown ?? entry.text });

function hear(messages) {
  const news = messages.filter((message) => message.direction === 'in' || !log.has(message));
  for (const message of news) {
    // The server has it, even if its answer never reached us.
    if (message.direction === 'in') store.forget(message.id);
    else {
      cursor = Math.max(cursor, message.id);
      if (message.state !== 'delivered') unacknowledged.add(message.id);
    }
  }
  log.putAll(news.map((message) => ({ ...message, order: 0 })));
  if (unacknowledged.size) acknowledging ??= setTimeout(acknowledge, ACKNOWLEDGE_MS);
  if (document.hidden && news.some((message) => message.direction === 'out')) {
    unread = true;
    showTitle();
  }
}

/** Tell the server what this device has shown; what is not told is told with the next. */
async function acknowledge() {
  const ids = [...unacknowledged].slice(0, 200);
  try {
    await server.postDelivered(ids);
    for (const id of ids) unacknowledged.delete(id);
  } catch {
    // A mark for the staff, nothing that a citizen misses.
  }
  acknowledging = null;
}

function showState({ mode, waiting }) {
  const human = mode === 'human';
  byId('staff').hidden = !human;
  // What is tapped then would be a message to the member of staff.
  if (human && byId('quick').contains(document.activeElement)) composer.focus();
  byId('topics').hidden = human;
  byId('resume').hidden = human;
  byId('typing').hidden = !waiting;
  log.settle();
}

function setConnected(now) {
  connected = now;
  showBar();
}

/** The bar for trouble with the connection, or for a sentence of the server. */
function showBar(told = null) {
  const bar = byId('connection');
  let text = '';
  if (told) text = told[words.currentLanguage()];
  else if (!navigator.onLine) text = words.word('offline');
  else if (!connected) text = words.word('reconnecting');
  if (bar.textContent !== text) bar.textContent = text;
  bar.hidden = text === '';
  clearTimeout(barTimer);
  if (told) barTimer = setTimeout(showBar, 3000);
}

function showTitle() {
  const name = `${words.word('title')} · ${words.ministry()}`;
  document.title = unread ? `(${words.word('unread')}) ${name}` : name;
}

function forget() {
  queue.stop();
  live.stop();
  store.clear();
  location.reload();
}

function hurry() {
  showBar();
  queue.send();
  live.hurry();
}

words.onLanguage(() => {
  log.redraw();
  showTitle();
  showBar();
});
byId('switch').addEventListener('click', () => {
  words.setLanguage(words.currentLanguage() === 'ar' ? 'en' : 'ar');
});
byId('topics').addEventListener('click', () => say(words.word('topics'), 'menu'));
setUpMenu(forget);
setUpResume((text, shown) => say(text, 'resume', shown));

addEventListener('online', hurry);
addEventListener('offline', () => showBar());
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  unread = false;
  showTitle();
  hurry();
});
document.addEventListener('keydown', (event) => {
  // The frame's own page closes it; all that is told is that Escape was pressed.
  if (event.key === 'Escape' && words.settings.embedded && parent !== window) {
    parent.postMessage('natiq:close', '*');
  }
});

// Another page of this chat has begun anew, or has sent something.
store.onChange((key, value) => {
  if (key === 'token') {
    if (value !== null && !live.running) live.start();
    else location.reload();
  }
  if (store.isPending(key) && value === null && server.hasSession()) {
    server.history(cursor).then((news) => hear(news.messages), () => {});
  }
});

words.apply();
for (const entry of store.pending()) {
  log.put({ direction: 'in', ...visible(entry), state: entry.refused ? 'failed' : 'sending' });
}
if (server.hasSession()) live.start();
else log.welcome(true);
queue.send();
composer.focus();
