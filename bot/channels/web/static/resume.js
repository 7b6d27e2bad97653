// Following an earlier request from here: a dialog for its number and its secret code.

const byId = (id) => document.getElementById(id);

/** `follow(text, shown)` is called with what is to be sent, and what the page may show of it. */
export function setUpResume(follow) {
  const dialog = byId('resume-dialog');
  const number = byId('resume-number');
  const code = byId('resume-code');
  const wrong = byId('resume-wrong');

  function look() {
    for (const [field, length] of [[number, 6], [code, 8]]) {
      field.setAttribute('aria-invalid', String(digits(field.value).length !== length));
    }
    return [number, code].find((field) => field.getAttribute('aria-invalid') === 'true');
  }

  function clear() {
    wrong.hidden = true;
    for (const field of [number, code]) {
      field.value = '';
      field.removeAttribute('aria-invalid');
    }
  }

  byId('resume').addEventListener('click', () => {
    clear();
    dialog.showModal();
    number.focus();
  });
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
  dialog.addEventListener('close', () => {
    clear(); // the code must not stay in the page
    if (!byId('resume').hidden) byId('resume').focus();
  });
  byId('resume-no').addEventListener('click', () => dialog.close());
  byId('resume-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const amiss = look();
    wrong.hidden = !amiss;
    if (amiss) {
      amiss.focus();
      return;
    }
    const named = digits(number.value).replace(/^(.{3})/, '$1-');
    const secret = digits(code.value).replace(/^(.{4})/, '$1-');
    dialog.close();
    follow(`${named} ${secret}`, `${named} ${secret.replace(/\d/g, '•')}`);
  });
}

/** The digits of a text, Arabic and Persian ones too, as Western ones. */
function digits(text) {
  const found = text.match(/[0-9\u0660-\u0669\u06f0-\u06f9]/gu) ?? [];
  return found.map((sign) => String(sign.codePointAt(0) & 15)).join('');
}
