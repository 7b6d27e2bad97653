// Turns a text into nodes: text, and links for addresses that begin with https://. Nodes alone,
// never markup, so that nothing a message says can become part of the page.

const ADDRESS = /https:\/\/[^\s<>"'«»“”()[\]{}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
const TRAILING = /[.,;:!?،؛؟…]+$/u;

/** A fragment with the text, its https addresses clickable. */
export function linked(text) {
  const fragment = document.createDocumentFragment();
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TRAILING, '');
    if (!isSafe(address)) continue;
    fragment.append(text.slice(at, match.index), link(address, address));
    at = match.index + address.length;
  }
  fragment.append(text.slice(at));
  return fragment;
}

/** A link that opens a new tab and tells the other page nothing of this one. */
export function link(label, address) {
  const anchor = document.createElement('a');
  anchor.href = address;
  anchor.target = '_blank';
  anchor.rel = 'noopener noreferrer';
  anchor.textContent = label;
  if (label === address) anchor.dir = 'ltr';
  return anchor;
}

/** True for a whole https address. */
export function isSafe(address) {
  try {
    const url = new URL(address);
    return url.protocol === 'https:' && url.hostname !== '';
  } catch {
    return false;
  }
}

/** An element of a class, with children. */
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A small drawing in the colour of the text around it. */
export function icon(path, className) {
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('viewBox', '0 0 24 24');
  drawing.setAttribute('aria-hidden', 'true');
  drawing.setAttribute('class', className);
  const line = document.createElementNS(SVG, 'path');
  line.setAttribute('d', path);
  drawing.append(line);
  return drawing;
}
