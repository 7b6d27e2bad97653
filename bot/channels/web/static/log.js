// The list of messages: keeps each once, in the order of time, and draws it. The citizen's own
// messages are known by their UUID, the ministry's by their outbox id.

import { clockTime, currentLanguage, dayName, ministry, word } from './words.js';
import { element, icon, isSafe, link, linked } from './text.js';

const TICK = 'M9.2 16.4 4.8 12l-1.5 1.5 5.9 5.9L21.5 7.1 20 5.6z';
const CLOCK = 'M12 3a9 9 0 100 18 9 9 0 000-18zm0 2a7 7 0 110 14 7 7 0 010-14zm-1 2v5.4l4 2.4 1-1.6-3-1.8V7z';
const ALERT = 'M11 6h2v8h-2zm0 10h2v2h-2zM12 2a10 10 0 100 20 10 10 0 000-20zm0 2a8 8 0 110 16 8 8 0 010-16z';
const OUTSIDE = 'M14 4h6v6h-2V7.4l-8.3 8.3-1.4-1.4L16.6 6H14zM5 6h5v2H6v10h10v-4h2v6H4V6z';

export class Log {
  #list = document.getElementById('messages');
  #scroller = document.getElementById('log');
  #jump = document.getElementById('jump');
  #empty = document.getElementById('empty');
  #entries = new Map();
  #handlers;
  #following = true;

