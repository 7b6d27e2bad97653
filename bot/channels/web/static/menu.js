// The small menu in the corner, and the question before a conversation is forgotten.

/** `forget()` is called once the citizen has confirmed. */
export function setUpMenu(forget) {
  const button = document.getElementById('menu');
  const list = document.getElementById('menu-list');
  const item = document.getElementById('new-chat');
  const dialog = document.getElementById('confirm');

  function show(open) {
    list.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
  }

  button.addEventListener('click', () => {
    show(list.hidden);
    if (!list.hidden) item.focus();
  });
  document.addEventListener('click', (event) => {
    if (!list.hidden && !event.target.closest('.menu')) show(false);
  });
  list.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' && event.key !== 'Tab') return;
    if (event.key === 'Escape') event.stopPropagation();
    show(false);
    button.focus();
  });
  item.addEventListener('click', () => {
    show(false);
    dialog.showModal();
    document.getElementById('confirm-no').focus();
  });
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
  dialog.addEventListener('close', () => button.focus());
  document.getElementById('confirm-no').addEventListener('click', () => dialog.close());
  document.getElementById('confirm-yes').addEventListener('click', () => {
    dialog.close();
    forget();
  });
}
