// Where the citizen writes: a field that grows, a count near the limit, and the keys.

import { settings } from './words.js';

const COUNT_FROM = 0.85;
const touch = matchMedia('(pointer: coarse)');

export class Composer {
  #form = document.getElementById('form');
  #field = document.getElementById('text');
  #button = document.getElementById('send');
  #count = document.getElementById('count');
  #send;

  /** `send(text)` is called with what was written. */
  constructor(send) {
    this.#send = send;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener('input', () => this.#look());
    this.#field.addEventListener('keydown', (event) => {
      // While a word is being composed, Enter belongs to the keyboard; on touch it is a new line.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || touch.matches) return;
      event.preventDefault();
      this.#submit();
    });
    this.#look();
  }

  focus() {
    if (!touch.matches) this.#field.focus();
  }

  #submit() {
    const text = this.#field.value;
    if (!text.trim()) return;
    this.#field.value = '';
    this.#look();
    this.#field.focus();
    this.#send(text);
  }

  #look() {
    const { value } = this.#field;
    this.#button.disabled = !value.trim();
    this.#field.dir = value ? 'auto' : ''; // an empty field follows the page, for its hint's sake
    this.#field.style.blockSize = 'auto';
    const edges = this.#field.offsetHeight - this.#field.clientHeight;
    this.#field.style.blockSize = `${this.#field.scrollHeight + edges}px`;
    this.#count.hidden = value.length < settings.maxText * COUNT_FROM;
    this.#count.textContent = `${value.length} / ${settings.maxText}`;
  }
}