  /** `handlers`: choose(choice), retry(id). */
  constructor(handlers) {
    this.#handlers = handlers;
    this.#scroller.addEventListener('scroll', () => this.#look(), { passive: true });
    this.#jump.addEventListener('click', () => this.follow());
    new ResizeObserver(() => this.settle()).observe(this.#scroller);
  }

  has(message) {
    return this.#entries.has(keyOf(message));
  }

  /** Show a message, or what is new of one that is shown already. */
  put(message) {
    this.#put(message);
    this.#refresh();
  }

  /** Put many; the first ones are not read aloud, for they are the past. */
  putAll(messages) {
    if (messages.length === 0) return;
    if (this.#entries.size === 0) this.#hush();
    for (const message of messages) this.#put(message);
    this.#refresh();
  }

  #put(message) {
    const key = keyOf(message);
    const known = this.#entries.get(key);
    const entry = { node: known?.node ?? element('li', ''), message: { ...known?.message, ...message } };
    this.#entries.set(key, entry);
    const same = known && JSON.stringify(known.message) === JSON.stringify(entry.message);
    if (same) return;
    this.#draw(entry);
    this.#place(entry);
  }

  #hush() {
    this.#scroller.setAttribute('aria-live', 'off');
    setTimeout(() => this.#scroller.setAttribute('aria-live', 'polite'), 500);
  }

  clear() {
    this.#entries.clear();
    this.#list.replaceChildren();
    this.#refresh();
  }

  /** Draw everything anew, in the present language. */
  redraw() {
    this.#hush();
    for (const entry of this.#entries.values()) this.#draw(entry);
    this.#refresh();
  }

  /** Say that there is nothing to show yet (true) or that it is still being fetched. */
  welcome(shown) {
    this.#empty.hidden = !shown || this.#entries.size > 0;
  }

  /** Show the latest message, and keep showing it as others come. */
  follow() {
    this.#following = true;
    this.settle();
  }

  /** Keep the latest message in view, unless the reader has gone up to older ones. */
  settle() {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#look();
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const below = scrollHeight - scrollTop - clientHeight;
    this.#following = below < 40;
    this.#jump.hidden = below < 200;
  }

  #place({ node, message }) {
    const at = orderOf(message);
    let before = this.#list.lastElementChild;
    while (before && (before === node || !before.dataset.order || before.dataset.order > at)) {
      before = before.previousElementSibling;
    }
    const target = before ? before.nextElementSibling : this.#list.firstElementChild;
    node.dataset.order = at;
    if (target !== node) this.#list.insertBefore(node, target);
  }

  #refresh() {
    if (this.#entries.size) this.#empty.hidden = true;
    this.#days();
    this.#choices();
    this.settle();
  }

  /** A line with the date above the first message of each day. */
  #days() {
    let last = '';
    let line = null;
    for (const node of [...this.#list.children]) {
      if (node.classList.contains('day')) {
        line?.remove();
        line = node;
        continue;
      }
      const name = dayName(node.dataset.at);
      if (name === last) line?.remove();
      else if (!line) this.#list.insertBefore(element('li', 'day', element('span', '', name)), node);
      else if (line.textContent !== name) line.firstElementChild.textContent = name;
      line = null;
      last = name;
    }
    line?.remove();
  }

  /** Choices can be tapped until the citizen says something after them. */
  #choices() {
    let open = true;
    for (const node of [...this.#list.children].reverse()) {
      if (node.classList.contains('in')) open = false;
      for (const button of node.querySelectorAll('.choices button')) button.disabled = !open;
    }
  }

  #draw({ node, message }) {
    const own = message.direction === 'in';
    node.className = `message ${message.direction} ${own ? message.state : message.from}`;
    node.dataset.at = message.at;
    node.dataset.id = message.id;
    if (own) node.setAttribute('aria-live', 'off'); // who wrote it need not hear it
    node.replaceChildren(own ? this.#mine(message) : this.#theirs(message));
  }

  #mine(message) {
    const bubble = element('div', 'bubble');
    bubble.append(element('span', 'only-read', `${word('you')}: `), body(message.text));
    const meta = element('div', 'meta', time(message.at), mark(message.state));
    bubble.append(meta);
    const group = element('div', 'group', bubble);
    if (message.state === 'failed') {
      const again = element('button', 'again', word('retry'));
      again.type = 'button';
      again.addEventListener('click', () => this.#handlers.retry(message.id));
      const reason = message.reason?.[currentLanguage()] ?? word('failed');
      group.append(element('div', 'trouble', element('span', '', reason), again));
    }
    return group;
  }

  #theirs(message) {
    const bubble = element('div', 'bubble');
    bubble.append(element('span', 'only-read', `${ministry()}: `));
    if (message.from === 'staff') bubble.append(element('p', 'from', word('fromStaff')));
    bubble.append(body(message.text, message.language));
    const links = message.links.filter((one) => isSafe(one.url));
    if (links.length) bubble.append(element('div', 'links', ...links.map(linkButton)));
    bubble.append(element('div', 'meta', time(message.at)));
    const group = element('div', 'group', bubble);
    if (message.choices.length) {
      const buttons = message.choices.map((choice) => this.#choice(choice));
      const row = element('div', 'choices', ...buttons);
      row.setAttribute('role', 'group');
      row.setAttribute('aria-label', word('choices'));
      group.append(row);
    }
    return group;
  }

  #choice(choice) {
    const label = element('span', 'label', choice.label);
    label.dir = 'auto';
    const button = element('button', '', label);
    if (choice.description && choice.description !== choice.label) {
      const more = element('span', 'more', choice.description);
      more.dir = 'auto';
      button.append(more);
    }
    button.type = 'button';
    button.addEventListener('click', () => this.#handlers.choose(choice));
    return button;
  }
}

const keyOf = (message) => `${message.direction}:${message.id}`;

/** Sorts by time as text: the server writes all its times alike; what it has not confirmed yet
 * stands last, in the order of writing. At the same time, questions stand before answers. */
function orderOf(message) {
  if (message.order) return `~${String(message.order).padStart(20, '0')}`;
  const number = message.direction === 'out' ? String(message.id).padStart(20, '0') : '';
  return `${message.at} ${message.direction} ${number}`;
}

function body(text, language) {
  const made = element('p', 'text', linked(text));
  made.dir = 'auto';
  if (language) made.lang = language;
  return made;
}

function time(iso) {
  const made = element('time', '', clockTime(iso));
  made.dateTime = iso;
  return made;
}

function mark(state) {
  const [path, key] = {
    sending: [CLOCK, 'sending'],
    failed: [ALERT, 'failed'],
  }[state] ?? [TICK, 'received'];
  const made = element('span', 'mark-state', icon(path, 'state'));
  made.append(element('span', state === 'sending' ? '' : 'only-read', word(key)));
  return made;
}

function linkButton({ label, url }) {
  const made = link(label, url);
  made.className = 'link-button';
  made.removeAttribute('dir');
  made.append(icon(OUTSIDE, 'state'), element('span', 'only-read', ` (${word('newTab')})`));
  return made;
}
