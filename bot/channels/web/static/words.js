// The page's own words and its language. Everything the page says comes from strings.json, handed
// over in the page's data-config; nothing here is said by the ministry.

import * as store from './store.js';

const config = JSON.parse(document.body.dataset.config);
const listeners = new Set();

export const settings = {
  maxText: config.maxText,
  embedded: config.embedded,
};

let language = initialLanguage();

function initialLanguage() {
  const asked = new URLSearchParams(location.search).get('language');
  const known = store.get('language') || asked;
  return known === 'en' ? 'en' : 'ar';
}

export function currentLanguage() {
  return language;
}

/** The page's word for `key` in the present language. */
export function word(key) {
  return config.strings[key][language];
}

/** The ministry's name in the present language. */
export function ministry() {
  return config.names[language];
}

/** Show the page in `next`, and remember it. */
export function setLanguage(next) {
  language = next;
  store.set('language', next);
  const address = new URL(location.href); // so that a reload begins in this language at once
  address.searchParams.set('language', next);
  history.replaceState(null, '', address);
  apply();
}

/** Call `listener` whenever the language changes. */
export function onLanguage(listener) {
  listeners.add(listener);
}

/** Write the words of the present language into the page. */
export function apply() {
  const root = document.documentElement;
  root.lang = language;
  root.dir = language === 'ar' ? 'rtl' : 'ltr';
  document.getElementById('name').textContent = ministry();
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = word(element.dataset.t);
  }
  for (const element of document.querySelectorAll('[data-t-label]')) {
    element.setAttribute('aria-label', word(element.dataset.tLabel));
  }
  for (const element of document.querySelectorAll('[data-t-placeholder]')) {
    element.placeholder = word(element.dataset.tPlaceholder);
  }
  const button = document.getElementById('switch');
  button.textContent = word('switch');
  button.lang = language === 'ar' ? 'en' : 'ar';
  for (const listener of listeners) listener();
}

// Western digits in both languages, as everywhere in the ministry's texts; Gregorian dates.
const locales = { ar: 'ar-u-nu-latn-ca-gregory', en: 'en-GB' };

/** Hour and minute of an ISO time, in the reader's zone. */
export function clockTime(iso) {
  return new Intl.DateTimeFormat(locales[language], { hour: 'numeric', minute: '2-digit' })
    .format(new Date(iso));
}

/** "Today", "Yesterday", or the date. */
export function dayName(iso) {
  const day = new Date(iso);
  const now = new Date();
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const ago = Math.round((midnight(now) - midnight(day)) / 86400000);
  if (ago === 0) return word('today');
  if (ago === 1) return word('yesterday');
  const form = { weekday: 'long', day: 'numeric', month: 'long' };
  if (day.getFullYear() !== now.getFullYear()) form.year = 'numeric';
  return new Intl.DateTimeFormat(locales[language], form).format(day);
}
